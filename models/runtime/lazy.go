//go:build cgo && !windows

package runtime

import (
	"context"
	"sync"

	"github.com/headstart-ml/headstart/models/tensor"
)

// Lazy is a session whose library and model are loaded by its first Run, so a
// run that finds everything in a cache does not pay for them. Its methods may
// be called from many goroutines at a time, Close after the last Run.
type Lazy struct {
	location *Location
	options  Options
	model    func() ([]byte, error)

	once    sync.Once
	err     error
	library *Library
	session *Session
}

// NewLazy returns a session of the model that model gives, in the library at
// location. model is called at most once, by the first Run; what it returns is
// not kept.
func NewLazy(location *Location, model func() ([]byte, error), o *Options) *Lazy {
	l := &Lazy{location: location, model: model}
	if o != nil {
		l.options = *o
	}
	if l.options.Provider == "" {
		l.options.Provider = "cpu"
	}
	return l
}

// Provenance says what computes: the runtime with its version, and the
// provider.
func (l *Lazy) Provenance() map[string]string {
	return map[string]string{"runtime": "onnxruntime " + l.location.Version, "provider": l.options.Provider}
}

func (l *Lazy) open() error {
	l.once.Do(func() {
		model, err := l.model()
		if err != nil {
			l.err = err
			return
		}
		if l.library, l.err = Open(l.location.Path); l.err != nil {
			return
		}
		l.session, l.err = l.library.NewSession(model, &l.options)
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
	return l.library, err
}

// Close waits for the Runs under way and frees what was loaded.
func (l *Lazy) Close() error {
	if l.session != nil {
		l.session.Close() // nothing was written through it
	}
	if l.library != nil {
		return l.library.Close()
	}
	return nil
}
