package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models/runtime"
)

// skippedReason says, in the words of someone who types commands, why a depth
// was not trained: without the rooms that an error came through, and with what
// to do about it.
func (r *rereading) skippedReason(s *study.Skipped, c *common) string {
	if s.Err == nil {
		return s.Reason
	}
	if library, ok := errors.AsType[*runtime.LibraryError](s.Err); ok {
		return strings.ReplaceAll("it takes ONNX Runtime: "+withoutRooms(library), "("+runtime.AskedFor+")", "("+placeOf(runtime.AskedFor)+")")
	}
	text := withoutRooms(r.advised(s.Err, c))
	// The depth stands before the reason already.
	for _, said := range []string{"tail " + s.Depth + ": ", "more taps: "} {
		text = withoutRooms(errors.New(strings.TrimPrefix(text, said)))
	}
	return text
}

// rooms are the beginnings of errors that say where in the program they are
// from.
var rooms = regexp.MustCompile(`(^|: )(?:(?:cache|contract|embed|export|extract|features|feed|folder|grad|head|image|layer|library|models|numpy|onnx|parquet|predict|preprocess|retrain|runtime|source|study|text|transfer)(?:/[a-z]+)?: )+`)

// withoutRooms is the text of an error, on one line, without the rooms that it
// came through.
func withoutRooms(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = rooms.ReplaceAllString(lines[i], "$1")
	}
	return strings.Join(lines, "; ")
}
