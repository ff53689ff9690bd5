package folder

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
)

// clipModule is the class of sentence-transformers that has two towers, one for
// images and one for texts, in a folder of its own.
const clipModule = "CLIPModel"

// clip returns the folder of the two towers that modules.json names, relative
// to f, and what is done to their vectors, Tap.Post. ok is false if it names
// none.
func (f *layout) clip() (where, post string, ok bool, err error) {
	modules, err := f.modules()
	if err != nil || len(modules) == 0 || modules[0].kind != clipModule {
		return "", "", false, err
	}
	for i, m := range modules {
		switch {
		case i == 0:
			if where = m.dir; where != "" && !fs.ValidPath(where) {
				return "", "", false, m.o.errorf("path", "%q is not a folder inside this one", where)
			}
		case i == 1 && m.kind == "Normalize":
			post = "l2"
		default:
			return "", "", false, m.o.errorf("type", "%.100s as module %d is not supported by this version: behind %s it takes Normalize alone", m.kind, i, clipModule)
		}
	}
	return where, post, true, nil
}

// inner returns the folder that has a backbone's graph and contract: name
// itself, or the one of its two towers.
func inner(name string) (f *layout, dir string, err error) {
	f, dir = &layout{fsys: draft.FS(name), place: name}, name
	where, post, ok, err := f.clip()
	if err != nil || !ok {
		return f, dir, err
	}
	if where != "" && where != "." {
		dir = filepath.Join(name, filepath.FromSlash(where))
		f = &layout{fsys: draft.FS(dir), place: path.Join(name, where)}
	}
	f.post, f.aside = post, fmt.Sprintf("%s: the backbone is the %s in %s", modulesFile, clipModule, cmp.Or(where, "this folder"))
	return f, dir, nil
}

// outer sets what the folder around f says of f as a folder of two towers. dir
// is that of f.
func (f *layout) outer(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("models: %s: %w", dir, err)
	}
	up := filepath.Dir(abs)
	for _, at := range []string{abs, up} {
		if at == up && !strings.HasSuffix(abs, "_"+clipModule) {
			continue // what it has is not about f
		}
		around := &layout{fsys: draft.FS(at), place: at}
		where, post, ok, err := around.clip()
		if err != nil {
			return err
		}
		if ok && filepath.Join(at, filepath.FromSlash(where)) == abs {
			f.post = post
		}
	}
	return nil
}
