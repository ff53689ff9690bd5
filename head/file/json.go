package file

import (
	"bytes"
	"fmt"
	"io"
)

// jsonLayer is a layer in JSON.
type jsonLayer struct {
	Weight [][]float64 `json:"weight"`
	Bias   []float64   `json:"bias"`
}

// json writes the head as JSON. Each number has the digits that give its
// float64 back.
func (a *alone) json() (map[string][]byte, error) {
	if a.neighbours != nil {
		return nil, a.refuse(fmt.Sprintf("it keeps %d rows of features, which are no text", len(a.neighbours.Labels)), &AloneError{Can: []string{"safetensors"}})
	}
	var b bytes.Buffer
	b.WriteString("{\n")
	put := func(name string, v any) error {
		data, err := compact(v)
		if err != nil {
			return fmt.Errorf("head/file: %s: %w", name, err)
		}
		fmt.Fprintf(&b, " %s: %s", quoted(name), data)
		return nil
	}
	for _, f := range a.fields() {
		if err := put(f.name, f.value); err != nil {
			return nil, err
		}
		b.WriteString(",\n")
	}
	in := a.Head.D()
	var layers []jsonLayer
	for _, l := range a.layers {
		to := jsonLayer{Bias: l.Bias}
		for k := range l.Bias {
			to.Weight = append(to.Weight, l.Weight[k*in:(k+1)*in])
		}
		layers = append(layers, to)
		in = len(l.Bias)
	}
	if err := put("layers", layers); err != nil {
		return nil, err
	}
	b.WriteString("\n}\n")
	return map[string][]byte{"": b.Bytes()}, nil
}

// isJSON tells whether a file begins as json writes one.
func isJSON(_ string, content *io.SectionReader) bool {
	return begins(content, 0, "{\n \"headstart_head\": ")
}

func (a *alone) loadJSON() []string {
	return []string{
		"head = json.load(open(" + quoted(a.options.Path) + "))    # in Python",
		"const head = JSON.parse(readFileSync(" + quoted(a.options.Path) + ", 'utf8'));    // in JavaScript",
	}
}
