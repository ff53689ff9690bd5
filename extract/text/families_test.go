package text

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"maps"
	"strconv"
	"testing"
)

// A family is a tokenizer of testdata/generate_families.py.
type family struct {
	name      string
	tokenizer map[string]json.RawMessage
	texts     []string
	pairs     []string // nil, or by text the one that it is paired with
	paired    []bool
	answers   []digests
}

// digests are what the reference makes of a text; see generate_families.py.
type digests struct{ stages, ids, all uint16 }

// refused and panicked are all, where there are no ids.
const (
	refused  = 1
	panicked = 2
)

func readDigests(t testing.TB, name string) []digests {
	data := open(t, name)
	list := make([]digests, len(data)/6)
	for i := range list {
		at := data[6*i:]
		list[i] = digests{binary.LittleEndian.Uint16(at), binary.LittleEndian.Uint16(at[2:]), binary.LittleEndian.Uint16(at[4:])}
	}
	return list
}

// short is what a digest keeps of data.
func short(data []byte) uint16 { return uint16(crc32.ChecksumIEEE(data)%65521 + 1) }

func unmarshal(t testing.TB, name string, dst any) {
	t.Helper()
	if err := json.Unmarshal(open(t, name), dst); err != nil {
		t.Fatal(err)
	}
}

// families are tokenizers as published ones are made.
func families(t testing.TB) []family {
	t.Helper()
	var texts []string
	unmarshal(t, "texts.json.gz", &texts)
	var file struct {
		Charsmap json.RawMessage
		Models   []map[string]json.RawMessage
		Families []struct {
			Name      string
			Tokenizer map[string]json.RawMessage
			Model     int
			Patch     map[string]json.RawMessage
		}
	}
	unmarshal(t, "families.json.gz", &file)
	for _, m := range file.Models {
		unpack(t, m)
	}
	answers := readDigests(t, "families.digests.gz")
	if len(answers) != len(file.Families)*len(texts) {
		t.Fatalf("%d answers for %d texts of %d families", len(answers), len(texts), len(file.Families))
	}
	var all []family
	for i, f := range file.Families {
		insert(f.Tokenizer, file.Charsmap)
		f.Tokenizer["model"] = withPatch(t, file.Models[f.Model], f.Patch)
		all = append(all, family{name: f.Name, tokenizer: f.Tokenizer, texts: texts, answers: answers[i*len(texts) : (i+1)*len(texts)]})
	}
	return all
}

// pipelines are tokenizers that were drawn at random.
func pipelines(t testing.TB) []family {
	t.Helper()
	var texts []string
	unmarshal(t, "texts.json.gz", &texts)
	var file struct {
		Models    []map[string]json.RawMessage
		Pipelines []struct {
			Tokenizer    map[string]json.RawMessage
			Model        int
			Patch        map[string]json.RawMessage
			Texts, Pairs []int
		}
	}
	unmarshal(t, "pipelines.json.gz", &file)
	var shared struct{ Charsmap json.RawMessage }
	unmarshal(t, "families.json.gz", &shared)
	for _, m := range file.Models {
		unpack(t, m)
	}
	answers := readDigests(t, "pipelines.digests.gz")
	var all []family
	for i, p := range file.Pipelines {
		f := family{name: strconv.Itoa(i), tokenizer: p.Tokenizer}
		insert(f.tokenizer, shared.Charsmap)
		f.tokenizer["model"] = withPatch(t, file.Models[p.Model], p.Patch)
		for k, at := range p.Texts {
			f.texts = append(f.texts, texts[at])
			pair := p.Pairs[k] >= 0
			f.paired = append(f.paired, pair)
			second := ""
			if pair {
				second = texts[p.Pairs[k]]
			}
			f.pairs = append(f.pairs, second)
		}
		f.answers, answers = answers[:len(f.texts)], answers[len(f.texts):]
		all = append(all, f)
	}
	return all
}

// insert puts the replacements of SentencePiece where they are left out.
func insert(tokenizer map[string]json.RawMessage, charsmap json.RawMessage) {
	tokenizer["normalizer"] = bytes.ReplaceAll(tokenizer["normalizer"], []byte(`"@charsmap"`), charsmap)
}

// unpack gives a model its merges back.
func unpack(t testing.TB, model map[string]json.RawMessage) {
	t.Helper()
	var packed []int
	var vocab map[string]int
	var prefix string
	if model["packed"] == nil {
		return
	}
	if err := errors.Join(
		json.Unmarshal(model["packed"], &packed),
		json.Unmarshal(model["vocab"], &vocab),
		json.Unmarshal(model["continuing_subword_prefix"], &prefix),
	); err != nil {
		t.Fatal(err)
	}
	names := make([][]rune, len(vocab))
	for name, id := range vocab {
		names[id] = []rune(name)
	}
	merges := make([][2]string, len(packed)/2)
	for i := range merges {
		name, left := names[packed[2*i]], packed[2*i+1]
		merges[i] = [2]string{string(name[:left]), prefix + string(name[left:])}
	}
	delete(model, "packed")
	model["merges"] = marshal(t, merges)
}

