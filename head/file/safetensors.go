package file

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// array is a tensor of a safetensors file.
type array struct {
	name   string
	dtype  string // F32, F64 or I32
	shape  []int
	values any // a slice of float32, float64 or int32
}

// arrays are what a head computes with.
func (a *alone) arrays() []array {
	if n := a.neighbours; n != nil {
		d := len(n.Mean)
		all := []array{
			{"mean", "F64", []int{d}, n.Mean}, {"scale", "F64", []int{d}, n.Scale},
			{"neighbours", "F32", []int{len(n.Labels), d}, n.Rows}, {"neighbour_labels", "I32", []int{len(n.Labels)}, n.Labels},
		}
		if n.Weights != nil {
			all = append(all, array{"neighbour_weights", "F32", []int{len(n.Labels)}, n.Weights})
		}
		if n.ClassScale != nil {
			all = append(all, array{"class_scale", "F64", []int{n.Classes}, n.ClassScale}, array{"class_shift", "F64", []int{n.Classes}, n.ClassShift})
		}
		return all
	}
	var all []array
	in := a.Head.D()
	for i, l := range a.layers {
		before := ""
		if i < len(a.layers)-1 {
			before = fmt.Sprintf("hidden.%d.", i)
		}
		all = append(all, array{before + "weight", "F64", []int{len(l.Bias), in}, l.Weight}, array{before + "bias", "F64", []int{len(l.Bias)}, l.Bias})
		in = len(l.Bias)
	}
	return all
}

// safetensors writes the head as tensors; what else is said of it stands in the
// metadata, which are strings: what is no text is JSON in them.
func (a *alone) safetensors() (map[string][]byte, error) {
	var header, body bytes.Buffer
	header.WriteString(`{"__metadata__":{`)
	for i, f := range a.fields() {
		text, ok := f.value.(string)
		if !ok {
			data, err := compact(f.value)
			if err != nil {
				return nil, fmt.Errorf("head/file: %s: %w", f.name, err)
			}
			text = string(data)
		}
		if i > 0 {
			header.WriteByte(',')
		}
		fmt.Fprintf(&header, "%s:%s", quoted(f.name), quoted(text))
	}
	header.WriteByte('}')
	for _, x := range a.arrays() {
		begin := body.Len()
		if err := binary.Write(&body, binary.LittleEndian, x.values); err != nil {
			return nil, fmt.Errorf("head/file: %s: %w", x.name, err)
		}
		shape, err := compact(x.shape)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&header, `,%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, quoted(x.name), x.dtype, shape, begin, body.Len())
	}
	header.WriteByte('}')
	for header.Len()%64 != 56 { // the values begin at a multiple of 64 bytes
		header.WriteByte(' ')
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(header.Len()))
	return map[string][]byte{"": append(append(out, header.Bytes()...), body.Bytes()...)}, nil
}

// isSafetensors tells whether a file begins as safetensors writes one.
func isSafetensors(_ string, content *io.SectionReader) bool {
	return begins(content, 8, `{"__metadata__":{"headstart_head":`)
}

func (a *alone) loadSafetensors() []string {
	lines := []string{
		"from safetensors import safe_open",
		fmt.Sprintf("with safe_open(%s, \"np\") as file:", quoted(a.options.Path)),
		"    head, about = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()",
	}
	if len(a.layers) == 1 {
		lines = append(lines, "logits = "+a.rows("X")+" @ head[\"weight\"].T + head[\"bias\"]")
	}
	return lines
}

// rows is what the model takes of rows of features, in Python.
func (a *alone) rows(x string) string {
	if a.normalize {
		return "(" + x + " / np.maximum(np.linalg.norm(" + x + ", axis=1, keepdims=True), 1e-38))"
	}
	return x
}
