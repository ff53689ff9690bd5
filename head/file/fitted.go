package file

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Fitted tells which rows a head was fitted on, as far as is needed to
// recognise them: content keys cut to 8 bytes.
type Fitted struct {
	N   int    // rows
	IDs string // digest of their ids, hex; see NewFitted
	// Keys holds the first 8 bytes of each row's key as a big-endian number,
	// ascending, each once.
	Keys []uint64
}

// NewFitted describes rows by their ids and keys, which go together. Of
// features of several spaces it takes the keys of the first.
//
// The digest of the ids is the SHA-256 of "headstart-ids/1\0" and, of each id
// in the order of their bytes, its length as 8 bytes, little-endian, and its
// bytes.
func NewFitted[K ~[32]byte](ids []string, keys []K) (*Fitted, error) {
	if len(ids) != len(keys) {
		return nil, fmt.Errorf("head/file: fitted rows: %d ids and %d keys", len(ids), len(keys))
	}
	f := &Fitted{N: len(ids), Keys: make([]uint64, len(keys))}
	for i := range keys {
		f.Keys[i] = prefix(keys[i])
	}
	slices.Sort(f.Keys)
	f.Keys = slices.Compact(f.Keys)

	h := sha256.New()
	h.Write([]byte("headstart-ids/1\x00"))
	for _, id := range slices.Sorted(slices.Values(ids)) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(id))))
		h.Write([]byte(id))
	}
	f.IDs = hex.EncodeToString(h.Sum(nil))
	return f, nil
}

// Seen reports whether the head was fitted on a row of this key. Of a million
// foreign keys and a million rows, it takes one for seen with a probability of
// 5e-8.
func (f *Fitted) Seen(key [32]byte) bool {
	_, ok := slices.BinarySearch(f.Keys, prefix(key))
	return ok
}

func prefix[K ~[32]byte](key K) uint64 { return binary.BigEndian.Uint64(key[:8]) }

// fittedJSON is a Fitted as it stands in a file; Keys is a big-endian list.
type fittedJSON struct {
	N    int    `json:"n"`
	IDs  string `json:"ids"`
	Keys string `json:"keys"`
}

// MarshalJSON writes the keys as base64.
func (f *Fitted) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 8*len(f.Keys))
	for _, k := range f.Keys {
		b = binary.BigEndian.AppendUint64(b, k)
	}
	return json.Marshal(fittedJSON{f.N, f.IDs, base64.StdEncoding.EncodeToString(b)})
}

// UnmarshalJSON reads what MarshalJSON writes, and checks it.
func (f *Fitted) UnmarshalJSON(data []byte) error {
	var x fittedJSON
	if err := json.Unmarshal(data, &x); err != nil {
		return err
	}
	b, err := base64.StdEncoding.DecodeString(x.Keys)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if len(b)%8 != 0 {
		return fmt.Errorf("keys: %d bytes are not a list of 8 bytes each", len(b))
	}
	*f = Fitted{N: x.N, IDs: x.IDs, Keys: make([]uint64, len(b)/8)}
	for i := range f.Keys {
		f.Keys[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return f.check()
}

// check tells what is wrong with f.
func (f *Fitted) check() error {
	for i := 1; i < len(f.Keys); i++ {
		if cmp.Compare(f.Keys[i-1], f.Keys[i]) >= 0 {
			return fmt.Errorf("key %d does not come after the one before it", i)
		}
	}
	if f.N < len(f.Keys) || f.N > 0 && len(f.Keys) == 0 {
		return fmt.Errorf("%d rows and %d keys", f.N, len(f.Keys))
	}
	if !isDigest(f.IDs) {
		return fmt.Errorf("%.80q is not a digest of ids", f.IDs)
	}
	return nil
}

// isDigest reports whether s is a SHA-256 in hex.
func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
