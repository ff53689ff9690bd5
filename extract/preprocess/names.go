package preprocess

import (
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The endings of a sample's files.
const (
	arraysEnding = ".npz"
	cropEnding   = ".png"
)

// The other files in the folder.
const (
	quarantineName = "quarantine.jsonl"
	renamedName    = "names.jsonl"
)

const (
	mostElement  = 200  // bytes of an element of a name: with a draft's ending a file system takes 255
	mostName     = 1000 // bytes of a name
	mostElements = 64
)

// names gives each id a name of files below a folder, slash-separated, without
// its ending. That is the id itself, but for ids that are none on some file
// system, lead out of the folder, or are the file of another id where case or
// the form of accents does not matter. Names depend on the ids and their order
// alone.
type names struct {
	taken map[[12]byte]bool // what is in the folder: a file, else a folder
	fold  cases.Caser
}

func newNames() *names {
	n := &names{taken: make(map[[12]byte]bool), fold: cases.Fold()}
	for _, own := range []string{quarantineName, renamedName} {
		n.taken[n.key(own)] = true
	}
	return n
}

// of returns the name for an id.
func (n *names) of(id string) string {
	if name := escape(id); n.claim(name) {
		return name
	}
	for i := 0; ; i++ {
		last := id[strings.LastIndexByte(id, '/')+1:]
		name := shorten(element(last, true), fmt.Sprint(id, "\x00", i))
		if n.claim(name) {
			return name
		}
	}
}

// key stands for a name as a file system has it that knows neither case nor
// forms of accents.
func (n *names) key(name string) [12]byte {
	digest := sha256.Sum256([]byte(norm.NFD.String(n.fold.String(norm.NFD.String(name)))))
	return [12]byte(digest[:])
}

// claim takes the files of a name and the folders on the way to them, unless
// one of them is there as something else.
func (n *names) claim(name string) bool {
	if len(name) > mostName || strings.Count(name, "/") >= mostElements {
		return false
	}
	var folders [][12]byte
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		key := n.key(dir)
		if n.taken[key] {
			return false
		}
		folders = append(folders, key)
	}
	files := [2][12]byte{n.key(name + arraysEnding), n.key(name + cropEnding)}
	for _, key := range files {
		if _, there := n.taken[key]; there {
			return false
		}
	}
	for _, key := range folders {
		n.taken[key] = false
	}
	for _, key := range files {
		n.taken[key] = true
	}
	return true
}

// escape returns an id as a name that every file system takes, and that stays
// below its folder: what is not possible is written as %XX, a byte each.
func escape(id string) string {
	elements := strings.Split(id, "/")
	for i, e := range elements {
		elements[i] = element(e, i == len(elements)-1)
		if len(elements[i]) > mostElement {
			elements[i] = shorten(elements[i], e)
		}
	}
	return strings.Join(elements, "/")
}

// element returns an element of an id as one of a name. last says that an
// ending follows.
func element(e string, last bool) string {
	switch {
	case e == "":
		return "%2F"
	case e == "." || e == "..":
		return strings.Repeat("%2E", len(e))
	}
	var b strings.Builder
	for i := 0; i < len(e); {
		r, size := utf8.DecodeRuneInString(e[i:])
		bad := r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError && size == 1 || strings.ContainsRune(`\:*?"<>|`, r) ||
			!last && i+size == len(e) && (r == '.' || r == ' ') || i == 0 && isDevice(e)
		for k := range size {
			if bad {
				fmt.Fprintf(&b, "%%%02X", e[i+k])
			} else {
				b.WriteByte(e[i+k])
			}
		}
		i += size
	}
	return b.String()
}

// isDevice tells whether Windows takes the name of a file for a device.
func isDevice(e string) bool {
	stem, _, _ := strings.Cut(e, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (stem[:3] == "COM" || stem[:3] == "LPT") && stem[3] >= '0' && stem[3] <= '9'
}

// shorten returns the beginning of an element with a digest of what it is of.
func shorten(e, of string) string {
	n := min(len(e), mostElement-20)
	for n > 0 && n < len(e) && !utf8.RuneStart(e[n]) {
		n--
	}
	digest := sha256.Sum256([]byte(of))
	return fmt.Sprintf("%s~%x", e[:n], digest[:8])
}
