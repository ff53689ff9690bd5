// Package parquet reads columns of Parquet files value by value, in memory that
// is bounded whatever a file claims.
//
// It stands beside github.com/parquet-go/parquet-go, whose description of the
// format it uses, because that library allocates what a footer, a page or a
// list claims to hold: a flipped bit can end the process for want of memory.
// Here nothing is allocated that is not bounded by Limits or by the size of the
// file, and of a column one page is in memory at a time.
//
// # What is read
//
//	types       all but INT96
//	nesting     structs, lists, lists of structs, …: any levels
//	encodings   PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY, RLE (booleans),
//	            DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY,
//	            DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT
//	compressed  not at all or with Snappy, gzip, Brotli, Zstandard, LZ4_RAW
//	pages       versions 1 and 2; a checksum is checked where there is one
//
// What else there is (encryption, columns in other files, LZO, LZ4 with
// Hadoop's frames, levels in BIT_PACKED) is an error that names it.
package parquet
