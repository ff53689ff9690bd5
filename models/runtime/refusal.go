package runtime

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ModelError says that the library does not read a model, and what to do.
type ModelError struct {
	// Newer tells whether a newer library might: the model's version of the
	// format or of an operator set, or one of its operators, is not known.
	Newer bool

	text string
}

func (e *ModelError) Error() string { return e.text }

// A refusal is a way in which ONNX Runtime refuses a model.
type refusal struct {
	says  *regexp.Regexp
	newer bool
	text  func(m []string) string // of what says has found
}

var refusals = []refusal{
	{regexp.MustCompile(`Unsupported model IR version: (\d+), max supported IR version: (\d+)`), true, func(m []string) string {
		return fmt.Sprintf("the file is of IR version %s, and this ONNX Runtime reads up to %s: take a newer ONNX Runtime, or export the model again with an older package onnx", m[1], m[2])
	}},
	{regexp.MustCompile(`Opset (\d+) is under development.*official support for domain (\S+) is till opset (\d+)`), true, func(m []string) string {
		return fmt.Sprintf("the model is of operator set %s of %s, and this ONNX Runtime knows them up to %s: take a newer ONNX Runtime, or export the model again with opset %[3]s or an older one", m[1], m[2], m[3])
	}},
	{regexp.MustCompile(`In Node, \("([^"]*)".*No Op registered for (\S+) with domain_version of (\d+)`), true, func(m []string) string {
		return fmt.Sprintf("node %q: operator %s is not one of operator set %s, nor one that this ONNX Runtime adds: take a newer ONNX Runtime, or export the model again with operators of the standard alone", m[1], m[2], m[3])
	}},
	{regexp.MustCompile(`Fatal error: (\S+):([^\s:(]+)\(-?\d+\) is not a registered function/op`), true, func(m []string) string {
		return fmt.Sprintf("operator %s of domain %s is not known to this ONNX Runtime: take a newer one, or export the model again with operators of the standard alone", m[2], m[1])
	}},
	{regexp.MustCompile(`the graph is not acyclic`), false, func([]string) string {
		return "its nodes read each other's results in a circle, so that none can be first: the file is damaged, or was changed by a program that made a mistake: download or export it again"
	}},
}

// sourcePlace is a line of ONNX Runtime's own sources, which some of its
// messages begin with; the function's signature follows.
var sourcePlace = regexp.MustCompile(`\S+\.(?:cc|h|cpp|cu):\d+ `)

// plain puts an error of the binding's on one line, takes off what the binding
// says in front of ONNX Runtime's own words and where in its sources they
// stand, and says what to do where that is known.
func plain(err error) error {
	if err == nil {
		return nil
	}
	s := strings.Join(strings.Fields(err.Error()), " ")
	for _, r := range refusals {
		if m := r.says.FindStringSubmatch(s); m != nil {
			return &ModelError{Newer: r.newer, text: r.text(m)}
		}
	}
	for _, p := range []string{
		"Error creating C session: ", "Error running network: ", "ORT API error creating tensor: ",
	} {
		s = strings.TrimPrefix(s, p)
	}
	if at := sourcePlace.FindStringIndex(s); at != nil {
		s = s[:at[0]] + afterSignature(s[at[1]:])
	}
	const most = 400
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return errors.New(s)
}

// afterSignature returns what follows the signature of a function of C++; all
// of s if it begins with none.
func afterSignature(s string) string {
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				rest := strings.TrimPrefix(strings.TrimPrefix(s[i+1:], " const"), " ")
				if rest != "" && !strings.HasPrefix(rest, "::") && !strings.HasPrefix(rest, "(") {
					return rest
				}
			}
		}
		if depth < 0 {
			break
		}
	}
	return s
}
