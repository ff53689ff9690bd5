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

// Where a source does not say how it is to be read, the error says with which
// flags it is said.
func TestUnsettledSourcesNameTheFlags(t *testing.T) {
	p := newPlace(t)
	p.put("words", []byte("one two\n"))
	p.put("both.csv", []byte("image,text\na,b\n"))
	p.put("names.csv", []byte("name,label\na,b\n"))
	p.fails(t, "extract words", exitFailed, "source: words: neither name nor content say whether it is a table or lines of text; say --format csv, tsv, jsonl or lines")
	p.fails(t, "extract both.csv", exitFailed, "source: both.csv: it has a column image and a column text", "say --image COL or --text COL")
	p.fails(t, "extract names.csv", exitFailed, `source: names.csv: which column is the sample? its columns are "name", "label"; say --image COL or --text COL`)
}

// A tap that is not there is no mystery: a command lists those that are.
func TestATapThatIsNotThereNamesTheCommand(t *testing.T) {
	p := newPlace(t)
	p.put("texts.txt", []byte("a red apple\n"))
	p.fails(t, "extract texts.txt --tap nosuch:mean", exitFailed, `tap nosuch:mean: no node makes a tensor "nosuch"; headstart inspect all-minilm-l6-v2 lists them`)
}

// A library names no flags; what the command prints of its errors does.
func TestAdviceOfExtraction(t *testing.T) {
	for _, test := range []struct {
		err    error
		advice string
	}{
		{&extract.DriftError{Space: "aa", Backbone: "b"}, "--runtime FILE names another library), or start another cache with --cache DIR"},
		{&features.OtherError{Path: "x.features"}, "is not replaced; --out gives another name"},
		{&features.OtherError{Path: "x.features", What: "source"}, "is not replaced; --replace replaces it, --out gives another name"},
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
