package predict

import (
	"fmt"
	"io/fs"
	goruntime "runtime"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// Options say where things are, and how much of the machine is used. nil means
// the defaults.
type Options struct {
	// Builtin holds the backbones that come with headstart, such as
	// builtin.FS(); nil: there are none.
	Builtin fs.FS
	// Backbone is where the backbone of a head is now: the name of a built-in
	// one, a folder or an ONNX file. "" means where the head file says.
	Backbone string
	// HeadName is that of one of several heads of an exported model; "": the
	// first one.
	HeadName string
	// Runtime is the file of the ONNX Runtime library. "" means where it is
	// found; see the package's comment.
	Runtime string
	// Threads is how many batches are run side by side. 0 means GOMAXPROCS.
	Threads int
	// BatchSize is how many samples a batch may have. 0 means as many as suit
	// the modality, texts by their tokens.
	BatchSize int
	// MaxPixels is how many pixels an image may have, since they are held in
	// memory while it is decoded. 0 means 64 million.
	MaxPixels int
	// Cache is asked before a sample is embedded, and keeps what was embedded.
	// nil: everything is embedded. It must stay open until Close. Requests are
	// answered where it cannot be written; Close returns that error.
	Cache *cache.Cache
}

func (o *Options) check() error {
	if o.Threads < 0 || o.BatchSize < 0 || o.MaxPixels < 0 {
		return fmt.Errorf("predict: %d threads, batches of %d samples, images of %d pixels", o.Threads, o.BatchSize, o.MaxPixels)
	}
	return nil
}

func (o *Options) workers() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return goruntime.GOMAXPROCS(0)
}

// Session returns a session of the backbone that spec describes, which is
// loaded by its first run, in the library that o.Runtime names or that is found
// then.
func Session(spec *models.Spec, o *Options) *runtime.Lazy {
	library := ""
	if o != nil {
		library = o.Runtime
	}
	var inputs []string
	for _, in := range spec.Feeds() {
		inputs = append(inputs, in.Name)
	}
	return runtime.NewLazy(library, func() ([]byte, error) { return spec.Model(), nil }, &runtime.Options{
		Name: spec.Name, Inputs: inputs, Outputs: spec.Outputs(), Folder: spec.Weights.Dir, Threads: 1,
	})
}
