package features

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/headstart-ml/headstart/cache"
)

// Joined is feature sets that were read and joined, with their rows in a cache.
type Joined struct {
	Sets   []*Set
	Names  []string // of the sets, as messages call them
	Table  *Table
	Matrix *Matrix // row i belongs to row i of Table
}

// Open reads the feature sets at paths, joins them, see Join, and finds their
// rows in c. If c lacks some, the error is or joins a *MissingError for each
// space. The caller closes what is returned before c.
func Open(paths []string, c *cache.Cache) (*Joined, error) {
	var sets []*Set
	for _, path := range paths {
		set, err := Read(path)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return OpenSets(sets, paths, c)
}

// OpenSets is Open for sets that were read already. names is what messages call
// each of them.
func OpenSets(sets []*Set, names []string, c *cache.Cache) (*Joined, error) {
	table, err := Join(sets, names)
	if err != nil {
		return nil, err
	}
	m, err := table.Matrix(c)
	if err != nil {
		return nil, err
	}
	return &Joined{sets, names, table, m}, nil
}

// Part is the matrix of the columns of some of Sets, by their places, beside
// each other. It reads through j, and is closed with it.
func (j *Joined) Part(sets ...int) *Matrix {
	m := &Matrix{n: j.Matrix.n}
	for _, set := range sets {
		for _, c := range j.Matrix.columns {
			if c.set == set {
				c.from, c.to = m.d, m.d+c.to-c.from
				m.columns = append(m.columns, c)
				m.d = c.to
			}
		}
	}
	return m
}

// KeysOf returns the key of each row in one of Sets, by its place.
func (j *Joined) KeysOf(set int) []cache.Key { return j.Table.parts[set].keys }

// Close lets go of the rows.
func (j *Joined) Close() error { return j.Matrix.Close() }

// Spaces lists space.json of the columns.
func (j *Joined) Spaces() []json.RawMessage {
	var all []json.RawMessage
	for _, s := range j.Sets {
		all = append(all, s.Meta.Spaces...)
	}
	return all
}

// Digest is the SHA-256 digest of ids, keys and labels, in their order, as hex.
func (j *Joined) Digest() string {
	h := sha256.New()
	put := func(s string) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	for i, id := range j.Table.IDs {
		put(id)
		h.Write(j.Table.Keys[i][:])
		label := ""
		switch {
		case j.Table.Labels != nil:
			label = j.Table.Labels[i]
		case j.Table.LabelLists != nil:
			label = JoinLabels(j.Table.LabelLists[i])
		}
		put(label)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Missing lists what a cache lacks, of an error of Open, OpenSets or
// Table.Matrix; none if the error is another one.
func Missing(err error) []*MissingError {
	var all []*MissingError
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		if one, ok := errors.AsType[*MissingError](err); ok {
			all = append(all, one)
		}
	}
	return all
}
