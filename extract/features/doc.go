// Package features reads and writes feature sets, joins them, gathers their
// rows from a cache and exports them for other programs.
//
// A feature set is what an extraction leaves for a data set: which samples, in
// which order, with which labels, splits and groups, and the spaces that their
// embeddings live in. It holds no vectors; the cache does.
//
// # File format
//
// A feature set is an ordinary Parquet file, a row a sample in the order of the
// source. All columns are always there; an empty cell is null.
//
//	column   Parquet type                         meaning
//	id       BYTE_ARRAY (STRING)                  unique, not empty
//	key      FIXED_LEN_BYTE_ARRAY(32)             content key of the sample in the cache
//	label    BYTE_ARRAY (STRING), optional        class, byte for byte as the source has it
//	split    BYTE_ARRAY (STRING), optional        train, validation or test
//	group    BYTE_ARRAY (STRING), optional        what stays together in splits and folds
//	weight   DOUBLE, optional                     finite, ≥ 0
//	view     INT32                                0, the plain sample; k > 0, its k-th augmented view
//
// Where samples may have several labels (Meta.MultiLabel), label is another
// column, and format_version is 2; all else is the same:
//
//	label    LIST of BYTE_ARRAY (STRING), optional
//
// A null says nothing, a list without elements that the sample has no label;
// else its labels, each once, none empty, up to 1,024, in the source's order.
//
// The file's key-value metadata holds one entry, "headstart", a JSON object
// (Meta): format_version (1 or 2), multi_label (true or absent), spaces (each a
// space's identity as the cache's space.json has it, byte for byte, in column
// order), backbone, modality, source (the paths as given), reading (how they
// were read), counts, tool, created. Created is the one field that differs
// between two runs over the same data; SOURCE_DATE_EPOCH sets it.
//
// The same rows and the same metadata are the same bytes. Files that other
// programs wrote are read, too (extract/parquet says with which encodings and
// compressions); columns may then come in any order, with others between them.
// Pages that carry a checksum, as this package's do, are checked against it.
//
// # Exports
//
// An Export writes a set's embeddings X, float32 [n, d], rows in the order of
// the set, the spaces' columns beside each other in their order:
//
//	npy          X, as numpy.save writes it; beside it NAME.labels.csv
//	safetensors  tensors embeddings F32 [n, d] and keys U8 [n, 32]; __metadata__ has
//	             format_version, backbone, and as JSON spaces and source; beside it
//	             NAME.labels.csv
//	csv          id, then f0 … f{d-1}, in the fewest digits that make the same float32,
//	             by way of a float64 too
//	parquet      all columns of a feature set, and embedding, a list of float; with the
//	             metadata of a feature set, so that it is one too
//
// NAME.labels.csv and, after id, the CSV have label, split, group, weight and
// view: those columns in which the set has a value. A null is an empty cell.
// Several labels are a cell as JoinLabels writes it and as a source reads it.
package features
