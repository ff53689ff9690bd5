package numpy_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/models/tensor"
)

// golden is a file that NumPy has written, and what NumPy reads of it.
type golden struct {
	File    string
	Bytes   []byte
	Refused string
	Arrays  []struct {
		Name    string
		Type    string
		Shape   []int64
		Values  []byte
		Float32 []byte
		Text    []string
	}
}

func goldens(t testing.TB) (all []golden) {
	t.Helper()
	f, err := os.Open("testdata/arrays.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 200 {
		t.Fatalf("%d files", len(all))
	}
	return all
}

// allOf returns the values of an array, row after row.
func allOf(a *numpy.Array) ([]byte, error) {
	rows, err := a.Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []byte
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if len(row) != rows.Bytes() {
			return nil, fmt.Errorf("a row of %d bytes, not %d", len(row), rows.Bytes())
		}
		all = append(all, row...)
	}
}

// Files of every type, order of bytes, order of values and version are read
// as NumPy reads them, bit for bit, from a file and from a stream; what is not
// read is refused by name.
func TestArraysAreReadAsNumPyDoes(t *testing.T) {
	for _, g := range goldens(t) {
		arrays, err := numpy.Open(bytes.NewReader(g.Bytes), int64(len(g.Bytes)))
		if err != nil {
			t.Errorf("%s: %v", g.File, err)
			continue
		}
		if g.Refused != "" {
			if why := arrays[0].Refused; why == nil || !strings.Contains(why.Error(), g.Refused) || !strings.Contains(why.Error(), "in Python") {
				t.Errorf("%s: refused: %v, want a reason with %s", g.File, why, g.Refused)
			}
			if _, err := arrays[0].Rows(); err == nil {
				t.Errorf("%s: it has rows", g.File)
			}
			continue
		}
		if len(arrays) != len(g.Arrays) {
			t.Errorf("%s: %d arrays, want %d", g.File, len(arrays), len(g.Arrays))
			continue
		}
		for i, want := range g.Arrays {
			a := arrays[i]
			if a.Name != want.Name || a.Type.String() != want.Type || !slices.Equal(a.Shape, want.Shape) {
				t.Errorf("%s: array %q, %s, %v, want %+v", g.File, a.Name, a.Type, a.Shape, want)
			}
			if strings.HasSuffix(g.File, ".npy") {
				_, values, err := numpy.Whole(g.Bytes)
				if err != nil || !bytes.Equal(values, want.Values) {
					t.Errorf("%s: as a whole it has other values: %v", g.File, err)
				}
			}
			if len(want.Shape) == 0 {
				continue
			}
			for k := range 2 { // it may be read twice
				if got, err := allOf(a); err != nil || !bytes.Equal(got, want.Values) {
					t.Errorf("%s: array %q, time %d: other values: %v", g.File, a.Name, k, err)
				}
			}
			if want := strings.HasSuffix(g.File, ".npy") && (!a.Fortran || len(a.Shape) < 2); a.Direct() != want {
				t.Errorf("%s: direct is %t", g.File, a.Direct())
			}
			var direct []byte
			for i := int64(0); a.Direct() && i < a.Shape[0]; i++ {
				row := make([]byte, a.RowBytes())
				if err := a.Row(row, i); err != nil {
					t.Error(g.File, err)
				}
				direct = append(direct, row...)
			}
			if a.Direct() && !bytes.Equal(direct, want.Values) {
				t.Errorf("%s: row by row it has other values", g.File)
			}
			if err := a.Row(make([]byte, 1), a.Shape[0]); err == nil {
				t.Errorf("%s: a row behind the last was read", g.File)
			}
			if strings.HasSuffix(g.File, ".npy") {
				stream, err := numpy.Read(bytes.NewReader(g.Bytes))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := allOf(stream); err != nil || !bytes.Equal(got, want.Values) {
					t.Errorf("%s: as a stream it has other values: %v", g.File, err)
				}
			}
			convert(t, g.File, a, want.Values, want.Float32, want.Text)
		}
	}
}

// convert compares the values as float32, as int64 and as texts.
func convert(t *testing.T, file string, a *numpy.Array, values, float32s []byte, text []string) {
	t.Helper()
	size := a.Type.Size
	if float32s != nil && len(values) > 0 {
		got := make([]float32, len(values)/size)
		a.Type.Float32To(got, values)
		for i, x := range got {
			want := binary.LittleEndian.Uint32(float32s[4*i:])
			if math.Float32bits(x) != want && !(x != x && math.Float32frombits(want) != math.Float32frombits(want)) {
				t.Errorf("%s: value %d is %g, want %g", file, i, x, math.Float32frombits(want))
				break
			}
		}
	}
	for i, want := range text {
		if got := string(a.Type.AppendText(nil, values[i*size:])); got != want {
			t.Errorf("%s: text %d is %q, want %q", file, i, got, want)
		}
	}
}

// Whole numbers become int64, and the first value that is none is named.
func TestInt64To(t *testing.T) {
	floats := binary.LittleEndian.AppendUint64(nil, math.Float64bits(-3))
	for _, x := range []float64{4, 0.5, 1e300} {
		floats = binary.LittleEndian.AppendUint64(floats, math.Float64bits(x))
	}
	dst := make([]int64, 4)
	if at := (numpy.Type{Kind: 'f', Size: 8}).Int64To(dst, floats); at != 2 || dst[0] != -3 || dst[1] != 4 {
		t.Errorf("%d: %v", at, dst)
	}
	words := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0x80}
	if at := (numpy.Type{Kind: 'u', Size: 8}).Int64To(dst[:2], words); at != 1 || dst[0] != math.MaxInt64 {
		t.Errorf("%d: %v", at, dst)
	}
	if at := (numpy.Type{Kind: 'i', Size: 8}).Int64To(dst[:2], words); at != -1 || dst[1] != math.MinInt64 {
		t.Errorf("%d: %v", at, dst)
	}
	if at := (numpy.Type{Kind: 'b', Size: 1}).Int64To(dst[:1], []byte{7}); at != -1 || dst[0] != 1 {
		t.Errorf("%d: %v", at, dst)
	}
}

// npyOf returns a file of version 1 with that text as its header.
func npyOf(text string, values ...byte) []byte {
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	return append(append(b, text...), values...)
}

