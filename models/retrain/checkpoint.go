package retrain

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/headstart-ml/headstart/cache/draft"
)

// A checkpoint is, little endian:
//
//	offset  size
//	0       8     magic "HSRETRN\n"
//	8       4     version, 1
//	12      4     length H of the header
//	16      H     header: JSON of the struct below
//	16+H    4·S   weights in the order and the layout of the training
//	…       4·S   first moments
//	…       4·S   second moments
//	…       4·S   best weights
//	…       8·L   logits of the validation rows with the best weights
//	…       4     CRC-32C of all before
const (
	checkpointMagic   = "HSRETRN\n"
	checkpointVersion = 1
	maxHeader         = 16 << 20
)

// header is what a checkpoint tells of itself.
type header struct {
	Fingerprint string   `json:"fingerprint"`
	Digest      string   `json:"digest"` // of settings, data, head and network
	Weights     []stored `json:"weights"`
	Start       uint32   `json:"start"` // CRC-32C of the weights that the training began with
	Layout      string   `json:"layout"`
	Reason      string   `json:"reason"`
	MicroBatch  int      `json:"micro_batch"`
	Epoch       int      `json:"epoch"`
	Step        int      `json:"step"`
	Loss        float64  `json:"loss"`
	Weight      float64  `json:"weight"`
	Seconds     float64  `json:"seconds"`
	Best        int      `json:"best"`
	Epochs      []Epoch  `json:"epochs"`
	Logits      int      `json:"logits"`
}

// stored tells how a weight is stored.
type stored struct {
	Name string  `json:"name"`
	Dims []int64 `json:"dims"`
}

// position is where a training is: all that changes during it.
type position struct {
	weights, m, v, best []float32 // flat
	epoch               int       // that is gone through; 0: the start is to be measured
	step                int       // steps of it that are done
	loss, weight        float64   // sums of it: of loss times weight, and of weights
	seconds             float64   // spent on it
	epochs              []Epoch   // that are over
	bestEpoch           int
	bestLogits          []float64 // of the validation rows
}

// size is the number of elements of the flat slices.
func (h *header) size() (int64, error) {
	n := int64(0)
	for _, w := range h.Weights {
		size := int64(1)
		for _, d := range w.Dims {
			if d < 1 || size > math.MaxInt32/d {
				return 0, fmt.Errorf("its header has a weight of shape %v", w.Dims)
			}
			size *= d
		}
		if n += size; n > 1<<40 {
			return 0, errors.New("its header has weights without measure")
		}
	}
	return n, nil
}

