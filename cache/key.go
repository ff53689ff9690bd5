package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// KeySize is the length of a Key in bytes.
const KeySize = 32

// Key addresses a sample by its content: two samples of one kind have the
// same key exactly when their bytes are equal. Paths and times never count.
type Key [KeySize]byte

// KeyOf returns the key of a sample's content:
//
//	SHA-256("headstart-sample/1\0" ‖ kind ‖ "\0" ‖ uint64 LE len(content) ‖ content)
//
// kind is the sample's modality, such as "image" or "text".
func KeyOf(kind string, content []byte) Key {
	h := sha256.New()
	b := make([]byte, 0, 64)
	b = append(b, "headstart-sample/1\x00"...)
	b = append(b, kind...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(content)))
	h.Write(b)
	h.Write(content)
	var k Key
	h.Sum(k[:0])
	return k
}

// String returns the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Compare orders keys by their bytes: -1, 0 or +1.
func (k Key) Compare(o Key) int { return bytes.Compare(k[:], o[:]) }

// prefix returns the first eight bytes as a number of the same order.
func (k *Key) prefix() uint64 { return binary.BigEndian.Uint64(k[:8]) }
