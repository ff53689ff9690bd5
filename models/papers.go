package models

import (
	"slices"
	"strings"
)

// Papers are the files that lie beside a backbone's graph and say what it is,
// and what may be done with its weights.
type Papers struct {
	Config  []byte            // config.json, nil if there is none
	Texts   map[string][]byte // licences and notices, by the names of their files; see Travels
	Licence string            // what the model card, README.md, names; "" if nothing
}

// Travels tells by the name of a file beside a backbone's weights whether it is
// one that travels with them: a licence or a notice.
func Travels(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	stem, _, _ = strings.Cut(stem, "-")
	return slices.Contains([]string{"LICENSE", "LICENCE", "NOTICE", "COPYING", "USE_POLICY"}, stem) && !strings.ContainsAny(name, `/\`)
}
