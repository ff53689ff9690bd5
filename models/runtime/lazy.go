//go:build cgo && !windows

package runtime

import (
	"context"
	"sync"

	"github.com/headstart-ml/headstart/models/tensor"
)

// Lazy is a session whose library is looked for, and whose model is loaded,
// when something is to be computed: a run that finds everything in a cache
// needs neither. Its methods may be called from many goroutines at a time,
// Close after the last Run.
type Lazy struct {
	library string // as Find takes it
	options Options
	model   func() ([]byte, error)

	finding  sync.Once
	location *Location
	missing  error // why there is none

	opening sync.Once
	err     error
	loaded  *Library
	session *Session
}

// NewLazy returns a session of the model that model gives, in the library that
// Find finds: library is the file that is asked for, "" if none is. model is
// called at most once, by the first Run; what it returns is not kept.
func NewLazy(library string, model func() ([]byte, error), o *Options) *Lazy {
	l := &Lazy{library: library, model: model}
	if o != nil {
		l.options = *o
	}
	if l.options.Provider == "" {
		l.options.Provider = "cpu"
	}
	return l
}

// find looks for the library, once.
func (l *Lazy) find() (*Location, error) {
	l.finding.Do(func() { l.location, l.missing = Find(l.library) })
	return l.location, l.missing
}

// Provenance says what computes: the runtime with its version, and the
// provider. It looks for the library; that there is none is a *LibraryError.
func (l *Lazy) Provenance() (map[string]string, error) {
	location, err := l.find()
	if err != nil {
		return nil, err
	}
	return map[string]string{"runtime": "onnxruntime " + location.Version, "provider": l.options.Provider}, nil
}

func (l *Lazy) open() error {
	l.opening.Do(func() {
		location, err := l.find()
		if err != nil {
			l.err = err
			return
		}
		model, err := l.model()
		if err != nil {
			l.err = err
			return
		}
		if l.loaded, l.err = Open(location.Path); l.err != nil {
			return
		}
		l.session, l.err = l.loaded.NewSession(model, &l.options)
		l.model = nil
	})
	return l.err
}

// Run runs the model once, see Session.Run. The first call loads it.
func (l *Lazy) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	if err := l.open(); err != nil {
		return err
	}
	return l.session.Run(ctx, inputs, outputs)
}

// Library returns the library, which stays open until Close. It loads what is
// not loaded yet.
func (l *Lazy) Library() (*Library, error) {
	err := l.open()
	return l.loaded, err
}

// Close waits for the Runs under way and frees what was loaded.
func (l *Lazy) Close() error {
	if l.session != nil {
		l.session.Close() // nothing was written through it
	}
	if l.loaded != nil {
		return l.loaded.Close()
	}
	return nil
}
