package cache

// dropPages does nothing: macOS does not count pages of a mapped file that were
// only read as a process's own.
func dropPages([]byte) error { return nil }
