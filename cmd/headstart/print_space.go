package main

import (
	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
)

// short is the beginning of a fingerprint, enough to tell spaces apart.
func short(fingerprint string) string { return fingerprint[:min(12, len(fingerprint))] }

// describe says in a line what a space's embeddings are.
func describe(s *cache.Space) string {
	d, err := contract.Describe(s.JSON())
	if err != nil {
		return err.Error()
	}
	return d.String()
}
