package main

import (
	"fmt"
	"sync"
)

// remark is a note or a warning as data, in the summaries that --json prints.
type remark struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason,omitempty"` // of bad samples: its kind
	Count  int64  `json:"count,omitempty"`  // of samples, rows or whatever it is about
	First  string `json:"first,omitempty"`  // where the first of them is
	Text   string `json:"text"`             // as it is printed
}

// remarks are what a command has remarked so far.
type remarks struct {
	mu              sync.Mutex
	notes, warnings []remark
}

// note tells a person something that is not an error, on stderr.
func (e *env) note(format string, a ...any) { e.noteOf("note", 0, format, a...) }

// noteOf is note, about n samples or rows; kind is for programs that read
// --json.
func (e *env) noteOf(kind string, n int64, format string, a ...any) {
	r := remark{Kind: kind, Count: n, Text: fmt.Sprintf(format, a...)}
	e.keepNote(r)
	e.tell(r.Text)
}

// keepNote remembers a note and prints nothing.
func (e *env) keepNote(r remark) {
	e.remarks.mu.Lock()
	defer e.remarks.mu.Unlock()
	e.remarks.notes = append(e.remarks.notes, r)
}

// warn is noteOf about what may spoil the result.
func (e *env) warn(kind string, n int64, format string, a ...any) {
	r := remark{Kind: kind, Count: n, Text: fmt.Sprintf(format, a...)}
	e.keepWarning(r)
	e.tell(r.Text)
}

// keepWarning remembers a warning and prints nothing.
func (e *env) keepWarning(r remark) {
	e.remarks.mu.Lock()
	defer e.remarks.mu.Unlock()
	e.remarks.warnings = append(e.remarks.warnings, r)
}

// tell prints a text on stderr, unless it is to be quiet.
func (e *env) tell(text string) {
	if !e.quiet {
		fmt.Fprintf(e.stderr, "headstart: %s\n", text)
	}
}

// remarked is what a summary has of the remarks so far.
type remarked struct {
	Notes    []remark `json:"notes"`
	Warnings []remark `json:"warnings"`
}

// remarked returns what was remarked so far.
func (e *env) remarked() remarked {
	e.remarks.mu.Lock()
	defer e.remarks.mu.Unlock()
	return remarked{append([]remark{}, e.remarks.notes...), append([]remark{}, e.remarks.warnings...)}
}
