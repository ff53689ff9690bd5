// Package cache keeps embeddings by content address: in a space, the identity
// of everything that made them comparable, a sample's key, a digest of its
// content, names one row of values, stored as float32 or as float16. Rows live
// in immutable, checksummed segments that are mapped into memory; there is no
// database, no manifest and no index. The set of valid segments is the state.
//
// # Use
//
// NewSpace describes a space. Create opens a cache for writing; its Writer
// adds rows, which are durable once Append returns nil, and Close seals them
// into a segment. Open opens a cache for reading and never writes; its Reader
// tells which keys are Missing, finds the others with Locate and copies their
// rows with RowsTo. Verify looks for everything that is wrong. Compact gives
// each key one row in canonical segments, GC removes what nobody names, and
// Merge copies the rows of another cache.
//
// # Layout
//
//	FORMAT               "headstart cache 1\n"; another major version is refused
//	spaces/FP/space.json the space's identity; FP is its fingerprint
//	spaces/FP/lock       flock: shared by readers and writers, exclusive by
//	                     what deletes
//	spaces/FP/wal/ID.wal rows of a writer, which holds its flock; or of a dead
//	                     one
//	spaces/FP/seg/DIGEST.safetensors
//	                     sealed rows, never modified; DIGEST is the file's
//	                     SHA-256
//	quarantine/          malformed files that a writer moved away
//	trash/               what is being deleted
//	stat/KIND            a StatCache: a hint that may be deleted at any time
//
// Files that are being made are called tmp-ID or ID.new and flock'd by their
// maker; whoever can lock one may delete it. ID is 32 hexadecimal digits.
//
// # Segment
//
// A segment is a file in the safetensors format. Numbers are little-endian.
//
//	offset   bytes  content
//	0        8      uint64 H, length of the header
//	8        H      JSON, padded with spaces so that 8+H is a multiple of 4096
//	8+H      b·n·D  emb    F32 [n, D], b = 4, or F16 [n, D], b = 2: the rows
//	…        4·n    crc32  U32 [n]: CRC-32/IEEE of key ‖ row
//	…        32·n   keys   U8 [n, 32]: strictly ascending
//
// Its __metadata__ has format, fp, space (space.json as it stands) and the
// writer's provenance.
//
// # WAL
//
//	offset   bytes  content
//	0        8      "hswal/1\n"
//	8        16     random id
//	24       32     fingerprint of the space, as bytes
//	56       4      uint32 D, values a row
//	60       4      uint32 dtype: 1 is f32 (b = 4), 2 is f16 (b = 2)
//	64       4      uint32 P, length of the provenance
//	68       P      provenance, a JSON object of strings
//	68+P     4      CRC-32/IEEE of bytes 0 to 68+P
//
// Frames follow, one or more for each Append:
//
//	offset   bytes  content
//	0        4      "HSfr"
//	4        4      uint32 n, rows
//	8        8      uint64 number of the frame, from 0
//	16       4      CRC-32/IEEE of id ‖ payload
//	20       4      CRC-32/IEEE of id ‖ bytes 0 to 20
//	24       32·n   keys
//	…        4·n    CRC-32/IEEE of key ‖ row
//	…        b·n·D  rows
//
// # Stat cache
//
//	offset   bytes  content
//	0        8      "hsstat/1"
//	8        8      uint64 number of entries
//	16       …      entries, ascending by path, each path once: int64 size,
//	                int64 mtime and int64 ctime in ns since 1970, uint64
//	                inode, 32 bytes key, uint16 length of the path, path
//	end-4    4      CRC-32/IEEE of all before
//
// docs/cache-format.md has an example of each, byte by byte, the order in
// which things become durable, and what is and is not defended against.
package cache
