package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is what a process has printed so far.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func newLines() *lines { return new(lines) }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wait waits until s has been printed.
func (l *lines) wait(t *testing.T, s string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(l.String(), s); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q was not printed, only %q", s, l.String())
		}
	}
}
