package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// A library names no flags; what the command prints of its errors does.
func TestAdviceOfExtraction(t *testing.T) {
	for _, test := range []struct {
		err    error
		advice string
	}{
		{&extract.DriftError{Space: "aa", Backbone: "b"}, "--runtime FILE names another library), or start another cache with --cache DIR"},
		{&features.OtherError{Path: "x.features"}, "--out gives another name"},
		{&source.UnsettledError{Reason: "unclear", Formats: []string{"a", "b", "c"}}, "say --format a, b or c"},
		{&source.UnsettledError{Reason: "unclear", Columns: []string{"a"}}, "say --image COL or --text COL"},
		{&models.NoTensorError{Backbone: "b", Tap: "x:gap", Tensor: "x"}, "headstart inspect b lists them"},
	} {
		if strings.Contains(test.err.Error(), "--") {
			t.Errorf("the library says %q", test.err)
		}
		var b bytes.Buffer
		code := conclude(t.Context(), &b, &commandError{"extract", test.err})
		if got := b.String(); code != exitFailed || !strings.Contains(got, test.err.Error()) || !strings.HasSuffix(got, test.advice+"\n") {
			t.Errorf("%d %q, want it to end with %q", code, got, test.advice)
		}
	}
}
