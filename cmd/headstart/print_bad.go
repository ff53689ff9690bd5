package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// shownReasons is how many reasons of bad samples are printed.
const shownReasons = 8

// badWords are what a reason is called: of one sample, and of several.
type badWords struct {
	one, many string
	hint      string // what to do about it, "" if that is not known
}

// badKinds are the words of the kinds of reasons, those that go by the modality
// and the format apart.
var badKinds = map[string]badWords{
	"missing":   {"file that is not there", "files that are not there", ""},
	"no-path":   {"record without a path", "records without a path", ""},
	"outside":   {"path that leads out of the folder", "paths that lead out of the folder", "--root DIR names one that holds them all"},
	"name":      {"file whose name is too long or not UTF-8", "files whose names are too long or not UTF-8", ""},
	"irregular": {"that is no regular file", "that are no regular files", ""},
	"link":      {"symbolic link in a circle", "symbolic links in a circle", ""},
	"large":     {"larger than the limit", "larger than the limit", ""},
	"unread":    {"file that the system does not let be read", "files that the system does not let be read", ""},
	"member":    {"member of an archive that cannot be read", "members of archives that cannot be read", ""},
	"record":    {"record that cannot be read", "records that cannot be read", ""},
	"fields":    {"record with another number of fields", "records with another number of fields", ""},
	"quote":     {"record with a quote that is not closed or not doubled", "records with a quote that is not closed or not doubled", ""},
	"value":     {"record with a value that is none of its column", "records with a value that is none of its column", ""},
	"labels":    {"record with a list of labels, where one is wanted", "records with a list of labels, where one is wanted", "extract --multi-label keeps several labels a sample"},
	"encoding":  {"that is not in its encoding", "that are not in their encoding", "--encoding NAME says which it is"},
	"zero-byte": {"text with a zero byte", "texts with a zero byte", ""},
	"no-image":  {"file that is no image", "files that are no images", ""},
	"pixels":    {"image with more pixels than the limit", "images with more pixels than the limit", "--max-pixels N raises it, 64M if it is not given"},
	"side":      {"image with a side longer than 32,768 pixels", "images with a side longer than 32,768 pixels", ""},
	"narrow":    {"image too narrow to be resized", "images too narrow to be resized", ""},
	"truncated": {"image that is cut off", "images that are cut off", ""},
	"damaged":   {"damaged image", "damaged images", ""},
	"array":     {"that is no array of numbers", "that are no arrays of numbers", ""},
	"shape":     {"of another shape than the backbone takes", "of another shape than the backbone takes", ""},
	"nan":       {"with a value that is NaN or infinite", "with values that are NaN or infinite", ""},
	"range":     {"with a value that the backbone's type does not have", "with values that the backbone's type does not have", ""},
	"taken":     {"in whose place there is a file that preprocess has not written", "in whose place there are files that preprocess has not written", "--out DIR names another folder"},
	"other":     {"for yet another reason", "for yet other reasons", ""},
}

// wordsOf returns the words of a reason.
func wordsOf(r *extract.Reason, m models.Modality) badWords {
	if format, ok := strings.CutPrefix(r.Kind, "format:"); ok {
		_, advice, _ := strings.Cut(r.Text, "; ") // what to convert the file to
		return badWords{
			format + " file, which this version does not read", format + " files, which this version does not read",
			strings.Replace(advice, "convert the file to", "convert them to", 1),
		}
	}
	if r.Kind == extract.KindEmpty {
		what := "file"
		if m == models.Text {
			what = "text"
		}
		return badWords{"empty " + what, "empty " + what + "s", ""}
	}
	if w, ok := badKinds[r.Kind]; ok {
		return w
	}
	return badWords{"sample: " + r.Text, "samples: " + r.Text, ""}
}

// encodingWords returns the words of texts that are not in their encoding, of
// which e is the first.
func encodingWords(e *source.EncodingError) badWords {
	is := "not " + e.Encoding
	return badWords{"that is " + is, "that are " + is, encodingHint(e)}
}