func withPatch(t testing.TB, model, patch map[string]json.RawMessage) json.RawMessage {
	model = maps.Clone(model)
	maps.Copy(model, patch)
	return marshal(t, model)
}

func marshal(t testing.TB, x any) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Ids, type ids, masks and offsets are those of the reference, for every text
// of every family.
func TestFamilies(t *testing.T) {
	list := families(t)
	if len(list) < 16 || len(list[0].texts) < 5000 {
		t.Errorf("%d families, %d texts", len(list), len(list[0].texts))
	}
	testAnswers(t, list)
}

// So they are for components that nobody put together before, truncated, filled
// up, and with pairs of texts.
func TestRandomPipelines(t *testing.T) {
	list := pipelines(t)
	if len(list) < 200 || len(list[0].texts) < 200 {
		t.Errorf("%d pipelines, %d texts", len(list), len(list[0].texts))
	}
	testAnswers(t, list)
}

func testAnswers(t *testing.T, list []family) {
	differ, n := 0, 0
	for _, f := range list {
		tok, err := New(marshal(t, f.tokenizer), &Options{CodePoints: true})
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			differ += len(f.texts)
			continue
		}
		here := 0
		for i, text := range f.texts {
			want := f.answers[i]
			none := want.ids == 0
			if none && want.all == panicked {
				continue
			}
			n++
			var e *Encoding
			if f.paired != nil && f.paired[i] {
				e, err = tok.EncodePair(text, f.pairs[i])
			} else {
				e, err = tok.Encode(text)
			}
			switch {
			case err != nil && none:
				continue
			case err != nil:
				e = &Encoding{}
			case none:
				err = errors.New("which the reference refuses")
			case digestOf(e.IDs) == want.ids && digestOf(e.IDs, e.TypeIDs, e.Mask, e.Special, flat(e.Offsets)) == want.all:
				continue
			}
			differ++
			if here++; here <= 2 {
				t.Errorf("%s: text %d, %.200q (%v)\ngot %.200v\n%v\n%v %v\n%.300q\n%.300v", f.name, i, text, err, e.IDs, e.TypeIDs, digestOf(e.IDs) == want.ids, len(e.IDs), e.Tokens, e.Offsets)
			}
		}
		if here > 0 {
			t.Errorf("%s: %d texts differ", f.name, here)
		}
	}
	t.Logf("%d of %d texts differ", differ, n)
}

// digestOf is the digest of lists, each with its length in front.
func digestOf(lists ...[]int32) uint16 {
	var data []byte
	for _, list := range lists {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(list)))
		for _, x := range list {
			data = binary.LittleEndian.AppendUint32(data, uint32(x))
		}
	}
	return short(data)
}

func flat(offsets []Offset) []int32 {
	var list []int32
	for _, o := range offsets {
		list = append(list, int32(o.Start), int32(o.End))
	}
	return list
}

// Normalizers and pre-tokenizers give the reference's text and words, and say
// where in the text the words come from.
func TestStagesOfFamilies(t *testing.T) { testStages(t, families(t)) }

func TestStagesOfRandomPipelines(t *testing.T) { testStages(t, pipelines(t)) }

func testStages(t *testing.T, list []family) {
	differ, n := 0, 0
	for _, f := range list {
		top := object{place: "tokenizer.json", fields: f.tokenizer}
		normalizer, err := read(top, "normalizer", normalizerTypes)
		if err != nil {
			t.Error(err)
			continue
		}
		pre, err := read(top, "pre_tokenizer", preTokenizerTypes)
		if err != nil {
			t.Error(err)
			continue
		}
		var p passage
		here := 0
		for i, text := range f.texts {
			if f.answers[i].stages == 0 { // the reference has none
				continue
			}
			n++
			p.begin(text, 0, false)
			if normalizer != nil {
				normalizer.normalize(&p)
			}
			normal := string(p.bytes)
			p.begin(normal, 0, true)
			p.whole()
			if pre != nil {
				pre.preTokenize(&p)
			}
			chars := codePoints(normal)
			data := append([]byte(normal), 0xFF)
			for _, w := range p.words {
				at := p.origin(w.start, w.end)
				o := chars.offset(at)
				data = append(append(data, p.bytes[w.start:w.end]...), 0xFF)
				data = binary.LittleEndian.AppendUint32(data, uint32(o.Start))
				data = binary.LittleEndian.AppendUint32(data, uint32(o.End))
			}
			if short(data) == f.answers[i].stages {
				continue
			}
			differ++
			if here++; here <= 2 {
				t.Errorf("%s: text %d, %.200q\nnormalised to %.200q\nwords %.300q", f.name, i, text, normal, data[len(normal)+1:])
			}
		}
		if here > 0 {
			t.Errorf("%s: %d texts differ", f.name, here)
		}
	}
	t.Logf("%d of %d texts differ", differ, n)
}
