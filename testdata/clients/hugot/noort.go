//go:build !ORT

package main

import (
	"errors"

	"github.com/knights-analytics/hugot"
)

func ort(string) (*hugot.Session, error) {
	return nil, errors.New("built without the tag ORT")
}