// Files that are damaged or lie are refused, with what is wrong.
func TestBrokenArrays(t *testing.T) {
	good := npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", 0, 0, 0, 0, 0, 0, 0, 0)
	if _, _, err := numpy.Whole(good); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		file []byte
		want string
	}{
		{nil, "ends in the first bytes"},
		{good[:8], "ends in the first bytes"},
		{good[:30], "ends inside its header"},
		{good[:len(good)-1], "take 8 bytes; the file has 7"},
		{append(slices.Clone(good), 1, 2), "behind its header there are 10"},
		{[]byte("\x93NUMPX\x01\x00\x00\x00"), "does not begin as"},
		{[]byte("\x93NUMPY\x04\x00\x00\x00"), "version 4.0"},
		{[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "4294967295 bytes, over the limit"},
		{[]byte("\x93NUMPY\x02\x00\x00"), "ends in the first bytes"},
		{npyOf(""), "no dictionary"},
		{npyOf("[]"), "no dictionary"},
		{npyOf("{}"), "it has no descr"},
		{npyOf("{'descr': '<f4', 'fortran_order': False}"), "it has no shape"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}"), `the key "x"`},
		{npyOf("{'descr': '<f4', 'descr': '<f4'}"), "twice"},
		{npyOf("{'descr' '<f4'}"), "no value follows"},
		{npyOf("{'descr': '<f4' 'shape': ()}"), "no comma"},
		{npyOf("{'descr': <f4}"), "in quotes is wanted"},
		{npyOf("{'descr': '<f\\x34'}"), "in quotes is wanted"},
		{npyOf("{'descr': [('a', '<f4'"), "has no end"},
		{npyOf("{'descr': [('a"), "has no end"},
		{npyOf("{'fortran_order': 1}"), "neither True nor False"},
		{npyOf("{'shape': 3}"), "no tuple"},
		{npyOf("{'shape': (-1,)}"), "no number of rows"},
		{npyOf("{'shape': (1.5,)}"), "in its shape"},
		{npyOf("{'shape': (99999999999999999999,)}"), "no number of rows"},
		{npyOf("{'shape': (" + strings.Repeat("1,", 65) + ")}"), "more than 64 dimensions"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x"), "behind its end"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976, 3)}"), "no file has as many bytes"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"), "no file has as many bytes"},
		{npyOf("{'descr': '<f4', 'fortran_order': True, 'shape': (1152921504606846975,)}"), "the file has 0"},
		{npyOf("{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}"), `"<f3"`},
		{npyOf("{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}"), `"f4"`},
		{npyOf("{'descr': '', 'fortran_order': False, 'shape': (1,)}"), "none of NumPy's"},
		{npyOf("{'descr': '<U99999999', 'fortran_order': False, 'shape': (1,)}"), "not read"},
		{npyOf("{'descr': '<U-1', 'fortran_order': False, 'shape': (1,)}"), "not read"},
		{[]byte("PK\x03\x04"), "missing or damaged"},
	} {
		if _, _, err := numpy.Whole(test.file); (err == nil || !strings.Contains(err.Error(), test.want)) && !bytes.HasPrefix(test.file, []byte("PK")) {
			t.Errorf("%.80q: %v, want %q", test.file, err, test.want)
		}
		arrays, err := numpy.Open(bytes.NewReader(test.file), int64(len(test.file)))
		if err == nil {
			err = arrays[0].Refused
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80q: opened: %v, want %q", test.file, err, test.want)
		}
	}
	// A stream has no size, so that its end is seen when it is there.
	for _, test := range []struct {
		file []byte
		want string
	}{
		{good[:len(good)-1], "ends after 1 of the 2 rows"},
		{append(slices.Clone(good), 1), "something follows its last row"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000)}"), "ends after 0 of"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1000000000)}"), "too large"},
		{npyOf("{'descr': '<f4', 'fortran_order': True, 'shape': (100, 2)}", make([]byte, 799)...), "ends after 0 of"},
		{npyOf("{'descr': '<f4', 'fortran_order': True, 'shape': (100, 2)}", make([]byte, 801)...), "something follows"},
		{npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': ()}"), "without dimensions"},
	} {
		a, err := numpy.Read(bytes.NewReader(test.file))
		if err == nil {
			_, err = allOf(a)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80q: %v, want %q", test.file, err, test.want)
		}
	}
}

// An array in Fortran order that is larger than the memory for it is read in
// several passes, which a stream does not have.
func TestLargeFortranOrder(t *testing.T) {
	const n, d = 3 << 20, 3 // of uint32: 36 MiB
	var b bytes.Buffer
	fmt.Fprint(&b, string(npyOf(fmt.Sprintf("{'descr': '<u4', 'fortran_order': True, 'shape': (%d, %d), }", n, d))))
	values := make([]byte, 0, 4*n*d)
	for i := range uint32(n * d) {
		values = binary.LittleEndian.AppendUint32(values, i)
	}
	b.Write(values)
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(method, ".npy"), Method: method})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b.Bytes())
	}
	z.Close()
	var all []*numpy.Array
	for _, file := range [][]byte{b.Bytes(), packed.Bytes()} {
		arrays, err := numpy.Open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, arrays...)
	}
	if len(all) != 3 {
		t.Fatal(len(all))
	}
	for _, a := range all {
		rows, err := a.Rows()
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint32(n) {
			row, err := rows.Next()
			if err != nil {
				t.Fatal(a.Name, i, err)
			}
			for k := range uint32(d) {
				if got := binary.LittleEndian.Uint32(row[4*k:]); got != k*n+i {
					t.Fatalf("array %q: row %d has %d in column %d", a.Name, i, got, k)
				}
			}
		}
		if _, err := rows.Next(); err != io.EOF {
			t.Errorf("behind the last row: %v", err)
		}
	}
	stream, err := numpy.Read(&b)
	if err == nil {
		_, err = allOf(stream)
	}
	if err == nil || !strings.Contains(err.Error(), "ascontiguousarray") {
		t.Errorf("a stream: %v", err)
	}
}

