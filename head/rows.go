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
