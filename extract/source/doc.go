// Package source reads data sets: it yields samples, in order, with an id and,
// where the data set says so, a label, a split, a group and a weight.
//
// # What is read
//
//	folder  root/class/file or root/{train,val,test}/class/file; a flat folder
//	        has no labels; an image file by itself is a folder of one
//	texts   a folder of the same layout whose text files are the samples
//	csv     a table of text: a column of texts or one of image paths
//	tsv     the same, with tabs if nothing else says what separates fields
//	jsonl   JSON: an object a line, or one list of objects
//	lines   one text a line
//	tar     a folder that was packed, or a WebDataset
//	zip     a folder that was packed
//	idx     images as MNIST keeps them, with the labels beside them
//	npy     rows of numbers as NumPy saves them, .npy or .npz
//
// The format is told by name and content; Options.Format says it where that
// fails. Tables and lines may be compressed with gzip and may come from the
// standard input, which is written "-"; one line of text by itself is lines
// there. Other formats are refused by name.
//
// # Folders
//
// A folder is walked in the order of its slash-separated paths, compared
// byte by byte, so that the same input has the same order everywhere. Files
// and folders whose name begins with a dot are skipped. A file is a sample if
// the ending of its name is one of image files, or if it begins as one: one
// that cannot be read is a bad sample then. All other files are skipped and
// counted by kind (Source.Skipped): what has a known ending by that, the rest
// by its first bytes. A file without a known ending that cannot be looked at is
// a bad sample.
//
// A folder of texts has a text in each file that ends in .txt, or has no ending
// and holds text, but for such as README and LICENSE. A folder is one of texts
// if it has no picture and nothing else but texts, or if Options.Format says
// so. A text is at most 1 MiB long; a byte order mark is no part of it.
//
// The label is the name of the first folder on the way to the file. Folders
// named train · val, valid, validation, dev · test are splits, and then the
// label is the second folder, but only if all first-level folders have such
// names. Symbolic links are followed as long as they stay inside the folder;
// one that leads out of it, or to a folder above itself, is a bad sample, as is
// everything that is no regular file, unless its name says that it is none.
//
// # Tables
//
// A table of text is read as RFC 4180 says: fields may be quoted, a quoted
// field may hold delimiters, line breaks and doubled quotes, and every record
// has as many fields as the header. A quote inside a field that does not begin
// with one is read as it is. Lines end with LF, CR LF, or with CR by itself if
// the first line does. Line breaks inside a quoted field are read as LF. Empty
// lines are skipped, a record is at most 1 MiB long.
//
// What separates fields is what Options.Delimiter says, or a first line like
// "sep=;", as Excel writes it. Otherwise it is told by content: a comma, a
// semicolon, a tab or a vertical bar, whichever gives the header most columns
// that have a role, that of the samples among them; or, if none does, the one
// with which the first records have equally many fields. A file that is named
// neither .csv nor .tsv is a table if its header has the column of the samples;
// one that is named .txt is, if that header is separated by tabs, and is lines
// of text otherwise. With Options.NoHeader the columns are called 1, 2 and so
// on.
//
// Labels are taken byte for byte; an empty cell is no label, no split, no
// group, no weight. With Options.MultiLabel a cell holds several labels, as in
// "a;b" or a JSON list, up to 1,024, each once. Splits are spelled train · val,
// valid, validation, dev · test; the second four all become "validation".
// Weights are finite and not negative.
//
// A record that is otherwise is one bad sample, which says where it is and
// why, and the reading goes on behind it. Where a quote is not closed, that is
// at the next line, unless what follows is no records. A header that cannot be
// read is an error.
//
// Image paths are relative to Options.Root, by default the table's folder. No
// path leaves that folder, not through "..", nor through a symbolic link; one
// that does is a bad sample.
//
// # Encodings
//
// Texts, tables of text and lines are UTF-8, with a byte order mark or without;
// UTF-16 or UTF-32 with one; or what Options.Encoding says. Nothing is
// repaired: a sample whose text, id, label or group is not in its encoding, or
// holds a zero byte, is a bad sample, and Source.Undecoded counts them.
//
// # JSON
//
// A record is an object: a line of its own, or an element of the one list that
// the file is. Its keys are the columns, those of an object in it
// "outer.inner", as pandas.json_normalize names them. Columns are looked for in
// the first MiB, and at least in the first record. A column that an option
// names may come later; one that would be taken by its name, and comes later,
// is a *LateColumnError, so that it is not left out in silence.
//
// Strings are unescaped, numbers and booleans are the text that the file has,
// null is an empty cell, and so is a key that is not there. Of a key that is
// there twice the last value counts, as in Python. A list of texts and numbers
// is one of labels (Options.MultiLabel). An image is a path, or an object as
// Hugging Face's data sets have it: {"bytes": in base64, "path": …}. What is no
// valid JSON (RFC 8259, so no NaN), is nested deeper than 1,000, holds half a
// surrogate pair in a column that is read, or is longer than 16 MiB, is a bad
// sample, and the next line is read. A list that is cut off is an error.
//
// # Parquet
//
// Columns are those of the file, those in a struct "outer.inner". Texts, bytes,
// numbers, booleans, dates, times and decimals are the text that pandas shows
// of them; null and NaN are an empty cell. A list is one of labels
// (Options.MultiLabel). Hugging Face's metadata gives the numbers of a
// ClassLabel their names, where −1 is no label; a number without a name is a
// bad sample. An image is a path in a column of strings, its bytes in a column
// of bytes, or a struct {bytes, path}. What the file names sound or video
// (Audio, Video), a list of lists or of structs, and a kind of value that has
// no text are refused where a column of it is to be read.
//
// A file must be one of its own, neither a pipe nor gzip, since what says where
// columns are is at its end. Reading holds a page of each column that is read,
// not a column. A file that is damaged or cut off, or asks for more than its
// size can hold, ends the reading with an error that names record and column. A
// feature set is a *FeatureSetError.
//
// # Lines
//
// Every line is a sample, empty ones too (they are bad samples later on). A
// line ends with LF or CR LF, which are no part of the text; the last line may
// go without. A line of more than 1 MiB is a bad sample.
//
// # Archives
//
// A tar file (ustar, GNU, PAX) of a folder is read as the folder would be: the
// same files are samples, with the same labels and splits, in the order in
// which they were packed. A folder that was packed from outside, so that all
// lies in it, is no label. What is no file (a link, a device), or whose path is
// absolute or has ".." in it, is a bad sample, and so is a picture that is
// larger than MaxContent, which is not read. A sparse file is one, too.
//
// In a WebDataset the members whose names are the same up to the first dot of
// the last element are one sample, and the rest of their names ("jpg", "txt",
// "cls", "json", "seg.png") are columns, beside the keys of the JSON member.
// Which of them is the sample is decided as for tables, where the picture is
// the column "image", the text "text" and the class (cls) "label". A tar file
// is one of these if there are other files than pictures under the name of a
// picture or a text, or if Options name an ending.
//
// A ZIP file is read as the folder would be, in the order of paths. It must be
// a file of its own. A member that is encrypted, compressed otherwise than with
// Deflate, or shares its bytes with another one is a bad sample.
//
// The bytes of members of an uncompressed file are read when they are wanted;
// those of a stream are in memory from Next on (Sample.Held).
//
// # IDX
//
// The content of an image of an IDX file is a PNM file of its levels: P5, or P6
// with colours, which are the last of four dimensions. Its label is in the file
// of the same name with labels for images (train-images-idx3-ubyte,
// train-labels-idx1-ubyte), a number; its split is what the name says (train,
// t10k). A file that has not the size that its header says is an error.
//
// # NumPy's arrays
//
// What has one index of the first dimension of an array of numbers is a sample,
// whose content is a .npy file of its values, little-endian and row-major. A
// .npy file has its labels in a file of one value for each row beside it: the
// same name with y, labels or target for X, x, features or data, as a word of
// its own (X_train.npy, y_train.npy); its split is what the name says. The
// arrays of a .npz file are columns: X, x, features or data are the samples, or
// the only array of numbers with several in a row; y, label, labels, target or
// targets the labels; groups, ids, splits, weights and sample_weight what they
// say, where no array has the role's own name. Values are the text that Python
// shows of them; nan and an empty text are none.
//
// Floats of 2, 4 and 8 bytes, integers of 1 to 8 with a sign and without, and
// booleans are read, in either order of bytes and of values. Objects (pickles),
// records, complex numbers and dates are refused, and so is a file that has not
// the size that its header says. Rows of a file of its own in C order are read
// when they are wanted; others go through memory, 32 MiB at a time where they
// are in Fortran order.
//
// # Patterns
//
// "data-{000..099}.tar" and "{a,b}.csv" stand for as many paths, in that order,
// where there is no file of the very name. The files of a pattern are opened
// one after the other.
//
// # Contents in memory
//
// Bytes makes a sample of bytes that a program has in memory.
//
// # Ids
//
// The id of a file is its path relative to the folder, BASE/path if there are
// several sources, where BASE is the folder's own name. The id of a member of
// an archive is BASE/path, in a WebDataset without the ending. The id of a
// record is what its id column says, or else BASE#N, where BASE is the table's
// name without its extension ("stdin" for the standard input) and N counts
// records from 1, the header apart. Ids do not depend on the working directory.
// Two samples of one id end the reading with an error that names both places.
package source
