package cache_test

import (
	"fmt"
	"os"

	"github.com/headstart-ml/headstart/cache"
)

// Embeddings are put into a space, sealed, and read back by the content that
// they are of.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	space, err := cache.NewSpace(map[string]any{"dim": 2, "dtype": "f32", "model": "toy", "tap": "pooled"})
	if err != nil {
		fmt.Println(err)
		return
	}
	texts := []string{"a cat", "a dog", "a cow"}
	keys := make([]cache.Key, len(texts))
	for i, text := range texts {
		keys[i] = cache.KeyOf("text", []byte(text))
	}

	if err := put(dir, space, keys[:2], []float32{0.5, -1, 0.25, 2}); err != nil {
		fmt.Println(err)
		return
	}
	rows, missing, err := get(dir, space, keys)
	fmt.Println(rows, err)
	for _, i := range missing {
		fmt.Println("not there:", texts[i])
	}
	// Output:
	// [0.5 -1 0.25 2] <nil>
	// not there: a cow
}

// put adds rows, one a key. They are durable once Append returns, and readers
// see them once the writer is closed.
func put(dir string, space *cache.Space, keys []cache.Key, rows []float32) error {
	c, err := cache.Create(dir, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	w, err := c.Writer(space, map[string]string{"made_by": "an example"})
	if err != nil {
		return err
	}
	if err := w.Append(keys, rows); err != nil {
		w.Abandon() // what was appended before is sealed by the next writer
		return err
	}
	return w.Close()
}

// get returns the rows of the keys that are there, and the indices of the
// others.
func get(dir string, space *cache.Space, keys []cache.Key) (rows []float32, missing []int, err error) {
	c, err := cache.Open(dir, nil)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	r, err := c.Reader(space)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	if missing, err = r.Missing(keys); err != nil {
		return nil, nil, err
	}
	refs := make([]cache.Ref, len(keys))
	r.Locate(keys, refs)
	found := refs[:0]
	for _, ref := range refs {
		if ref.Found() {
			found = append(found, ref)
		}
	}
	rows = make([]float32, len(found)*space.Dim())
	return rows, missing, r.RowsTo(rows, found)
}

// A space says in which field it differs from another one.
func ExampleSpace_Diff() {
	identity := map[string]any{"dim": 2, "dtype": "f32", "prep": map[string]any{"alpha": "white"}}
	a, err := cache.NewSpace(identity)
	if err != nil {
		fmt.Println(err)
		return
	}
	identity["prep"] = map[string]any{"alpha": "black"}
	b, err := cache.NewSpace(identity)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Diff(b))
	// Output: [{prep.alpha white black}]
}