// What NumPy cannot have written, or was damaged, is refused.
func TestBrokenNPZ(t *testing.T) {
	var b bytes.Buffer
	if err := numpy.WriteNPZ(&b, []tensor.View{{Name: "X", Shape: []int64{40, 2}, F32: make([]float32, 80)}}, ""); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	if arrays, err := numpy.Open(bytes.NewReader(whole), int64(len(whole))); err != nil || len(arrays) != 1 {
		t.Fatal(arrays, err)
	}
	zipOf := func(files ...string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := 0; i < len(files); i += 2 {
			w, _ := z.Create(files[i])
			io.WriteString(w, files[i+1])
		}
		z.Close()
		return b.Bytes()
	}
	read := func(file []byte) error {
		arrays, err := numpy.Open(bytes.NewReader(file), int64(len(file)))
		for _, a := range arrays {
			if err == nil {
				_, err = allOf(a)
			}
		}
		return err
	}
	flipped := slices.Clone(whole)
	flipped[bytes.Index(whole, []byte("\x93NUMPY"))+200] ^= 1
	encrypted := slices.Clone(whole)
	encrypted[bytes.Index(whole, []byte("PK\x01\x02"))+8] |= 1
	method := slices.Clone(whole)
	method[bytes.Index(whole, []byte("PK\x01\x02"))+10] = 12
	array := string(npyOf("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", 1))
	var many []string
	for i := range 1025 {
		many = append(many, fmt.Sprint(i, ".npy"), array)
	}
	fortran := zipOf("X.npy", string(npyOf("{'descr': '|u1', 'fortran_order': True, 'shape': (2,2)}", 1, 2, 3, 4)))
	if err := read(fortran); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		file []byte
		want string
	}{
		{whole[:len(whole)-30], "cut short"},
		{flipped, "damaged"},
		{encrypted, "encrypted"},
		{method, "method 12"},
		{zipOf("a.npy", array, "a.npy", array), `"a" is there twice`},
		{zipOf("a.txt", "hello, this is a text"), "does not begin as"},
		{zipOf("a.npy", array+"x"), "behind its header there are 2"},
		{zipOf(many...), "1025 arrays"},
	} {
		if err := read(test.file); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// An array that is claimed to be large and is not there takes no memory.
func TestClaimsTakeNoMemory(t *testing.T) {
	file := npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 16777216)}")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a, err := numpy.Read(bytes.NewReader(file))
	if err == nil {
		_, err = allOf(a)
	}
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("it was read")
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d bytes", n)
	}
}

// Whatever a file is, it is read within its bounds, or refused; what is read is
// as long as it says.
func FuzzOpen(f *testing.F) {
	for i, g := range goldens(f) {
		if i%9 == 0 || g.Refused != "" || strings.HasSuffix(g.File, "npz") {
			f.Add(g.Bytes)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		arrays, err := numpy.Open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		for _, a := range arrays {
			rows, err := a.Rows()
			if err != nil {
				continue
			}
			n := int64(0)
			for ; n < 1000; n++ {
				if _, err = rows.Next(); err != nil {
					break
				}
			}
			if err == io.EOF && n != rows.Len() {
				t.Errorf("%d rows, not %d", n, rows.Len())
			}
			rows.Close()
		}
		if a, values, err := numpy.Whole(file); err == nil {
			n := a.Type.Size
			for _, d := range a.Shape {
				n *= int(d)
			}
			if len(values) != n {
				t.Errorf("%v of %s has %d bytes", a.Shape, a.Type, len(values))
			}
		}
	})
}

func ExampleOpen() {
	file := append(numpy.Header("<f4", 2, 3), make([]byte, 2*3*4)...)
	arrays, err := numpy.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		panic(err)
	}
	a := arrays[0]
	fmt.Println(a.Type, a.Shape)
	rows, err := a.Rows()
	if err != nil {
		panic(err)
	}
	defer rows.Close()
	x := make([]float32, 3)
	for {
		values, err := rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(err)
		}
		a.Type.Float32To(x, values)
		fmt.Println(x)
	}
	// Output:
	// float32 [2 3]
	// [0 0 0]
	// [0 0 0]
}

// Deflated bytes that are none are damage, in words.
func TestDeflatedBytesThatAreDamaged(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "X.npy", Method: zip.Deflate, CompressedSize64: 4, UncompressedSize64: 200})
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("\xff\xff\xff\xff"))
	z.Close()
	_, err = numpy.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err == nil || err.Error() != `array "X": it is damaged, or cut short` {
		t.Error(err)
	}
}
