package source_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

func TestFolder(t *testing.T) {
	root := tree(t, map[string]string{
		"cat/2.png":      "two",
		"cat/10.png":     "ten",
		"cat/deep/1.png": "deep",
		"cat.png":        "between",
		"Dog/a b.jpg":    "dog",
		"test/x.png":     "a class named test",
		".git/config":    "hidden",
		"cat/.DS_Store":  "hidden",
		"empty/":         "",
		"top.png":        "top",
	})
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples,
		"Dog/a b.jpg|Dog||||dog",
		"cat.png|||||between", // '.' sorts before '/'
		"cat/10.png|cat||||ten",
		"cat/2.png|cat||||two",
		"cat/deep/1.png|cat||||deep",
		"test/x.png|test||||a class named test",
		"top.png|||||top",
	)
	if p := samples[2].Path; p != "data/cat/10.png" {
		t.Errorf("path %q", p)
	}
	path, info, err := samples[2].Info()
	if err != nil || path != filepath.Join(root, "cat/10.png") || info.Size() != 3 {
		t.Errorf("info: %q %v %v", path, info, err)
	}
}

func TestFolderOfSplits(t *testing.T) {
	root := tree(t, map[string]string{
		"train/cat/1.png": "1", "val/cat/2.png": "2", "valid/dog/3.png": "3", "dev/cat/sub/4.png": "4",
		"validation/5.png": "5", "test/dog/6.png": "6", "readme.png": "7", ".hidden/x": "",
	})
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples,
		"dev/cat/sub/4.png|cat|validation|||4",
		"readme.png|||||7",
		"test/dog/6.png|dog|test|||6",
		"train/cat/1.png|cat|train|||1",
		"val/cat/2.png|cat|validation|||2",
		"valid/dog/3.png|dog|validation|||3",
		"validation/5.png||validation|||5",
	)
}

func TestFolderLinks(t *testing.T) {
	outside := file(t, "secret.png", "secret")
	root := tree(t, map[string]string{
		"a/1.png":    "one",
		"a/in.png":   "-> 1.png",
		"a/up":       "-> ..",
		"a/self":     "-> .",
		"a/b":        "-> ../b",
		"b/2.png":    "two",
		"b/back":     "-> ../a",
		"b/out.png":  "-> " + outside,
		"b/outdir":   "-> " + filepath.Dir(outside),
		"b/dangling": "-> nowhere.png",
		"b/loop":     "-> loop",
		"c/escape":   "-> ../../../../../../../../../etc/passwd",
	})
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	above := "BAD a symbolic link to a folder that it lies in"
	out := "BAD leads out of the folder " + root + ", and no path may"
	none := "BAD no such file in the folder " + root
	check(t, samples,
		"a/1.png|a||||one",
		"a/b/2.png|a||||two",
		"a/b/back|a||||"+above,
		"a/b/dangling|a||||"+none,
		"a/b/loop|a||||BAD too many levels of symbolic links",
		"a/b/out.png|a||||"+out,
		"a/b/outdir|a||||"+out,
		"a/in.png|a||||one",
		"a/self|a||||"+above,
		"a/up|a||||"+above,
		"b/2.png|b||||two",
		"b/back/1.png|b||||one",
		"b/back/b|b||||"+above,
		"b/back/in.png|b||||one",
		"b/back/self|b||||"+above,
		"b/back/up|b||||"+above,
		"b/dangling|b||||"+none,
		"b/loop|b||||BAD too many levels of symbolic links",
		"b/out.png|b||||"+out,
		"b/outdir|b||||"+out,
		"c/escape|c||||"+out,
	)
	for _, s := range samples {
		_, bad := s.Read(1 << 20)
		if _, _, err := s.Info(); (err == nil) != (bad == nil) {
			t.Errorf("%s: Read says %v, Info says %v", s.ID, bad, err)
		}
	}
}

func TestFolderNames(t *testing.T) {
	files, want := map[string]string{"ä/ö\n.png": "y"}, []string{"ä/ö\n.png|ä||||y"}
	if runtime.GOOS != "darwin" { // whose file systems refuse such a name
		files["a\xff.png"] = "x"
		want = append([]string{`a\xff.png|||||BAD its name is not UTF-8`}, want...)
	}
	samples, err := read(t, nil, tree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, want...)
}

// A path may be longer than an id can be.
func TestFolderDeep(t *testing.T) {
	root := t.TempDir()
	name := strings.Repeat("x", 250)
	t.Chdir(root)
	for range 17 {
		if err := os.Mkdir(name, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chdir(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("1.png", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, strings.Repeat(name+"/", 17)+"1.png|"+name+"||||BAD its path has 4272 bytes, over the limit of 4096")
}

// A link that is swapped in after the walk leads nowhere either.
func TestFolderChangesMeanwhile(t *testing.T) {
	outside := file(t, "secret.png", "secret")
	root := tree(t, map[string]string{"a/1.png": "one", "a/2.png": "two", "a/3.png": "three"})
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(root, "a/1.png"), filepath.Join(root, "a/2.png")
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, first); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(second, 0o777); err != nil {
		t.Fatal(err)
	}
	check(t, samples,
		"a/1.png|a||||BAD leads out of the folder "+root+", and no path may",
		"a/2.png|a||||BAD no regular file but a folder",
		"a/3.png|a||||three",
	)
}

func TestSingleFiles(t *testing.T) {
	png := file(t, "one", "\x89PNG\r\n\x1a\n…")
	broken := file(t, "two.JPG", "no image")
	empty := file(t, "three.png", "")
	samples, err := read(t, nil, png, broken, empty)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "one|||||\x89PNG\r\n\x1a\n…", "two.JPG|||||no image", "three.png|||||")
	if path, info, err := samples[1].Info(); err != nil || path != broken || info.Size() != 8 {
		t.Errorf("info: %q %v %v", path, info, err)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if _, err := samples[1].Read(10); !errors.Is(err, fs.ErrNotExist) || err.Error() != "no such file" {
		t.Errorf("a file that is gone: %v", err)
	}
	other := file(t, "data", "no image")
	if samples, err = read(t, &source.Options{Format: "folder"}, other); err != nil {
		t.Fatal(err)
	}
	check(t, samples, "data|||||no image")
}

func TestReadLimit(t *testing.T) {
	root := tree(t, map[string]string{"a": "12345"})
	text := file(t, "t.txt", "12345\n")
	for _, path := range []string{root, text} {
		samples, err := read(t, nil, path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := samples[0].Read(5); err != nil || string(got) != "12345" {
			t.Errorf("%s: at the limit: %q %v", path, got, err)
		}
		if got, err := samples[0].Read(4); err == nil || !strings.Contains(err.Error(), "limit of 4") {
			t.Errorf("%s: over the limit: %q %v", path, got, err)
		}
	}
}

const csvTable = "\xef\xbb\xbfid,text,label,split,group,weight,other\r\n" +
	"a,\"one, \"\"two\"\"\r\nthree\",x,train,g,1,\r\n" +
	"b,,,,,,\r\n" +
	"\r\n" +
	"c, spaces ,\"y\",dev,g,0.5,z\r\n" +
	"d,last,x,test,h,0,z"

func TestCSV(t *testing.T) {
	want := []string{
		"a|x|train|g|1|one, \"two\"\nthree",
		"b|||||",
		"c|y|validation|g|0.5| spaces ",
		"d|x|test|h|0|last",
	}
	path := file(t, "names.csv", csvTable)
	samples, err := read(t, nil, path)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, want...)
	var paths []string
	for _, s := range samples {
		paths = append(paths, s.Path)
		if path, info, err := s.Info(); path != "" || info != nil || err != nil {
			t.Errorf("%s: info %q %v %v", s.ID, path, info, err)
		}
	}
	if want := []string{"names.csv:2", "names.csv:4", "names.csv:6", "names.csv:7"}; !slices.Equal(paths, want) {
		t.Errorf("paths %q, want %q", paths, want)
	}
	if samples[1].Weight != 1 || samples[1].Weighted {
		t.Errorf("an empty weight is %v, %v", samples[1].Weight, samples[1].Weighted)
	}

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(csvTable))
	z.Close()
	if samples, err = read(t, nil, file(t, "names.csv.gz", zipped.String())); err != nil {
		t.Fatal(err)
	}
	check(t, samples, want...)
	stdin := &source.Options{Stdin: bytes.NewReader(zipped.Bytes())}
	if samples, err = read(t, stdin, "-"); err != nil { // the header has a column text
		t.Fatal(err)
	}
	check(t, samples, want...)
	cut := file(t, "cut.csv.gz", zipped.String()[:zipped.Len()-12])
	_, err = read(t, nil, cut)
	fails(t, err, cut, "cut short")
}

func TestTSV(t *testing.T) {
	path := file(t, "names.tsv", "text\tlabel\n\"tab\tand \"\"quote\"\"\"\tx\nwith, comma\ty\n")
	for _, name := range []string{path, "-"} {
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		samples, err := read(t, &source.Options{Stdin: in}, name)
		if err != nil {
			t.Fatal(err)
		}
		base := map[string]string{path: "names", "-": "stdin"}[name]
		check(t, samples, base+"#1|x||||tab\tand \"quote\"", base+"#2|y||||with, comma")
	}
}

func TestColumns(t *testing.T) {
	const table = "name,description,class,label,group,n\nfox,quick,mammal,l,g,7\n"
	tests := []struct {
		opts source.Options
		want string
	}{
		{source.Options{Text: "name"}, "t#1|l||g||fox"},
		{source.Options{Text: "description", Label: "class", ID: "name"}, "fox|mammal||g||quick"},
		{source.Options{Text: "name", Label: "group"}, "t#1|g||||fox"}, // then it is no group
		{source.Options{Text: "label"}, "t#1|||g||l"},                  // then it is no label
		{source.Options{Text: "name", ID: "name", Group: "class", Weight: "n"}, "fox|l||mammal|7|fox"},
	}
	path := file(t, "t.csv", table)
	for _, test := range tests {
		samples, err := read(t, &test.opts, path)
		if err != nil {
			t.Errorf("%+v: %v", test.opts, err)
			continue
		}
		check(t, samples, test.want)
	}
}

func TestTableOfImages(t *testing.T) {
	outside := file(t, "secret.png", "secret")
	root := tree(t, map[string]string{"img/1.png": "one", "img/out.png": "-> " + outside, "img/in.png": "-> 1.png", "a b.png": "ab"})
	table := "image,label\nimg/1.png,x\n./img//1.png,y\n../secret.png,x\n" + outside + ",x\n" + filepath.Join(root, "img/1.png") +
		",x\nimg/out.png,x\nimg/in.png,x\nimg,x\nmissing.png,x\n,x\n\"a b.png\",x\nb\xff.png,x\n/,x\n"
	if err := os.WriteFile(filepath.Join(root, "t.csv"), []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	out := "BAD leads out of the folder " + root + ", and no path may"
	want := []string{
		"t#1|x||||one",
		"t#2|y||||one",
		"t#3|x||||" + out,
		"t#4|x||||" + out,
		"t#5|x||||one",
		"t#6|x||||" + out,
		"t#7|x||||one",
		"t#8|x||||BAD no regular file but a folder",
		"t#9|x||||BAD no such file in the folder " + root,
		"t#10|x||||BAD its path is empty",
		"t#11|x||||ab",
		"t#12|x||||BAD no such file in the folder " + root,
		"t#13|x||||" + out,
	}
	samples, err := read(t, nil, filepath.Join(root, "t.csv"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, want...)
	if p := samples[0].Path; p != "img/1.png" {
		t.Errorf("path %q", p)
	}
	if path, info, err := samples[6].Info(); err != nil || path != filepath.Join(root, "img/in.png") || info.Size() != 3 || !info.Mode().IsRegular() {
		t.Errorf("info of a link: %q %v %v", path, info, err)
	}
	// The same table elsewhere, with a root.
	elsewhere := file(t, "t.csv", table)
	if samples, err = read(t, &source.Options{Root: root}, elsewhere); err != nil {
		t.Fatal(err)
	}
	check(t, samples, want...)
	_, err = read(t, &source.Options{Root: filepath.Join(root, "nowhere")}, elsewhere)
	fails(t, err, elsewhere, "nowhere", "no such file or directory")
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, test := range []struct{ content, want string }{
		{"a\nb\n", "a,b"},
		{"a\r\nb", "a,b"},
		{"a\n\n \nb\n\n", "a,, ,b,"},
		{"\xef\xbb\xbfa\n", "a"},
		{"a,\"b\n", "a,\"b"},
		{"\n", ""},
		{"a\x00b\nc", "BAD it holds a zero byte (byte 2), so it is no text,c"},
		{"\xff\n", "BAD 0xff is not UTF-8 (byte 1); as windows-1252 it reads \"ÿ\""},
		{long + "\n" + long + "y\nz\n", long + ",BAD 1048577 bytes or more, over the limit of 1048576,z"},
		{long + "\r\n" + long + "\r\nz", long + "," + long + ",z"},
	} {
		samples, err := read(t, &source.Options{Format: "lines"}, file(t, "t.txt", test.content))
		if err != nil {
			t.Errorf("%.40q: %v", test.content, err)
			continue
		}
		var texts []string
		for i, s := range samples {
			if want := fmt.Sprintf("t#%d", i+1); s.ID != want {
				t.Errorf("id %q, want %q", s.ID, want)
			}
			texts = append(texts, describe(s)[len(s.ID)+5:])
		}
		if got := strings.Join(texts, ","); got != test.want {
			t.Errorf("%.40q: texts %.80q, want %.80q", test.content, got, test.want)
		}
	}
}

func TestSeveralSources(t *testing.T) {
	a := tree(t, map[string]string{"cat/1.png": "a"})
	b := filepath.Join(t.TempDir(), "more")
	if err := os.CopyFS(b, os.DirFS(a)); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(a, "..", "t.csv")
	if err := os.WriteFile(table, []byte("image\ndata/cat/1.png\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	samples, err := read(t, nil, a, b, table)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "data/cat/1.png|cat||||a", "more/cat/1.png|cat||||a", "t#1|||||a")
}

func TestIdsDoNotDependOnTheWorkingDirectory(t *testing.T) {
	root := tree(t, map[string]string{"cat/1.png": "a", "dog/2.png": "b"})
	other := tree(t, map[string]string{"x/1.png": "a"})
	list := func(paths ...string) string {
		t.Helper()
		samples, err := read(t, nil, paths...)
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, sample := range samples {
			s = append(s, describe(sample), sample.Path)
		}
		return strings.Join(s, "\n")
	}
	one, two := list(root), list(root, other+"/x")
	t.Chdir(root)
	for _, path := range []string{".", "./", "../data", "../data/", "cat/.."} {
		if got := list(path); got != one {
			t.Errorf("%q:\n%s\nwant\n%s", path, got, one)
		}
		if got := list(path, other+"/x/"); got != two {
			t.Errorf("%q:\n%s\nwant\n%s", path, got, two)
		}
	}
	t.Chdir("cat")
	if got := list(".."); got != one {
		t.Errorf("..:\n%s\nwant\n%s", got, one)
	}
}

func TestDuplicateIDs(t *testing.T) {
	table := file(t, "t.csv", "id,text\na,1\nb,2\na,3\n")
	samples, err := read(t, nil, table)
	fails(t, err, `id "a" is there twice`, table+" record 1", table+" record 3")
	if len(samples) != 2 {
		t.Errorf("%d samples before the error, want 2", len(samples))
	}
	other := file(t, "t.txt", "x\n")
	lines := file(t, "t.txt", "y\n")
	_, err = read(t, nil, other, lines)
	fails(t, err, `id "t#1"`, other+" line 1", lines+" line 1")

	one := tree(t, map[string]string{"a/1.png": ""})
	two := tree(t, map[string]string{"a/1.png": ""})
	_, err = read(t, nil, one, two)
	fails(t, err, `id "data/a/1.png"`, one+"/a/1.png and "+two+"/a/1.png")
}

func TestErrors(t *testing.T) {
	root := tree(t, map[string]string{
		"pictures/1.png": "", "empty/": "", "hidden/.x": "", "x.csv": "text\na\n", "x.txt": "a\n", "v.csv": "image,text\na,b\n",
		"header.csv": "text,label\n", "nothing.csv": "", "nothing.txt": "", "nothing": "", "bom.csv": "\xef\xbb\xbf", "sep.csv": "sep=;\n",
		"twice.csv": "text,label,label\na,b,c\n", "names.csv": "name,label\na,b\n",
		"openheader.csv": "text,\"label\na,b\n", "strayheader.csv": "text,\"la\"bel\"\na,b\n", "longheader.csv": strings.Repeat("x", 1<<21),
		"p.parquet": "PAR1\x15\x00", "p.csv": "PAR1\x15\x00", "a.npy": "\x93NUMPY", "a.tar": "", "a.jsonl": "{}", "a.json": "{}",
		"a": "{\"texts\": 1}\n", "words": "one two\n", "zip": "PK\x03\x04", "binary": "\x01\x00",
		"binary.txt": "a\x00", "z.csv.gz": "\x1f\x8b\x08", "wav": "RIFF____WAVE", "UPPER.FEATURES": "x",
	})
	var none source.Options
	tests := []struct {
		path string
		opts source.Options
		says []string
	}{
		{"missing", none, []string{"no such file or folder"}},
		{"empty", none, []string{"no pictures in ", "no files (hidden ones do not count)"}},
		{"hidden", none, []string{"no pictures in ", "no files (hidden ones do not count)"}},
		{"pictures", source.Options{Format: "csv"}, []string{"a folder, where format csv needs a file"}},
		{"pictures", source.Options{Label: "x"}, []string{"no table", `label column "x"`}},
		{"x.txt", source.Options{Text: "x"}, []string{"no table", `text column "x"`}},
		{"x.csv", source.Options{Format: "npy"}, []string{"does not begin as a .npy file"}},
		{"x.csv", source.Options{Format: "cvs"}, []string{`"cvs"`, "is it csv?"}},
		{"x.csv", source.Options{Format: "elephant"}, []string{`"elephant"`, "auto, folder, texts, csv, tsv, jsonl, parquet, lines"}},
		{"x.csv", source.Options{Image: "a", Text: "b"}, []string{`"a"`, `"b"`, "takes one"}},
		{"v.csv", none, []string{"a column image and a column text"}},
		{"names.csv", none, []string{"which column is the sample?", `"name", "label"`}},
		{"names.csv", source.Options{Text: "nmae"}, []string{`no column "nmae"`, `is it "name"?`, `"name", "label"`}},
		{"x.csv", source.Options{Label: "elephant"}, []string{`no column "elephant"; its one column is "text"`}},
		{"twice.csv", none, []string{`column "label" is there twice`}},
		{"header.csv", none, []string{"no records"}},
		{"nothing.csv", none, []string{"no header"}},
		{"bom.csv", none, []string{"no header"}},
		{"sep.csv", none, []string{"no header"}},
		{"nothing.csv", source.Options{NoHeader: true, Text: "1"}, []string{"no records"}},
		{"openheader.csv", none, []string{"header (line 1): the quote that opens field 2 (line 1) is not closed"}},
		{"strayheader.csv", none, []string{"header (line 1): field 2 (line 1) holds a quote that is not doubled"}},
		{"nothing.txt", none, []string{"an empty file"}},
		{"nothing", none, []string{"it is empty"}},
		{"longheader.csv", none, []string{"header", "longer than 1 MiB"}},
		{"p.parquet", none, []string{"it is damaged or cut off"}},
		{"p.csv", none, []string{"it is damaged or cut off"}},
		{"a.npy", none, []string{"a.npy: it ends in the first bytes of its header"}},
		{"a.tar", none, []string{"no pictures in "}},
		{"a.jsonl", none, []string{"its first records have no columns"}},
		{"a.json", none, []string{"its first records have no columns"}},
		{"a", none, []string{`which column is the sample? its one column is "texts"`}},
		{"zip", none, []string{"the list of members at its end is missing or damaged"}},
		{"wav", none, []string{"WAV files"}},
		{"UPPER.FEATURES", none, []string{"no Parquet file"}},
		{"words", none, []string{"neither name nor content say"}},
		{"binary", none, []string{"neither an image nor text"}},
		{"binary.txt", none, []string{"zero bytes"}},
		{"z.csv.gz", none, []string{"cut short"}},
	}
	for _, test := range tests {
		path := filepath.Join(root, test.path)
		_, err := read(t, &test.opts, path)
		says := test.says
		if !strings.Contains(says[0], "format") && !strings.Contains(says[0], `"`) {
			says = append(says, path)
		}
		t.Run(test.path, func(t *testing.T) { fails(t, err, says...) })
	}
	_, err := read(t, nil, filepath.Join(root, "pictures"), filepath.Join(root, "x.csv"))
	fails(t, err, "pictures holds images", "x.csv holds texts")
	_, err = read(t, &source.Options{Format: "lines", Stdin: strings.NewReader("")}, "-", "-")
	fails(t, err, "standard input: given twice")
	_, err = read(t, &source.Options{Format: "lines", Stdin: strings.NewReader("")}, "-")
	fails(t, err, "standard input: an empty file")
	_, err = read(t, nil)
	fails(t, err, "none was given")
	_, err = read(t, &source.Options{Stdin: strings.NewReader("\x89PNG\r\n\x1a\n")}, "-")
	fails(t, err, "an image must be a file of its own")
}

func TestModalityBaseTotalDescribe(t *testing.T) {
	root := tree(t, map[string]string{
		"photos.v2/cat/1.png": "", "photos.v2/cat/2.png": "", "photos.v2/3.png": "", "photos.v2/.x": "",
		"names.x.csv": "id,name,label\n1,\"a\nb\",c\n\n2,b,c\n", "lines.txt": "a\n\nb", "one.png": "",
	})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("text\na\nb\n"))
	z.Close()
	if err := os.WriteFile(root+"/z.tsv.gz", zipped.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	type says struct {
		modality models.Modality
		base     string
		n        int
		describe map[string]string
	}
	for _, test := range []struct {
		paths []string
		opts  source.Options
		want  says
	}{
		{[]string{"photos.v2"}, source.Options{}, says{models.Image, "photos.v2", 3, map[string]string{}}},
		{[]string{"photos.v2/", "one.png"}, source.Options{}, says{models.Image, "photos.v2", 4, map[string]string{}}},
		{[]string{"one.png"}, source.Options{}, says{models.Image, "one", 1, map[string]string{}}},
		{[]string{"names.x.csv"}, source.Options{Text: "name", Label: "label", Format: "csv"},
			says{models.Text, "names.x", 2, map[string]string{"format": "csv", "text": "name", "label": "label"}}},
		{[]string{"names.x.csv"}, source.Options{Image: "name", Root: "photos.v2", Format: "auto"},
			says{models.Image, "names.x", 2, map[string]string{"image": "name", "root": "photos.v2"}}},
		{[]string{"lines.txt"}, source.Options{}, says{models.Text, "lines", 3, map[string]string{}}},
		{[]string{"z.tsv.gz", "lines.txt"}, source.Options{}, says{models.Text, "z", 5, map[string]string{"text": "text"}}},
		{[]string{"lines.txt", "-"}, source.Options{Stdin: strings.NewReader("text\n")}, says{models.Text, "lines", 3, map[string]string{"text": "text"}}},
	} {
		t.Chdir(root)
		src, err := source.Open(test.paths, &test.opts)
		if err != nil {
			t.Errorf("%q: %v", test.paths, err)
			continue
		}
		defer src.Close()
		for err == nil {
			_, err = src.Next()
		}
		n, _ := src.Total(t.Context())
		got := says{src.Modality(), src.Base(), n, src.Describe()}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %+v, want %+v", test.paths, got, test.want)
		}
	}
}