// check tells what is wrong with a header.
func (h *header) check() error {
	if h.Epoch < 1 || h.Step < 0 || len(h.Epochs) != h.Epoch || h.Best < 0 || h.Best >= h.Epoch || h.Logits < 0 || h.Logits > 1<<40 || h.MicroBatch < 1 ||
		h.Layout != plain && h.Layout != blocked {
		return errors.New("its header contradicts itself")
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writeCheckpoint writes a checkpoint.
func writeCheckpoint(w io.Writer, h *header, s *position) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(text) > maxHeader {
		return fmt.Errorf("a header of %d bytes is too long", len(text))
	}
	sum := crc32.New(castagnoli)
	out := io.MultiWriter(w, sum)
	start := binary.LittleEndian.AppendUint32([]byte(checkpointMagic), checkpointVersion)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(text)))
	if _, err := out.Write(append(start, text...)); err != nil {
		return err
	}
	buffer := make([]byte, 0, 1<<18)
	for _, flat := range [][]float32{s.weights, s.m, s.v, s.best} {
		for part := range slices.Chunk(flat, cap(buffer)/4) {
			buffer = buffer[:0]
			for _, x := range part {
				buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(x))
			}
			if _, err := out.Write(buffer); err != nil {
				return err
			}
		}
	}
	for part := range slices.Chunk(s.bestLogits, cap(buffer)/8) {
		buffer = buffer[:0]
		for _, x := range part {
			buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(x))
		}
		if _, err := out.Write(buffer); err != nil {
			return err
		}
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// readCheckpoint reads a checkpoint of so many bytes. An error tells what is
// wrong with it.
func readCheckpoint(r io.Reader, size int64) (*header, *position, error) {
	sum := crc32.New(castagnoli)
	in := io.TeeReader(r, sum)
	start := make([]byte, 16)
	if _, err := io.ReadFull(in, start); err != nil {
		return nil, nil, fmt.Errorf("it is torn: %w", err)
	}
	if string(start[:8]) != checkpointMagic {
		return nil, nil, errors.New("it is no checkpoint of a training")
	}
	if v := binary.LittleEndian.Uint32(start[8:]); v != checkpointVersion {
		return nil, nil, fmt.Errorf("its version is %d, this program reads version %d", v, checkpointVersion)
	}
	length := int64(binary.LittleEndian.Uint32(start[12:]))
	if length > min(maxHeader, size) {
		return nil, nil, errors.New("it is torn: its header is too long")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(in, text); err != nil {
		return nil, nil, fmt.Errorf("it is torn: %w", err)
	}
	h := new(header)
	if err := json.Unmarshal(text, h); err != nil {
		return nil, nil, fmt.Errorf("it is torn: its header: %w", err)
	}
	if err := h.check(); err != nil {
		return nil, nil, err
	}
	n, err := h.size()
	if err != nil {
		return nil, nil, err
	}
	if want := 16 + length + 16*n + 8*int64(h.Logits) + 4; size != want {
		return nil, nil, fmt.Errorf("it is torn: %d bytes, not %d", size, want)
	}
	s := &position{
		weights: make([]float32, n), m: make([]float32, n), v: make([]float32, n), best: make([]float32, n),
		epoch: h.Epoch, step: h.Step, loss: h.Loss, weight: h.Weight, seconds: h.Seconds,
		epochs: h.Epochs, bestEpoch: h.Best, bestLogits: make([]float64, h.Logits),
	}
	buffer := make([]byte, 1<<18)
	for _, flat := range [][]float32{s.weights, s.m, s.v, s.best} {
		for part := range slices.Chunk(flat, len(buffer)/4) {
			b := buffer[:4*len(part)]
			if _, err := io.ReadFull(in, b); err != nil {
				return nil, nil, fmt.Errorf("it is torn: %w", err)
			}
			for i := range part {
				part[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			}
		}
	}
	for part := range slices.Chunk(s.bestLogits, len(buffer)/8) {
		b := buffer[:8*len(part)]
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, nil, fmt.Errorf("it is torn: %w", err)
		}
		for i := range part {
			part[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	want := sum.Sum32()
	if _, err := io.ReadFull(r, start[:4]); err != nil {
		return nil, nil, fmt.Errorf("it is torn: %w", err)
	}
	if binary.LittleEndian.Uint32(start) != want {
		return nil, nil, errors.New("it is damaged: its checksum is wrong")
	}
	return h, s, nil
}

// openCheckpoint reads the checkpoint at path, if there is one. Its errors, but
// those of the file system, are *CheckpointError.
func openCheckpoint(path, fingerprint, digest string) (*header, *position, error) {
	f, err := draft.OpenRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case errors.Is(err, draft.ErrIrregular):
		return nil, nil, fmt.Errorf("retrain: checkpoint: %w; name another one", err)
	case err != nil:
		return nil, nil, fmt.Errorf("retrain: checkpoint: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("retrain: checkpoint: %w", err)
	}
	h, s, err := readCheckpoint(bufio.NewReaderSize(f, 1<<20), info.Size())
	var failed *fs.PathError
	switch {
	case errors.As(err, &failed):
		return nil, nil, fmt.Errorf("retrain: checkpoint: %w", err)
	case err != nil:
		return nil, nil, &CheckpointError{path, err.Error()}
	case h.Fingerprint != fingerprint:
		return nil, nil, &CheckpointError{path, "it is of a training with other samples or another backbone"}
	case h.Digest != digest:
		return nil, nil, &CheckpointError{path, "it is of a training with other settings, labels or another start; go on with the same ones"}
	}
	return h, s, nil
}

// tryCheckpoint tells, before anything is computed, whether one can be written.
func tryCheckpoint(path string) error {
	f, err := draft.Create(path)
	if err != nil {
		return fmt.Errorf("retrain: checkpoint: %s: %w", path, err)
	}
	f.Discard()
	return nil
}

// saveCheckpoint puts a checkpoint at path, whole or not at all.
func saveCheckpoint(path string, h *header, s *position) error {
	f, err := draft.Create(path)
	if err == nil {
		defer f.Discard()
		if err = writeCheckpoint(f, h, s); err == nil {
			err = f.Place()
		}
	}
	if err != nil {
		return fmt.Errorf("retrain: checkpoint: %s: %w", path, err)
	}
	return nil
}

// RemoveCheckpoint removes a checkpoint, if there is one, and what a killed
// training left beside it.
func RemoveCheckpoint(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = draft.Sweep(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("retrain: checkpoint: %w", err)
	}
	return nil
}

// digest returns the digest of what a training's result depends on and Train
// sees: settings, data, head and where the network is cut.
func digest(s *Settings, d *Data, head *Head, net *Network) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %v", net.Cut, net.Features, net.Pooling, net.Mask, net.Normalize)
	if net.Space || net.ChannelsLast {
		fmt.Fprint(h, " ", net.Space, net.ChannelsLast)
	}
	fmt.Fprintln(h)
	fmt.Fprintln(h, s.BatchSize, s.Epochs, s.Patience, s.LearningRate, s.WeightDecay, s.LayerDecay, s.Warmup, s.Clip, s.LabelSmoothing, s.Seed, s.layout, d.Views)
	if s.Replicas > 1 {
		fmt.Fprintln(h, "replicas", s.Replicas)
	}
	for _, rows := range d.Parts {
		fmt.Fprintln(h, len(rows))
		for _, r := range rows {
			fmt.Fprintln(h, r, d.Labels[r], d.weight(r), d.Samples.Tokens(r))
		}
	}
	fmt.Fprintf(h, "%08x %08x %d %d\n", sumOf(0, head.Weight), sumOf(0, head.Bias), len(head.Weight), len(head.Bias))
	return hex.EncodeToString(h.Sum(nil))
}

// sumOf continues a CRC-32C with values.
func sumOf(sum uint32, values []float32) uint32 {
	buffer := make([]byte, 0, 1<<16)
	for part := range slices.Chunk(values, cap(buffer)/4) {
		buffer = buffer[:0]
		for _, x := range part {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(x))
		}
		sum = crc32.Update(sum, castagnoli, buffer)
	}
	return sum
}
