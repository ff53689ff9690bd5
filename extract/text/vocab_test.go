package text

import (
	"encoding/json"
	"maps"
	"testing"
	"unicode/utf8"
)

// What scanVocab takes it reads as encoding/json does.
func FuzzVocab(f *testing.F) {
	for _, s := range []string{
		`{}`, ` { } `, `{"a":0,"b" : 1 , "a":2}`, `{"é\n\"\\":0,"\u00e9":1,"\\":2,"\\\"":3}`, `{"a":-1}`, `{"a":1.5}`, `{"a":1e2}`, `{"a":null}`,
		`{"a":4294967296}`, `{"a":99999999}`, `{"a":100000000}`, `{"a":01}`, `[]`, `null`, `{"a":"b"}`, `{"":0}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !json.Valid([]byte(s)) || !utf8.ValidString(s) {
			return // it is given neither
		}
		ids, ok := scanVocab(s)
		if !ok {
			return
		}
		want := map[string]int32{}
		if err := json.Unmarshal([]byte(s), &want); err != nil || !maps.Equal(ids, want) {
			t.Errorf("%q: %v, want %v, %v", s, ids, want, err)
		}
	})
}
