package features

// Matrix is the n×d matrix of a table's features, gathered from a cache block
// by block. It is safe for concurrent use.
type Matrix struct{}

// N returns the number of rows.
func (m *Matrix) N() int { panic("features: N") }

// D returns the number of columns: the sum of the spaces' dimensions.
func (m *Matrix) D() int { panic("features: D") }

// BlockTo stores rows lo ≤ i < hi in dst, (hi-lo)×D row-major.
func (m *Matrix) BlockTo(dst []float32, lo, hi int) error { panic("features: BlockTo") }

// Close closes the cache's readers.
func (m *Matrix) Close() error { panic("features: Close") }
