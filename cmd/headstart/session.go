package main

import (
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// newSession finds the runtime library, which is an error if there is none
// that fits, and loads nothing yet.
func newSession(spec *models.Spec, c *common) (*runtime.Lazy, error) {
	return predict.Session(spec, &predict.Options{Runtime: c.runtime})
}
