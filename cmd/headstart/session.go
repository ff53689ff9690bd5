package main

import (
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// newSession finds the runtime library, which is an error if there is none
// that fits, and loads nothing yet.
func newSession(spec *models.Spec, c *common) (*runtime.Lazy, error) {
	location, err := runtime.Find(c.runtime)
	if err != nil {
		return nil, err
	}
	var inputs []string
	for _, in := range spec.Feeds() {
		inputs = append(inputs, in.Name)
	}
	return runtime.NewLazy(location, func() ([]byte, error) { return spec.Model(), nil }, &runtime.Options{
		Name: spec.Name, Inputs: inputs, Outputs: spec.Outputs(),
		Folder: spec.Weights.Dir, Threads: 1, Provider: c.provider,
	}), nil
}
