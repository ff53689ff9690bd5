package numpy

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/headstart-ml/headstart/models/tensor"
)

// WriteNPZ writes arrays by their names, as numpy.savez does: a ZIP file in
// which NAME.npy is stored as it is. comment is that of the ZIP file, which
// NumPy does not read.
func WriteNPZ(w io.Writer, arrays []tensor.View, comment string) error {
	z := zip.NewWriter(w)
	if err := z.SetComment(comment); err != nil {
		return fmt.Errorf("numpy: %w", err)
	}
	for i := range arrays {
		if err := add(z, &arrays[i]); err != nil {
			return fmt.Errorf("numpy: array %s: %w", arrays[i].Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("numpy: %w", err)
	}
	return nil
}

// first is the first time that a ZIP file can say, which is what NumPy's say.
var first = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// add writes an array as a member of z.
func add(z *zip.Writer, a *tensor.View) error {
	if err := a.Check(); err != nil {
		return err
	}
	f, err := z.CreateHeader(&zip.FileHeader{Name: a.Name + ".npy", Method: zip.Store, Modified: first})
	if err != nil {
		return err
	}
	descr, values := bytesOf(a)
	if _, err := f.Write(Header(descr, a.Shape...)); err != nil {
		return err
	}
	_, err = f.Write(values)
	return err
}

// bytesOf returns the type of a's values and their bytes.
func bytesOf(a *tensor.View) (descr string, values []byte) {
	switch {
	case a.F32 != nil:
		values = make([]byte, 0, 4*len(a.F32))
		for _, v := range a.F32 {
			values = binary.LittleEndian.AppendUint32(values, math.Float32bits(v))
		}
		return "<f4", values
	case a.I64 != nil:
		values = make([]byte, 0, 8*len(a.I64))
		for _, v := range a.I64 {
			values = binary.LittleEndian.AppendUint64(values, uint64(v))
		}
		return "<i8", values
	case a.U8 != nil:
		return "|u1", a.U8
	}
	values = make([]byte, 0, 4*len(a.I32))
	for _, v := range a.I32 {
		values = binary.LittleEndian.AppendUint32(values, uint32(v))
	}
	return "<i4", values
}
