package transfer_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/transfer"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/runtime"
)

// The last layer of a backbone is retrained together with a head on names of
// things, from a feature set that was extracted before.
func ExampleLearner_Try() {
	dir, err := os.MkdirTemp("", "transfer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := cache.Create(filepath.Join(dir, "cache"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	set := filepath.Join(dir, "names.features")
	if err := extractNames(set, store); err != nil {
		log.Fatal(err)
	}

	j, err := features.Open([]string{set}, store)
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	spec, err := contract.Recall(j.Sets[0].Meta.Backbone, j.Spaces(), nil)
	if err != nil {
		log.Fatal(err)
	}
	l, err := transfer.New(&transfer.Data{Features: j, Spec: spec, Cache: store}, &transfer.Settings{Tail: "last:1", Epochs: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	result, err := l.Try(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, way := range result.Comparison.Ways {
		fmt.Printf("%s: %d parameters\n", way.Name, way.Parameters)
	}
	best := result.Chosen() // whose head file predict.Open takes
	f, err := best.File()
	if err != nil {
		log.Fatal(err)
	}
	if err := file.Write(filepath.Join(dir, "names.head.onnx"), f); err != nil {
		log.Fatal(err)
	}
	// Output:
	// head: 99 parameters
	// last:1: 8643 parameters
}

// extractNames leaves a feature set at path, whose embeddings are in store.
func extractNames(path string, store *cache.Cache) error {
	spec, err := folder.Resolve("../../cmd/headstart/testdata/backbones/distilbert", nil)
	if err != nil {
		return err
	}
	table := "../../testdata/older/samples/names.csv"
	src, err := source.Open([]string{table}, &source.Options{Text: "name"})
	if err != nil {
		return err
	}
	defer src.Close()
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		return err
	}
	meta := &features.Meta{Backbone: spec.Name, Modality: string(spec.Modality), Source: []string{table}, Reading: src.Describe()}
	meta.Spaces = append(meta.Spaces, space.JSON())
	record, err := extract.NewRecord(path, meta)
	if err != nil {
		return err
	}
	defer record.Abort()
	session := runtime.NewLazy("", func() ([]byte, error) { return spec.Model(), nil }, &runtime.Options{
		Inputs: []string{spec.Inputs[0].Name, spec.Inputs[1].Name}, Outputs: spec.Outputs(), Threads: 1,
	})
	defer session.Close()
	if err := extract.Run(context.Background(), spec, session, store, src, record, nil, nil); err != nil {
		return err
	}
	_, err = record.Close()
	return err
}
