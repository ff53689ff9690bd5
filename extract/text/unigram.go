package text

import (
	"errors"
	"math"
	"slices"
	"sync"
	"unicode/utf8"
)

// A unigram cuts words so that the scores of the pieces sum up to the most
// (Kudo 2018, https://arxiv.org/abs/1804.10959); of equals, the one found first
// from the front counts.
type unigram struct {
	vocabulary
	trie         pieceTrie
	scores       []float64
	unkID        int32   // −1: a text that needs it is an error
	unkScore     float64 // of an unknown code point
	byteFallback *[256]int32
	cache        *wordCache
}

// readUnigram is the entry of Unigram.
func readUnigram(o object) (model, error) {
	m := &unigram{unkID: -1}
	var byteFallback bool
	pieces, err := readPieces(o)
	if err := errors.Join(err, o.readOr("byte_fallback", &byteFallback)); err != nil {
		return nil, err
	}
	if len(pieces) > maxVocab {
		return nil, o.errorf("vocab: %d tokens: the limit is %d", len(pieces), maxVocab)
	}
	if o.has("unk_id") {
		var id uint64
		if err := o.read("unk_id", &id); err != nil {
			return nil, err
		}
		if id >= uint64(len(pieces)) {
			return nil, o.errorf("unk_id: no token has id %d", id)
		}
		m.unkID = int32(id)
	}
	ids := make(map[string]int32, len(pieces))
	m.scores = make([]float64, len(pieces))
	least := math.Inf(1)
	for i, p := range pieces {
		if len(p.token) > maxPiece {
			return nil, o.errorf("vocab: token %d: %d bytes: the limit is %d", i, len(p.token), maxPiece)
		}
		ids[p.token] = int32(i) // the last one counts
		m.scores[i] = p.score
		least = min(least, p.score)
	}
	const penalty = 10
	m.unkScore = least - penalty
	m.vocabulary = newVocabulary(ids)
	m.count, m.most = len(pieces), int32(len(pieces))
	m.names = sync.OnceValue(func() []string {
		names := make([]string, len(pieces))
		for i, p := range pieces {
			names[i] = p.token
		}
		return names
	})
	m.trie = newPieceTrie(ids)
	if byteFallback {
		m.byteFallback = m.bytes()
	}
	m.cache = newWordCache(len(pieces))
	return m, nil
}

// A path is the best way to cut a word up to some byte.
type path struct {
	score float64
	start int32 // of the last piece; −1: there is no way
	id    int32 // of the last piece
}

func (m *unigram) appendTo(dst *tokens, word []byte) error {
	return m.cache.appendTo(dst, word, (*uncachedUnigram)(m))
}

// uncachedUnigram is a unigram that does not look into its cache.
type uncachedUnigram unigram

func (u *uncachedUnigram) appendTo(dst *tokens, word []byte) error {
	m := (*unigram)(u)
	paths, err := m.paths(dst, word)
	if err != nil {
		return err
	}
	ends := dst.work.ends[:0] // of the pieces, the last one first
	for at := int32(len(word)); at > 0; at = paths[at].start {
		ends = append(ends, at)
	}
	dst.work.ends = ends
	start := 0
	for i := len(ends) - 1; i >= 0; i-- {
		id := paths[ends[i]].id
		if id != m.unkID {
			dst.add(id, start, int(ends[i]))
		} else {
			for i > 0 && paths[ends[i-1]].id == id {
				i--
			}
			m.unknownTo(dst, word, start, int(ends[i]))
		}
		start = int(ends[i])
	}
	return nil
}

// paths returns the best way to each byte of a word.
func (m *unigram) paths(dst *tokens, word []byte) ([]path, error) {
	paths := slices.Grow(dst.work.paths[:0], len(word)+1)[:len(word)+1]
	dst.work.paths = paths
	for i := range paths {
		paths[i] = path{start: -1}
	}
	for i := 0; i < len(word); {
		till := paths[i].score
		_, size := utf8.DecodeRune(word[i:])
		single := false // some piece is this code point alone
		node := int32(0)
		for end := i; end < len(word); {
			dst.work.steps++
			if node = m.trie.next(node, word[end]); node < 0 {
				break
			}
			end++
			id := m.trie.nodes[node].id
			if id < 0 {
				continue
			}
			single = single || end == i+size
			if p, score := &paths[end], m.scores[id]+till; p.start < 0 || score > p.score {
				*p = path{score, int32(i), id}
			}
		}
		if p, score := &paths[i+size], m.unkScore+till; !single && (p.start < 0 || score > p.score) {
			if m.unkID < 0 {
				return nil, errors.New("text: tokenizer.json: model: the text needs the unknown token, but unk_id is null")
			}
			*p = path{score, int32(i), m.unkID}
		}
		i += size
	}
	return paths, nil
}

func (m *unigram) fails() bool { return m.unkID < 0 }

// unknownTo appends what unknown code points in a row become.
func (m *unigram) unknownTo(dst *tokens, word []byte, start, end int) {
	if id, ok := m.ids[string(word[start:end])]; ok {
		dst.add(id, start, end)
		return
	}
	if m.byteFallback != nil {
		n := len(dst.ids)
		all := true
		for _, b := range word[start:end] {
			id := m.byteFallback[b]
			if all = id >= 0; !all {
				break
			}
			dst.add(id, start, end)
		}
		if all {
			return
		}
		dst.cut(n)
	}
	dst.add(m.unkID, start, end)
	if dst.whole {
		dst.parts[len(dst.parts)-1].verbatim = true
	}
}

// A scoredPiece is a token of a unigram and its score.
type scoredPiece struct {
	token string
	score float64
}

// readPieces reads the field vocab: a list of tokens, each a list of its
// spelling and its score.
func readPieces(o object) ([]scoredPiece, error) {
	if !o.has("vocab") {
		return nil, o.errorf("vocab is missing")
	}
	s := jsonScanner{string(o.fields["vocab"])}
	var pieces []scoredPiece
	if !s.open('[') {
		return nil, o.errorf("vocab is not a list of tokens and scores")
	}
	for s.more(']') {
		var p scoredPiece
		ok := s.open('[') && s.more(']') && s.text(&p.token) && s.more(']') && s.number(&p.score) && !s.more(']')
		if !ok {
			return nil, o.errorf("vocab: token %d is not a token and its score", len(pieces))
		}
		pieces = append(pieces, p)
	}
	return pieces, nil
}
