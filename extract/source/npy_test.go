package source_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// npy is a .npy file with that header.
func npy(descr string, fortran bool, shape string, values ...byte) string {
	word := "False"
	if fortran {
		word = "True"
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, word, shape)
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(text)))) + text + string(values)
}

// rowsOf returns the values of each sample, which are of uint8.
func rowsOf(t *testing.T, samples []*source.Sample) (rows []string) {
	t.Helper()
	for _, s := range samples {
		content, err := s.Read(source.MaxContent)
		if err != nil {
			t.Fatal(err)
		}
		a, values, err := numpy.Whole(content)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("%s %s %v", a.Type, numpy.ShapeText(a.Shape), values))
	}
	return rows
}

// The rows of an array are samples, whatever its order and wherever it is: a
// file, a gzip file, the standard input, an array of a .npz file. The same row
// has the same content.
func TestRowsOfNumbers(t *testing.T) {
	plain := npy("|u1", false, "(3, 2)", 1, 2, 3, 4, 5, 6)
	fortran := npy("|u1", true, "(3, 2)", 1, 3, 5, 2, 4, 6)
	big, little := npy(">u2", false, "(2, 1)", 0, 1, 2, 3), npy("<u2", false, "(2, 1)", 1, 0, 3, 2)
	want := []string{"uint8 2 [1 2]", "uint8 2 [3 4]", "uint8 2 [5 6]"}
	npz := string(zipOf(t, packedFile{"X.npy", plain}))
	for name, content := range map[string]string{
		"a.npy": plain, "f.npy": fortran, "a.npy.gz": zipped(plain), "f.npy.gz": zipped(fortran), "a.npz": npz,
		"f.npz": string(zipOf(t, packedFile{"X.npy", fortran})), "noname": plain, "alsonone": npz,
	} {
		samples, err := read(t, nil, file(t, name, content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := rowsOf(t, samples); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
		base, _, _ := strings.Cut(name, ".")
		for i, s := range samples {
			if s.ID != fmt.Sprintf("%s#%d", base, i+1) || s.Label != "" {
				t.Errorf("%s: sample %d is %+v", name, i, s)
			}
		}
	}
	src, err := source.Open([]string{"-"}, &source.Options{Stdin: strings.NewReader(fortran)})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if src.Modality() != models.Numbers || src.Describe()["numbers"] != "numbers" {
		t.Errorf("%v", src.Describe())
	}
	s, err := src.Next()
	if err != nil || s.ID != "stdin#1" || !slices.Equal(rowsOf(t, []*source.Sample{s}), want[:1]) {
		t.Errorf("%+v, %v", s, err)
	}
	var contents [2][]byte
	for i, content := range []string{big, little} {
		samples, err := read(t, nil, file(t, "x.npy", content))
		if err != nil {
			t.Fatal(err)
		}
		contents[i], _ = samples[1].Read(100000)
	}
	if !bytes.Equal(contents[0], contents[1]) {
		t.Errorf("a row has another content where its bytes are turned round: %q %q", contents[0], contents[1])
	}
}

// Labels stand in another array, by the names that they have in the field, or
// by the one that an option says; numbers, texts and booleans are what Python
// writes, nan and nothing are no label.
func TestLabelsOfNumbers(t *testing.T) {
	X := npy("|u1", false, "(3, 2)", 1, 2, 3, 4, 5, 6)
	text := func(words ...string) string {
		var b []byte
		for _, w := range words {
			for i := range 3 {
				c := rune(0)
				if r := []rune(w); i < len(r) {
					c = r[i]
				}
				b = binary.LittleEndian.AppendUint32(b, uint32(c))
			}
		}
		return npy("<U3", false, fmt.Sprintf("(%d,)", len(words)), b...)
	}
	var floats []byte
	for _, x := range []float64{0.5, math.NaN(), 2} {
		floats = binary.LittleEndian.AppendUint64(floats, math.Float64bits(x))
	}
	for _, test := range []struct {
		name    string
		members []packedFile
		opts    source.Options
		want    []string
	}{
		{"y", []packedFile{{"y.npy", npy("|i1", false, "(3,)", 0, 1, 255)}, {"X.npy", X}}, source.Options{}, []string{"0", "1", "-1"}},
		{"a column", []packedFile{{"data.npy", X}, {"target.npy", npy("|u1", false, "(3, 1)", 0, 1, 2)}}, source.Options{}, []string{"0", "1", "2"}},
		{"texts", []packedFile{{"features.npy", X}, {"labels.npy", text("ash", "", "é")}}, source.Options{}, []string{"ash", "", "é"}},
		{"bytes", []packedFile{{"x.npy", X}, {"label.npy", npy("|S2", false, "(3,)", 'a', 'b', 'c', 0, 0, 0)}}, source.Options{}, []string{"ab", "c", ""}},
		{"booleans", []packedFile{{"x.npy", X}, {"y.npy", npy("|b1", false, "(3,)", 0, 1, 0)}}, source.Options{}, []string{"False", "True", "False"}},
		{"floats", []packedFile{{"x.npy", X}, {"y.npy", npy("<f8", false, "(3,)", floats...)}}, source.Options{}, []string{"0.5", "", "2.0"}},
		{"named", []packedFile{{"first.npy", X}, {"second.npy", X}, {"tree.npy", text("a", "b", "c")}, {"y.npy", text("x", "x", "x")}}, source.Options{Numbers: "second", Label: "tree"}, []string{"a", "b", "c"}},
		{"the only one", []packedFile{{"first.npy", X}, {"y.npy", text("x", "y", "z")}}, source.Options{}, []string{"x", "y", "z"}},
		{"what nobody reads", []packedFile{{"X.npy", X}, {"o.npy", npy("|O", false, "(3,)")}, {"y.npy", text("x", "y", "z")}}, source.Options{}, []string{"x", "y", "z"}},
	} {
		samples, err := read(t, &test.opts, file(t, "x.npz", string(zipOf(t, test.members...))))
		if err != nil || len(samples) != 3 {
			t.Errorf("%s: %d samples, %v", test.name, len(samples), err)
			continue
		}
		for i, s := range samples {
			if s.Label != test.want[i] {
				t.Errorf("%s: label %d is %q, want %q", test.name, i, s.Label, test.want[i])
			}
		}
	}
	samples, err := read(t, &source.Options{With: []string{"site"}}, file(t, "x.npz", string(zipOf(t, packedFile{"X.npy", X}, packedFile{"groups.npy", npy("|u1", false, "(3,)", 7, 7, 8)},
		packedFile{"ids.npy", text("a", "b", "c")}, packedFile{"split.npy", text("dev", "", "oak")}, packedFile{"site.npy", npy("|u1", false, "(3,)", 1, 2, 3)}, packedFile{"sample_weight.npy", npy("|u1", false, "(3,)", 1, 2, 3)}))))
	if err != nil {
		t.Fatal(err)
	}
	if s := samples[1]; s.ID != "b" || s.Group != "7" || s.Weight != 2 || !slices.Equal(s.With, []string{"2"}) {
		t.Errorf("%+v", s)
	}
	if _, err := samples[2].Read(1000); err == nil || !strings.Contains(err.Error(), `split "oak" in column "split"`) || samples[0].Split != "validation" {
		t.Errorf("a split that is none: %v", err)
	}

	// Labels beside a .npy file have its name with y for X.
	root := tree(t, map[string]string{
		"X_train.npy": X, "y_train.npy": text("a", "b", "c"), "digits.features.npy": X, "digits.labels.npy": npy("|u1", false, "(3,)", 7, 8, 9),
		"X_test.npy": X, "y_test.npy": npy("|u1", false, "(2,)", 7, 8),
	})
	for name, want := range map[string][2]string{"X_train.npy": {"a", "train"}, "digits.features.npy": {"7", ""}} {
		samples, err := read(t, nil, filepath.Join(root, name))
		if err != nil || samples[0].Label != want[0] || samples[0].Split != want[1] {
			t.Errorf("%s: %+v, %v", name, samples, err)
		}
	}
	_, err = read(t, nil, filepath.Join(root, "X_test.npy"))
	fails(t, err, "X_test.npy: the labels beside it", "y_test.npy: 2 rows, where the samples have 3")
	if samples, err = read(t, &source.Options{OptionalLabels: true}, filepath.Join(root, "X_test.npy")); err != nil || samples[0].Split != "test" {
		t.Errorf("labels that nobody needs: %v", err)
	}
	for _, members := range [][]packedFile{nil, {{"y.npy", npy("|u1", false, "(3,)", 7, 8, 9)}}} {
		root = tree(t, map[string]string{"X.npy": X, "y.npy": string(zipOf(t, members...))})
		_, err = read(t, nil, filepath.Join(root, "X.npy"))
		fails(t, err, "the labels beside it", "y.npy: a .npz file under the name of a .npy file")
	}
}

// What is no array of rows is refused with its place, and what is damaged is
// not half read.
func TestArraysThatAreNoSamples(t *testing.T) {
	X := npy("|u1", false, "(3, 2)", 1, 2, 3, 4, 5, 6)
	short := npy("|u1", false, "(2,)", 1, 2)
	var stored bytes.Buffer
	z := zip.NewWriter(&stored)
	if w, err := z.CreateHeader(&zip.FileHeader{Name: "X.npy", Method: zip.Store}); err == nil {
		io.WriteString(w, X)
	}
	z.Close()
	flipped := stored.Bytes()
	flipped[bytes.Index(flipped, []byte("\x93NUMPY"))+len(X)-1] ^= 1
	for _, test := range []struct {
		name, content string
		opts          source.Options
		says          []string
	}{
		{"a.npy", npy("|O", false, "(3,)"), source.Options{}, []string{"a.npy", "Python objects, kept as a pickle", "in Python"}},
		{"a.npy", npy("<c8", false, "(1, 1)", 0, 0, 0, 0, 0, 0, 0, 0), source.Options{}, []string{"complex numbers", "a.real"}},
		{"a.npy", npy("|S1", false, "(2, 1)", 'a', 'b'), source.Options{}, []string{"an array of texts (|S1)"}},
		{"a.npy", short, source.Options{}, []string{"its shape is (2,)", "a[:, None]"}},
		{"a.npy", npy("|u1", false, "()", 1), source.Options{}, []string{"its shape is ()"}},
		{"a.npy", npy("|u1", false, "(0, 4)"), source.Options{}, []string{"an array without rows, of shape 0×4"}},
		{"a.npy", npy("|u1", false, "(4, 0)"), source.Options{}, []string{"its rows have no values"}},
		{"a.npy", X[:len(X)-1], source.Options{}, []string{"its header says 3×2 values of uint8, which take 6 bytes; the file has 5"}},
		{"a.npy", X + "x", source.Options{}, []string{"behind its header there are 7"}},
		{"a.npy", npy("<f8", false, "(1152921504606846976, 2)"), source.Options{}, []string{"no file has as many bytes"}},
		{"a.npy", "text\n", source.Options{}, []string{"it does not begin as a .npy file does"}},
		{"a.npy", X, source.Options{Image: "x"}, []string{"holds numbers", "of images"}},
		{"a.npy", X, source.Options{Label: "y"}, []string{`no column "y"`}},
		{"a.npy", X, source.Options{Numbers: "X"}, []string{`no column "X"`}},
		{"a.npy.gz", zipped(X[:len(X)-1]), source.Options{}, []string{"it ends after 2 of the 3 rows"}},
		{"a.npy.gz", zipped(X + "x"), source.Options{}, []string{"something follows its last row"}},
		{"a.npz.gz", zipped(string(zipOf(t, packedFile{"X.npy", X}))), source.Options{Format: "npy"}, []string{"must be a file of its own"}},
		{"a.npz", string(flipped), source.Options{}, []string{"damaged"}},
		{"a.npz", string(zipOf(t, packedFile{"X.npy", X}, packedFile{"y.npy", short})), source.Options{}, []string{`array "y": 2 rows, where the samples have 3`}},
		{"a.npz", string(zipOf(t, packedFile{"X.npy", X}, packedFile{"y.npy", X})), source.Options{}, []string{`array "y": its shape is 3×2, where each of 3 rows has one value`}},
		{"a.npz", string(zipOf(t, packedFile{"X.npy", short})), source.Options{}, []string{`array "X": its shape is (2,)`}},
		{"a.npz", string(zipOf(t, packedFile{"a.npy", X}, packedFile{"b.npy", X})), source.Options{}, []string{`which array has the samples? its arrays are "a" (3×2 of uint8), "b" (3×2 of uint8)`}},
		{"a.npz", string(zipOf(t, packedFile{"X.npy", X})), source.Options{Numbers: "x"}, []string{`no column "x"`}},
		{"a.npz", string(zipOf(t, packedFile{"X.npy", X}, packedFile{"y.npy", npy("|O", false, "(3,)")})), source.Options{}, []string{`array "y"`, "Python objects"}},
		{"a.npz", string(zipOf(t, packedFile{"data.npy", short}, packedFile{"indices.npy", short}, packedFile{"indptr.npy", short})), source.Options{}, []string{"a sparse matrix", "toarray()"}},
		{"a.csv", "text\na\n", source.Options{Numbers: "text"}, []string{`no file of NumPy's, so that "text" is no array`}},
	} {
		_, err := read(t, &test.opts, file(t, test.name, test.content))
		fails(t, err, test.says...)
	}
	_, err := read(t, nil, file(t, "a.npz", string(zipOf(t, packedFile{"a.npy", X}, packedFile{"b.npy", X}))))
	if u, ok := errors.AsType[*source.UnsettledError](err); !ok || !u.Arrays || !slices.Equal(u.Columns, []string{"a", "b"}) {
		t.Errorf("%v", err)
	}
	_, err = read(t, nil, file(t, "a.npy", X), file(t, "b.csv", "text\na\n"))
	fails(t, err, "holds numbers and", "holds texts")
	root := tree(t, map[string]string{"pictures/1.png": ""})
	_, err = read(t, &source.Options{Format: "npy"}, filepath.Join(root, "pictures"))
	fails(t, err, "a folder, where format npy needs a file")
}

// A file that shrinks while it is read gives bad samples; rows of a large file
// are not in memory, and may be read after the last.
func TestRowsAreReadWhenTheyAreWanted(t *testing.T) {
	path := file(t, "a.npy", npy("|u1", false, "(3, 2)", 1, 2, 3, 4, 5, 6))
	samples, err := read(t, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	if s := samples[2]; s.Held() != 0 || s.Size() != 128+2 {
		t.Errorf("%d held of %d bytes", s.Held(), s.Size())
	}
	if _, err := samples[2].Read(10); err == nil {
		t.Error("more than the limit was read")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	if _, err := samples[2].Read(1000); err == nil || !strings.Contains(err.Error(), "it ends before row 2") {
		t.Errorf("%v", err)
	}
	if got := rowsOf(t, samples[:2]); got[1] != "uint8 2 [3 4]" {
		t.Error(got)
	}
}
