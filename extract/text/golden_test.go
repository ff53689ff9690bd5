package text

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"testing"
)

// The ids are those of the reference for every text.
func TestGolden(t *testing.T) {
	tok := build(t, spec(t))
	texts := golden(t)
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
		if normal := normal(tok, g.Text); crc32.ChecksumIEEE([]byte(normal)) != g.Normal {
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
