package text

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"unicode"

	"github.com/headstart-ml/headstart/models"
)

const miniLM = "../../models/builtin/all-minilm-l6-v2/tokenizer.json"

// spec returns the contract of the built-in MiniLM.
func spec(t testing.TB) *models.TextSpec {
	t.Helper()
	data, err := os.ReadFile(miniLM)
	if err != nil {
		t.Fatal(err)
	}
	return &models.TextSpec{Tokenizer: data, MaxLen: 256, Truncation: "right"}
}

func build(t testing.TB, s *models.TextSpec) *Tokenizer {
	t.Helper()
	tok, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func encode(t testing.TB, tok *Tokenizer, text string) []int32 {
	t.Helper()
	ids, err := tok.AppendIDs(nil, text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return ids
}

// open unpacks a file of testdata.
func open(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A goldenText is a text and its ids by the reference.
type goldenText struct {
	Kind  string
	Text  string
	Bytes []byte // in place of Text where it is not UTF-8
	IDs   []int32
	// Normal is the CRC-32 of the normalised text: most words of rare scripts
	// are unknown, so that ids alone show little of them.
	Normal uint32
}

func golden(t testing.TB) []goldenText {
	t.Helper()
	var texts []goldenText
	lines := bufio.NewScanner(bytes.NewReader(open(t, "golden.jsonl.gz")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g goldenText
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		if g.Bytes != nil {
			g.Text = string(g.Bytes)
		}
		texts = append(texts, g)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// script names the script of most letters of a text.
func script(text string) string {
	count := map[string]int{}
	best := ""
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		for name, table := range unicode.Scripts {
			if unicode.Is(table, r) {
				count[name]++
				if n := count[name]; n > count[best] || n == count[best] && name < best {
					best = name
				}
				break
			}
		}
	}
	return best
}

// The ids are those of the reference for every text.
func TestGolden(t *testing.T) {
	tok := build(t, spec(t))
	texts := golden(t)
	var read scratch
	differ, real, scripts := 0, 0, map[string]int{}
	for _, g := range texts {
		if g.Kind == "real" {
			real++
			if s := script(g.Text); s != "" {
				scripts[s]++
			}
		}
		got := encode(t, tok, g.Text)
		if !slices.Equal(got, g.IDs) {
			if differ++; differ <= 10 {
				t.Errorf("%s: %.300q\n got %v\nwant %v", g.Kind, g.Text, got, g.IDs)
			}
		}
		if normal := tok.normalizer.appendTo(nil, repair(g.Text), &read); crc32.ChecksumIEEE(normal) != g.Normal {
			t.Errorf("%s: %.300q: normalised to %.300q, unlike the reference", g.Kind, g.Text, normal)
		}
		types := tok.AppendTypeIDs(nil, len(got))
		if !slices.Equal(types, make([]int32, len(got))) {
			t.Errorf("%.300q: types %v of one text are not all 0", g.Text, types)
		}
	}
	t.Logf("ids differ for %d of %d texts, %d of them real in %d scripts", differ, len(texts), real, len(scripts))
	if differ > 0 {
		t.Errorf("%d of %d texts differ", differ, len(texts))
	}
	if len(texts) < 3000 || real < 1000 || len(scripts) < 20 {
		t.Errorf("%d texts, %d real ones in %d scripts: want 3000, 1000, 20", len(texts), real, len(scripts))
	}
}

// idsDigest is the digest of the fixtures' ids, by Impl.
var idsDigest = map[string]string{
	"text/1": "f9be324bee98619a4192990f6304dcf90d94c1f909082217efa1f8cff49e3567",
}

// Whoever changes ids has to change Impl, or old embeddings would be taken for
// new ones.
func TestImpl(t *testing.T) {
	tok := build(t, spec(t))
	h := sha256.New()
	add := func(tok *Tokenizer, text string) {
		ids := encode(t, tok, text)
		types := tok.AppendTypeIDs(nil, len(ids))
		if err := binary.Write(h, binary.LittleEndian, slices.Concat(ids, []int32{-1}, types)); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range golden(t) {
		add(tok, g.Text)
	}
	for _, v := range readVariants(t) {
		tok := build(t, v.spec(t))
		for _, c := range v.Cases {
			add(tok, c.Text)
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != idsDigest[Impl] {
		t.Errorf("the ids of the fixtures are not those of %s (digest %s, want %s): if a text's ids changed, raise Impl and add its digest here; if only texts were added to the fixtures, put the new digest in place",
			Impl, got, idsDigest[Impl])
	}
}

// A variant is another tokenizer, or another contract around it.
type variant struct {
	Name      string
	Patch     map[string]json.RawMessage
	Lowercase bool
	Prefix    string
	MaxLen    int `json:"max_len"`
	Cases     []struct {
		Text  string
		IDs   []int32
		Types []int32
	}
}

func (v *variant) spec(t testing.TB) *models.TextSpec {
	t.Helper()
	s := patched(t, v.Patch)
	s.Lowercase, s.Prefix, s.MaxLen = v.Lowercase, v.Prefix, v.MaxLen
	return s
}

func readVariants(t testing.TB) []variant {
	t.Helper()
	var variants []variant
	if err := json.Unmarshal(open(t, "variants.json.gz"), &variants); err != nil {
		t.Fatal(err)
	}
	return variants
}

// Other normalizers, added tokens, templates, vocabularies and lengths.
func TestVariants(t *testing.T) {
	variants := readVariants(t)
	if len(variants) < 25 {
		t.Fatalf("%d variants", len(variants))
	}
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			tok := build(t, v.spec(t))
			for _, c := range v.Cases {
				got := encode(t, tok, c.Text)
				if !slices.Equal(got, c.IDs) {
					t.Errorf("%.300q\n got %v\nwant %v", c.Text, got, c.IDs)
				} else if types := tok.AppendTypeIDs(nil, len(got)); !slices.Equal(types, c.Types) {
					t.Errorf("%.300q\n got types %v\nwant %v", c.Text, types, c.Types)
				}
			}
		})
	}
}

// patched returns MiniLM's contract with parts of tokenizer.json replaced.
func patched(t testing.TB, patch map[string]json.RawMessage) *models.TextSpec {
	t.Helper()
	s := spec(t)
	top, err := miniLMParts()
	if err != nil {
		t.Fatal(err)
	}
	top = maps.Clone(top)
	maps.Copy(top, patch)
	if _, ok := patch["model"]; ok {
		delete(top, "padding") // a small vocabulary lacks its id
	}
	if s.Tokenizer, err = json.Marshal(top); err != nil {
		t.Fatal(err)
	}
	return s
}

var miniLMParts = sync.OnceValues(func() (top map[string]json.RawMessage, err error) {
	data, err := os.ReadFile(miniLM)
	if err == nil {
		err = json.Unmarshal(data, &top)
	}
	return top, err
})
