package folder

import (
	"cmp"
	"encoding/json"
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

// module is an entry of modules.json.
type module struct {
	kind string // the class, without what it is in
	path string // its folder, "" for the one that modules.json is in
	o    *object
}

// moduleList reads modules.json; nil: there is none.
func (f *layout) moduleList() ([]module, error) {
	if ok, err := f.has(modulesFile); err != nil || !ok {
		return nil, err
	}
	data, err := f.read(modulesFile, maxConfig)
	if err != nil {
		return nil, err
	}
	place := f.path(modulesFile)
	if err := checkJSON(data); err != nil {
		return nil, fmt.Errorf("models: %s: %w", place, err)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("models: %s: it does not hold a list of JSON objects", place)
	}
	modules := make([]module, len(list))
	for i, fields := range list {
		o := &object{file: fmt.Sprintf("%s: module %d", place, i), fields: fields}
		kind, err := o.text("type")
		if err != nil {
			return nil, err
		}
		where, err := o.text("path")
		if err != nil {
			return nil, err
		}
		modules[i] = module{kind[strings.LastIndexByte(kind, '.')+1:], where, o}
	}
	return modules, nil
}

// clip returns the folder of the two towers that modules.json names, relative
// to f, and what is done to their vectors, Tap.Post. ok is false if it names
// none.
func (f *layout) clip() (where, post string, ok bool, err error) {
	modules, err := f.moduleList()
	if err != nil || len(modules) == 0 || modules[0].kind != clipModule {
		return "", "", false, err
	}
	for i, m := range modules {
		switch {
		case i == 0:
			if where = m.path; where != "" && !fs.ValidPath(where) {
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
