package features

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"strconv"

	"github.com/headstart-ml/headstart/cache"
)

// safetensorsEncoder writes two tensors, embeddings F32 [n, d] and keys U8 [n,
// 32] (https://github.com/huggingface/safetensors#format).
type safetensorsEncoder struct {
	floats
	keys []cache.Key
}

// tensor describes a tensor in the header.
type tensor struct {
	Type    string `json:"dtype"`
	Shape   [2]int `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

func newSafetensors(w io.Writer, s *Set, d int) (*safetensorsEncoder, error) {
	header, err := safetensorsHeader(s, d)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(header)
	return &safetensorsEncoder{floats{w: w}, s.Keys}, err
}

// safetensorsHeader is the header with its length before it, padded with
// spaces to a multiple of 64 bytes. The metadata are strings: what is more in
// a feature set's metadata is JSON in them.
func safetensorsHeader(s *Set, d int) ([]byte, error) {
	text := func(v any) (string, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // spaces stay as they are, byte for byte
		err := e.Encode(v)
		return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
	}
	spaces, err := text(s.Meta.Spaces)
	if err != nil {
		return nil, err
	}
	source := s.Meta.Source
	if source == nil {
		source = []string{}
	}
	from, err := text(source)
	if err != nil {
		return nil, err
	}
	n := s.N()
	end := 4 * n * d
	var h struct {
		Metadata struct {
			FormatVersion string `json:"format_version"`
			Spaces        string `json:"spaces"`
			Backbone      string `json:"backbone"`
			Source        string `json:"source"`
		} `json:"__metadata__"`
		Embeddings tensor `json:"embeddings"`
		Keys       tensor `json:"keys"`
	}
	h.Metadata.FormatVersion = strconv.Itoa(s.Meta.version())
	h.Metadata.Spaces, h.Metadata.Backbone, h.Metadata.Source = spaces, s.Meta.Backbone, from
	h.Embeddings = tensor{"F32", [2]int{n, d}, [2]int{0, end}}
	h.Keys = tensor{"U8", [2]int{n, len(cache.Key{})}, [2]int{end, end + n*len(cache.Key{})}}
	words, err := text(&h)
	if err != nil {
		return nil, err
	}
	header := append(make([]byte, 8), words...)
	for len(header)%64 != 0 {
		header = append(header, ' ')
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, nil
}

func (e *safetensorsEncoder) rows(_ int, x []float32) error { return e.write(x) }

// close writes the keys.
func (e *safetensorsEncoder) close() error {
	for i := range e.keys {
		if _, err := e.w.Write(e.keys[i][:]); err != nil {
			return err
		}
	}
	return nil
}
