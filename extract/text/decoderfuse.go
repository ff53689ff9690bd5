package text

import "strings"

// fuseDecoder is the decoder Fuse: all tokens become one.
type fuseDecoder struct{}

// readFuseDecoder is the entry of the decoder Fuse.
func readFuseDecoder(object) (decoder, error) { return fuseDecoder{}, nil }

func (fuseDecoder) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }
