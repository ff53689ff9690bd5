package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

const pngHead = "\x89PNG\r\n\x1a\n"

// What lies beside pictures is skipped and counted by kind; what looks like a
// picture, by its name or by its content, is a sample.
func TestFolderSkipsWhatIsNoPicture(t *testing.T) {
	root := tree(t, map[string]string{
		"cat/1.png": "one", "cat/1.txt": "a caption", "cat/1.TXT": "b", "cat/1.json": "{}", "cat/draft.svg": "<svg/>", "cat/meow.wav": "RIFF____WAVE",
		"cat/strange": pngHead, "cat/odd.dat": pngHead, "cat/cut.jpg": "no picture", "cat/photo.heic": "\x00\x00\x00\x18ftypheic", "cat/none.WEBP": "",
		"Thumbs.db": "\xd0\xcf\x11\xe0", "desktop.ini": "[x]", "README": "read me", "LICENSE.md": "a", "labels.csv": "a", "notes.dat": "text", "empty": "",
		"cat/table.xlsx": "PK\x03\x04", "all.zip": "PK\x03\x04", ".hidden.txt": "", "gone.csv": "-> nowhere", "gone": "-> nowhere",
	})
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, counted := range []bool{false, true} {
		src, err := source.Open([]string{root}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if counted {
			if n, _ := src.Total(t.Context()); n != 8 {
				t.Errorf("%d samples are counted, want 8", n)
			}
		}
		var samples []*source.Sample
		for {
			s, err := src.Next()
			if err != nil {
				break
			}
			samples = append(samples, s)
		}
		check(t, samples,
			"cat/1.png|cat||||one",
			"cat/cut.jpg|cat||||no picture",
			"cat/none.WEBP|cat||||",
			"cat/odd.dat|cat||||"+pngHead,
			"cat/photo.heic|cat||||\x00\x00\x00\x18ftypheic",
			"cat/strange|cat||||"+pngHead,
			"gone|||||BAD no such file in the folder "+root,
			"pipe|||||BAD no regular file but a named pipe",
		)
		if n, _ := src.Total(t.Context()); n != 8 {
			t.Errorf("%d samples are counted, want 8", n)
		}
		want := []source.Kind{
			{".csv", 2, "data/gone.csv"}, {".txt", 2, "data/cat/1.TXT"}, {"without an ending", 2, "data/README"}, {".dat", 1, "data/notes.dat"}, {".db", 1, "data/Thumbs.db"}, {".ini", 1, "data/desktop.ini"},
			{".json", 1, "data/cat/1.json"}, {".md", 1, "data/LICENSE.md"}, {".svg", 1, "data/cat/draft.svg"}, {".wav", 1, "data/cat/meow.wav"},
			{".xlsx", 1, "data/cat/table.xlsx"}, {".zip", 1, "data/all.zip"},
		}
		if got := src.Skipped(); !reflect.DeepEqual(got, want) {
			t.Errorf("skipped\n%v, want\n%v", got, want)
		}
	}
}

// A folder without pictures says what is in it.
func TestFolderWithoutPictures(t *testing.T) {
	root := tree(t, map[string]string{
		"a/1.csv": "", "a/2.csv": "", "b.wav": "", "c.txt": "a text", "README": "",
	})
	_, err := read(t, nil, root)
	fails(t, err, "no pictures in "+root+": 2 .csv, 1 .txt, 1 .wav, 1 without an ending")
	var empty *source.NoSamplesError
	if !errors.As(err, &empty) || empty.Source != root || empty.Skipped[0] != (source.Kind{Name: ".csv", Count: 2, First: "data/a/1.csv"}) {
		t.Errorf("%+v", empty)
	}
	_, err = read(t, &source.Options{Format: "folder"}, root)
	fails(t, err, "no pictures in ")
	samples, err := read(t, &source.Options{Format: "texts"}, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "c.txt|||||a text")
	_, err = read(t, &source.Options{Format: "texts"}, root+"/a")
	fails(t, err, "no texts in "+root+"/a: 2 .csv")
	_, err = read(t, &source.Options{Format: "texts"}, root+"/c.txt")
	fails(t, err, "format texts needs a folder")
}

// A folder of nothing but texts is one of texts, as scikit-learn's load_files
// reads it: a file a text, its folder the label.
func TestFolderOfTexts(t *testing.T) {
	long := make([]byte, 1<<20+1)
	root := tree(t, map[string]string{
		"train/alt.atheism/49960": "From: a\n\nwords", "train/sci.space/1.txt": "\xef\xbb\xbfmoon\n", "train/sci.space/long.txt": string(long),
		"test/alt.atheism/2.txt": "", "README.md": "about", "README": "about", "Thumbs.db": "", "test/alt.atheism/.x": "",
	})
	src, err := source.Open([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if n, _ := src.Total(t.Context()); src.Modality() != models.Text || n != 4 || src.Base() != "data" {
		t.Errorf("%s, %d, %s", src.Modality(), n, src.Base())
	}
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples,
		"test/alt.atheism/2.txt|alt.atheism|test|||",
		"train/alt.atheism/49960|alt.atheism|train|||From: a\n\nwords",
		"train/sci.space/1.txt|sci.space|train|||moon\n",
		"train/sci.space/long.txt|sci.space|train|||BAD 1048577 bytes or more, over the limit of 1048576",
	)
	if path, info, err := samples[1].Info(); path != "" || info != nil || err != nil {
		t.Errorf("info %q %v %v: the key of a text is no matter of its file", path, info, err)
	}
	// One picture, and it is a folder of pictures.
	if err := os.WriteFile(filepath.Join(root, "z.png"), []byte(pngHead), 0o666); err != nil {
		t.Fatal(err)
	}
	samples, err = read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "z.png|||||"+pngHead)
}
