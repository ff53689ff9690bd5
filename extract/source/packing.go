package source

import "strings"

// packing says what the folders of an archive mean, as if it were a folder.
type packing struct {
	top    string // the one folder that everything lies in, with a slash, "" if there is none
	splits bool   // the folders on the first level, below top, are splits
}

// labels returns the label and the split of the member at path.
func (l *packing) labels(path string) (label, split string) {
	path = strings.TrimPrefix(path, l.top)
	first, rest, deep := strings.Cut(path, "/")
	if deep && l.splits {
		split, _ = splitOf(first)
		first, _, deep = strings.Cut(rest, "/")
	}
	if deep {
		label = first
	}
	return label, split
}

// packingOf finds the packing of an archive, member by member. An archive is
// packed from outside of a folder (everything lies in that folder then, which
// is no label) or from inside.
type packingOf struct {
	top    string // of the first member; "" before it, or if it lies in no folder
	apart  bool   // not all members lie in one folder
	deep   bool   // some lie in a folder of it
	levels [2]struct{ some, others bool }
}

// see takes a member's path into account.
func (l *packingOf) see(path string) {
	first, rest, deep := strings.Cut(path, "/")
	if !deep {
		l.apart = true
		return
	}
	if l.top == "" {
		l.top = first
	}
	l.apart = l.apart || first != l.top
	l.see1(0, first)
	if second, _, deep := strings.Cut(rest, "/"); deep {
		l.deep = true
		l.see1(1, second)
	}
}

// see1 takes a folder on a level into account.
func (l *packingOf) see1(level int, name string) {
	_, split := splitOf(name)
	l.levels[level].some = true
	l.levels[level].others = l.levels[level].others || !split
}

// settled says that no further member changes the packing.
func (l *packingOf) settled() bool { return l.apart && l.levels[0].others }

// result is the packing of the members so far.
func (l *packingOf) result() packing {
	_, split := splitOf(l.top)
	if strip := l.top != "" && !l.apart && l.deep && !split; strip {
		return packing{l.top + "/", l.levels[1].some && !l.levels[1].others}
	}
	return packing{"", l.levels[0].some && !l.levels[0].others}
}
