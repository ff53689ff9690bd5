package main

import (
	"context"
	"sync"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// session is a backbone in ONNX Runtime. The library and the graph are loaded
// when the first batch comes, so a run that finds everything in the cache
// does not pay for them.
type session struct {
	spec     *models.Spec
	library  *runtime.Location
	provider string

	once   sync.Once
	err    error
	opened *runtime.Library
	graph  *runtime.Session
}

var _ extract.Backbone = (*session)(nil)

// newSession finds the runtime library, which is an error if there is none
// that fits, and loads nothing yet.
func newSession(spec *models.Spec, c *common) (*session, error) {
	location, err := runtime.Find(c.runtime)
	if err != nil {
		return nil, err
	}
	return &session{spec: spec, library: location, provider: c.provider}, nil
}

// provenance says what computes, for the cache's segments.
func (s *session) provenance() map[string]string {
	return map[string]string{"runtime": "onnxruntime " + s.library.Version, "provider": s.provider}
}

func (s *session) open() error {
	s.once.Do(func() {
		if s.opened, s.err = runtime.Open(s.library.Path); s.err != nil {
			return
		}
		inputs := make([]string, len(s.spec.Inputs))
		for i, in := range s.spec.Inputs {
			inputs[i] = in.Name
		}
		model := s.spec.Weights.Pruned
		if model == nil {
			model = s.spec.Weights.Data
		}
		s.graph, s.err = s.opened.NewSession(model, &runtime.Options{
			Name: s.spec.Name, Inputs: inputs, Outputs: s.spec.Outputs(),
			Folder: s.spec.Weights.Dir, Threads: 1, Provider: s.provider,
		})
	})
	return s.err
}

// Run runs the graph on one batch.
func (s *session) Run(ctx context.Context, inputs, outputs []extract.Tensor) error {
	if err := s.open(); err != nil {
		return err
	}
	in := make([]runtime.Tensor, len(inputs))
	for i, t := range inputs {
		in[i] = runtime.Tensor{Shape: t.Shape, F32: t.F32, I64: t.I64, I32: t.I32}
	}
	out := make([]runtime.Tensor, len(outputs))
	for i, t := range outputs {
		out[i] = runtime.Tensor{Shape: t.Shape, F32: t.F32}
	}
	return s.graph.Run(ctx, in, out)
}

// Close frees what Run has loaded.
func (s *session) Close() error {
	if s.graph != nil {
		s.graph.Close()
	}
	if s.opened != nil {
		return s.opened.Close()
	}
	return nil
}
