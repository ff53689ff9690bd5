//go:build ORT

package main

import (
	"github.com/knights-analytics/hugot"
	"github.com/knights-analytics/hugot/options"
)

func ort(library string) (*hugot.Session, error) {
	return hugot.NewORTSession(options.WithOnnxLibraryPath(library))
}
