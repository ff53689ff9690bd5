package source

import (
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
)

// near keeps the folder open in which files are asked about one after the
// other, so that the way there is not gone again for each. Its zero value is
// ready for use, by several goroutines.
type near struct {
	last atomic.Pointer[nearFolder]
}

type nearFolder struct {
	path string   // with a trailing slash
	root *os.Root // nil: only one file of it was asked about
}

// stat returns what the file system says about the file at path in root. It
// reports false unless that is a regular file in a folder that the call before
// was about too.
func (n *near) stat(root *os.Root, path string) (fs.FileInfo, bool) {
	cut := strings.LastIndexByte(path, '/') + 1
	if cut == 0 {
		return nil, false
	}
	f := n.last.Load()
	if f == nil || f.path != path[:cut] {
		n.replace(&nearFolder{path: path[:cut]})
		return nil, false
	}
	if f.root == nil {
		opened, err := root.OpenRoot(f.path)
		if err != nil {
			return nil, false
		}
		f = &nearFolder{f.path, opened}
		n.replace(f)
	}
	// Another goroutine may have closed it by now, which is an error like
	// others.
	info, err := f.root.Lstat(path[cut:])
	return info, err == nil && info.Mode().IsRegular()
}

func (n *near) replace(f *nearFolder) {
	if old := n.last.Swap(f); old != nil && old.root != nil {
		old.root.Close()
	}
}

func (n *near) close() { n.replace(nil) }