// encodingHint says which encoding to try.
func encodingHint(e *source.EncodingError) string {
	if e.Likely == "" {
		return "--encoding NAME says what it is"
	}
	return fmt.Sprintf("with --encoding %s it reads %q", e.Likely, e.Text)
}

// badRun is what is said of the bad samples of a run.
type badRun struct {
	reasons *extract.Reasons
	samples int64  // of the run
	listed  string // where they are listed, as "x.jsonl lists them"; "": nowhere
	table   string // the path of the table that names image files; "": there is none
	// undecoded is the first text that is not in its encoding; nil: there is
	// none.
	undecoded *source.EncodingError
	modality  models.Modality
}

// sayBad says which samples of a run are bad, by reason, the most frequent
// first, and warns of each in --json.
func (e *env) sayBad(b *badRun) {
	all := b.reasons.List()
	if len(all) == 0 {
		return
	}
	var lines []string
	rest, left := 0, 0
	hinted := make(map[string]bool)
	for i := range all {
		r := &all[i]
		w := wordsOf(r, b.modality)
		if r.Kind == source.KindEncoding && b.undecoded != nil {
			w = encodingWords(b.undecoded)
		}
		what := w.many
		if r.Count == 1 {
			what = w.one
		}
		text := fmt.Sprintf("%s %s, the first %s", count(int64(r.Count)), what, r.Place)
		if r.Count == 1 {
			text = fmt.Sprintf("1 %s: %s", what, r.Place)
		}
		line := text
		if hint := b.hint(r, w.hint); hint != "" {
			text += "; " + hint
			if !hinted[hint] { // once is enough for a person
				line = text
			}
			hinted[hint] = true
		}
		e.keepWarning(remark{Kind: "bad-samples", Reason: r.Kind, Count: int64(r.Count), First: r.Place, Text: text})
		if i < shownReasons {
			lines = append(lines, line)
		} else {
			rest, left = rest+r.Count, left+1
		}
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("%s more for %s", count(int64(rest)), counted(left, "other reason")))
	}
	text := fmt.Sprintf("%s of %s samples are bad", count(int64(b.reasons.Bad())), count(b.samples))
	if b.samples == 1 {
		text = "the only sample is bad"
	} else if b.reasons.Bad() == 1 {
		text = fmt.Sprintf("1 of %s samples is bad", count(b.samples))
	}
	if b.listed != "" {
		text += " (" + b.listed + ")"
	}
	if len(lines) == 1 {
		e.tell(text + ": " + lines[0])
		return
	}
	e.tell(text + ":\n  " + strings.Join(lines, "\n  "))
}

// hint returns what to do about a reason.
func (b *badRun) hint(r *extract.Reason, hint string) string {
	if r.Kind != source.KindMissing || b.table == "" || 2*int64(r.Count) <= b.samples {
		return hint
	}
	hint = "--root DIR says what the paths in " + b.table + " are relative to"
	if dir := rootFor(b.table, r.Place); dir != "" {
		hint += "; " + features.Quoted(dir) + " has the first"
	}
	return hint
}

// rootFor looks for a folder that the path in a table is relative to: the
// folders in that of the table, those above it, and the working directory. It
// returns "" if it is none of them.
func rootFor(table, path string) string {
	if filepath.IsAbs(path) || !filepath.IsLocal(filepath.FromSlash(path)) {
		return ""
	}
	home := filepath.Dir(table)
	folders := []string{"."}
	for dir, n := home, 0; n < 3; n++ {
		dir = filepath.Join(dir, "..")
		folders = append(folders, dir)
	}
	entries, err := draft.ReadDir(home)
	if err != nil {
		entries = nil // nobody may look into it: there are still the others
	}
	for i, e := range entries {
		if i == 1000 {
			break
		}
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			folders = append(folders, filepath.Join(home, e.Name()))
		}
	}
	for _, dir := range folders {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); err == nil && info.Mode().IsRegular() {
			return dir
		}
	}
	return ""
}
