package head

// Rows is a matrix of features, N()×D() float32, that is read in blocks of
// rows. It is read from several goroutines at a time.
type Rows interface {
	// N is the number of rows.
	N() int
	// D is the number of features of a row.
	D() int
	// BlockTo writes rows lo to hi (exclusive), row after row, into dst of
	// length (hi-lo)·D.
	BlockTo(dst []float32, lo, hi int) error
}

// Stored is Rows that lie somewhere, and can be read as they are stored and in
// the order in which that is fastest. Fits use it where it is there.
type Stored interface {
	Rows
	// Order returns the numbers of all rows in the order in which reading them
	// is fastest. Fits to rows that are not held in memory sum up in that
	// order, so that last bits depend on it.
	Order() []int
	// Each calls f for the rows of these numbers, in any order, again and
	// again: with the place i in rows of the first of some neighbours there,
	// and their values in width columns from column on, row after row, either
	// float32 or IEEE 754 binary16; the other one is nil. f must not write to
	// them, nor keep them.
	Each(rows []int, f func(i, column, width int, wide []float32, half []uint16)) error
}

// Releaser is Rows that take memory once they have been read, and can give it
// back. Fits that hold a copy of the rows call Release when they have it.
type Releaser interface {
	Rows
	// Release gives the memory back. Rows can still be read afterwards.
	Release() error
}
