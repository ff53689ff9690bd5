package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// member is a file in an archive.
type member struct {
	path    string  // slash-separated, without "./"
	bad     error   // why it is not read, if so
	size    int64   // as the archive says
	content content // where its bytes are; nil: they were not asked for
}

// members goes through the files of an archive.
type members interface {
	// next returns the next file, and io.EOF after the last. Folders and
	// hidden files are left out.
	next() (*member, error)

	// head returns the first bytes of the file that next returned last, as far
	// as they can be read.
	head(m *member) []byte

	// load sets the content of the file that next returned last, or its bad.
	load(m *member)

	close() error
}

// archive reads the samples of an archive, as records: of a folder that was
// packed, a file a sample, or of a WebDataset, whose samples are members that
// share a name.
type archive struct {
	members
	again func() (members, error) // goes through them once more; nil: that cannot be done
	base  string
	opts  *Options

	grouped bool // members of one name are one sample
	packing packing
	sure    bool // all members were seen for packing
	names   []string
	picks   []pick // of names
	sample  pick   // the one that Options take, or the default one
	chosen  []pick
	keys    bool // chosen takes keys of JSON members

	queue  []*group // read ahead
	ahead  *piece   // the first of the group after them
	end    error    // why there is none any more
	last   string   // path of the last member
	record record

	mu   sync.Mutex
	kind kinds
	all  int // samples, if that is known
}

// group is the members that make a sample.
type group struct {
	name   string // what their names share: the path up to the first dot of its last element
	pieces []*piece
	long   bool // not all of it: there are too many pieces
}

// piece is a member of a group.
type piece struct {
	*member
	ending string // what its name does not share, in lower case: "jpg", "seg.png"
	nature nature
}

// pick says how a column is taken from a group.
type pick struct {
	from pickFrom
	name string // of an ending, of a key
}

type pickFrom uint8

const (
	fromNothing pickFrom = iota
	fromPicture          // the picture, whatever its ending
	fromText             // the text
	fromEnding           // the member with that ending
	fromKey              // the value of that key of the JSON member
	fromLabel            // the folder that is the label
	fromSplit            // the folder that is the split
)

// What is read ahead of an archive, to see what its samples are.
const (
	aheadGroups  = 16
	aheadQueue   = 4096 // groups, those among them that can be no samples
	aheadBytes   = 8 << 20
	aheadMembers = 64  // of a group: with more they are no sample
	mostMembers  = 256 // of a sample
	mostKeys     = 1024
)

// packed is an archive that is being opened.
type packed struct {
	in      *input
	members members
	again   func() (members, error)
	whole   bool // its list of members is at hand, so all of it is read ahead
}

// openArchive returns the samples of an archive, and closes it if it fails.
func openArchive(p *packed) (*opened, error) {
	a := &archive{members: p.members, again: p.again, base: p.in.base, opts: p.in.opts}
	fail := func(err error) (*opened, error) {
		a.close()
		if _, ok := errors.AsType[*NoSamplesError](err); ok {
			return nil, err
		}
		return nil, fmt.Errorf("source: %s: %w", p.in.name, err)
	}
	if err := a.readAhead(p.whole); err != nil {
		return fail(err)
	}
	a.arrange(p.whole)
	a.all = unknown
	if err := a.findPacking(p.whole); err != nil {
		return fail(err)
	}
	a.makeColumns()
	if a.sample.from == fromNothing && !a.named() {
		for _, g := range a.queue {
			a.skip(g)
		}
		return fail(&NoSamplesError{p.in.name, "pictures", a.kind.list()})
	}
	if p.whole {
		a.all = 0
		for _, g := range a.queue {
			if a.isSample(g) {
				a.all++
			}
		}
	}
	o, err := openTable(p.in, a)
	if err != nil {
		return nil, err
	}
	o.ids = true
	o.empty = "an archive without samples"
	o.place = func(id string, _ int) string { return p.in.name + " member " + strings.TrimPrefix(id, p.in.base+"/") }
	return o, nil
}

// named says whether Options name the column of the samples.
func (a *archive) named() bool { return a.opts.Image != "" || a.opts.Text != "" }

// readAhead reads the first groups, or all of them, into the queue: so many
// that may be samples. Lone members that can be none are skipped.
func (a *archive) readAhead(whole bool) error {
	held, may := 0, 0
	for whole || may < aheadGroups && held < aheadBytes {
		most := aheadMembers
		if whole {
			most = 1
		}
		g, err := a.readGroup(most, func(p *piece) bool { return p.nature == picture || p.size <= maxRecord })
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if slices.ContainsFunc(g.pieces, func(p *piece) bool { return p.nature != foreign && p.nature != aside || a.wanted(p.ending) }) {
			may++
		} else if len(g.pieces) == 1 && g.piece("json") == nil || len(a.queue) > aheadQueue {
			a.skip(g)
			continue
		}
		for _, p := range g.pieces {
			held += heldBy(p.content)
		}
		a.queue = append(a.queue, g)
	}
	return nil
}

// wanted says whether Options name an ending as a column, or something else
// than what every archive has, which may be a key of a JSON member. What the
// first opening of an archive recorded of itself names nothing of that kind, so
// that it is read in the same way again.
func (a *archive) wanted(ending string) bool {
	for _, column := range append(a.columnsOf(), a.opts.With...) {
		if column == ending || ending == "json" && !slices.Contains(commonColumns, column) {
			return true
		}
	}
	return false
}

// commonColumns are the columns that any archive may have.
var commonColumns = []string{"image", "text", "label", "split"}

// columnsOf returns the columns that Options name.
func (a *archive) columnsOf() []string {
	var names []string
	for _, r := range a.opts.columns() {
		names = append(names, r.column)
	}
	return names
}

// readGroup reads the members up to the next name, at most so many, and loads
// those that load says.
func (a *archive) readGroup(most int, load func(*piece) bool) (*group, error) {
	var g *group
	held := 0
	for {
		p := a.ahead
		if a.ahead = nil; p == nil {
			if a.end != nil {
				break
			}
			var err error
			if p, err = a.readPiece(); err != nil {
				a.end = err
				break
			}
		}
		name, ending := nameAndEnding(p.path)
		if g != nil && (name != g.name || len(g.pieces) == most || held > MaxContent) {
			a.ahead, g.long = p, name == g.name && most > 1
			break
		}
		p.ending = ending
		if p.content == nil && p.bad == nil && load(p) {
			a.load(p.member)
		}
		held += heldBy(p.content)
		if g == nil {
			g = &group{name: name}
		}
		g.pieces = append(g.pieces, p)
	}
	if g == nil {
		return nil, a.end
	}
	return g, nil
}

// nameAndEnding cuts a path at the first dot of its last element.
func nameAndEnding(file string) (name, ending string) {
	at := strings.LastIndexByte(file, '/') + 1
	if dot := strings.IndexByte(file[at:], '.'); dot > 0 {
		return file[:at+dot], strings.ToLower(file[at+dot+1:])
	}
	return file, ""
}

// readPiece reads the next member, but not its content.
func (a *archive) readPiece() (*piece, error) {
	m, err := a.members.next()
	if err == io.EOF {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("after the member %q: %w", a.last, err)
	}
	a.last = m.path
	p := &piece{member: m, nature: natureOf(path.Base(m.path))}
	if p.nature == unclear && m.bad == nil {
		p.nature = sniffed(path.Base(m.path), a.head(m))
	}
	return p, nil
}

// arrange decides whether members of one name are one sample.
func (a *archive) arrange(whole bool) {
	long, mains, objects := false, false, false
	for _, g := range a.queue {
		long = long || g.long
		main := slices.ContainsFunc(g.pieces, func(p *piece) bool { return p.nature == picture || p.nature == document })
		side := slices.ContainsFunc(g.pieces, func(p *piece) bool { return p.nature != picture && p.ending != "" })
		a.grouped = a.grouped || main && side && len(g.pieces) > 1
		mains = mains || main
		for _, p := range g.pieces {
			objects = objects || p.ending == "json"
			a.grouped = a.grouped || a.wanted(p.ending)
		}
	}
	a.grouped = a.grouped || objects && !mains // texts in JSON members
	if a.grouped = a.grouped && !long && !whole; !a.grouped {
		a.queue = singly(a.queue)
	}
}

// singly makes a group of each piece.
func singly(queue []*group) []*group {
	var all []*group
	for _, g := range queue {
		for _, p := range g.pieces {
			all = append(all, &group{name: p.path, pieces: []*piece{p}})
		}
	}
	return all
}

// scanBytes bounds how much of a compressed archive is read for its packing
// before its samples are.
const scanBytes = 1 << 30

// findPacking goes through the members until it is certain what their folders
// mean.
func (a *archive) findPacking(whole bool) error {
	var l packingOf
	for _, g := range a.queue {
		for _, p := range g.pieces {
			if p.nature != aside && p.nature != foreign {
				l.see(p.path)
			}
		}
	}
	a.packing, a.sure = l.result(), l.settled() || a.end == io.EOF || whole
	if a.sure || a.again == nil || slices.ContainsFunc(a.queue, func(g *group) bool { return g.piece("cls") != nil }) {
		return nil
	}
	ms, err := a.again()
	if err != nil {
		return err
	}
	defer ms.close()
	for {
		m, err := ms.next()
		if err != nil {
			a.sure = err == io.EOF // or the reading of the samples will come to that error
			break
		}
		if n := natureOf(path.Base(m.path)); n != aside && n != foreign {
			l.see(m.path)
		}
		if a.sure = l.settled(); a.sure {
			break
		}
		if s, ok := ms.(interface{ passed() int64 }); ok && s.passed() > scanBytes {
			break
		}
	}
	a.packing = l.result()
	return nil
}

// piece returns the member of g with that ending.
func (g *group) piece(ending string) *piece {
	i := slices.IndexFunc(g.pieces, func(p *piece) bool { return p.ending == ending })
	if i < 0 {
		return nil
	}
	return g.pieces[i]
}

// simple says whether p is a picture that is a sample by its ending alone,
// "jpg", where "seg.png" is one of those beside it.
func (p *piece) simple() bool { return p.nature == picture && !strings.Contains(p.ending, ".") }

// makeColumns names what the groups in the queue have.
func (a *archive) makeColumns() {
	var endings, keys []string
	pictures, texts, foreigners, classes, labels := false, false, false, false, false
	for _, g := range a.queue {
		for _, p := range g.pieces {
			switch {
			case p.simple() || !a.grouped && (p.nature == picture || p.nature == unclear):
				pictures = true
			case p.nature == document:
				texts = true
			case p.nature == foreign:
				foreigners = true
			}
			if label, _ := a.packing.labels(p.path); label != "" {
				labels = true
			}
			if !a.grouped || p.ending == "" {
				continue
			}
			classes = classes || p.ending == "cls"
			if !slices.Contains(endings, p.ending) {
				endings = append(endings, p.ending)
			}
			if p.ending == "json" {
				for _, k := range keysOf(p.member) {
					if !slices.Contains(keys, k) && len(keys) < mostKeys {
						keys = append(keys, k)
					}
				}
			}
		}
	}
	add := func(name string, p pick) {
		if !slices.Contains(a.names, name) {
			a.names, a.picks = append(a.names, name), append(a.picks, p)
		}
	}
	for _, e := range endings {
		add(e, pick{fromEnding, e})
	}
	for _, k := range keys {
		add(k, pick{fromKey, k})
	}
	if pictures {
		add("image", pick{from: fromPicture})
	}
	// Of a folder that was packed, texts are the samples if there is nothing
	// else.
	if texts && (a.grouped || !pictures && (!foreigners && a.kind.onlyAside())) {
		add("text", pick{from: fromText})
	}
	if classes {
		add("label", pick{fromEnding, "cls"})
	} else if labels {
		add("label", pick{from: fromLabel})
	}
	if a.packing.splits {
		add("split", pick{from: fromSplit})
	}
	for _, name := range []string{a.opts.Image, a.opts.Text, "image", "text"} {
		if i := slices.Index(a.names, name); i >= 0 && name != "" {
			a.sample = a.picks[i]
			break
		}
	}
}

// onlyAside says whether nothing was skipped that makes a folder one of more
// than texts.
func (k kinds) onlyAside() bool {
	for name := range k {
		if natureOf("x"+name) == foreign {
			return false
		}
	}
	return true
}

func (a *archive) columns() []string { return a.names }

func (a *archive) choose(columns []int) {
	a.chosen = nil
	for _, c := range columns {
		a.chosen = append(a.chosen, a.picks[c])
		a.keys = a.keys || a.picks[c].from == fromKey
	}
	a.record.cells = make([]cell, len(columns))
}

// needed says whether something of p is in the columns that were chosen.
func (a *archive) needed(p *piece) bool {
	return a.keys && p.ending == "json" || slices.ContainsFunc(a.chosen, func(k pick) bool { return a.is(k, p) })
}

// is says whether p is the member that a column is taken from.
func (a *archive) is(k pick, p *piece) bool {
	switch k.from {
	case fromPicture:
		// What cannot be looked at may be one.
		return a.grouped && p.simple() || !a.grouped && (p.nature == picture || p.nature == unclear)
	case fromText:
		return a.grouped && p.ending == "txt" || !a.grouped && (p.nature == document || p.nature == unclear)
	case fromEnding:
		return p.ending == k.name
	}
	return false
}

// nextGroup returns the next group that is a sample.
func (a *archive) nextGroup(load func(*piece) bool) (*group, error) {
	for {
		var g *group
		if len(a.queue) > 0 {
			g, a.queue = a.queue[0], a.queue[1:]
		} else {
			most := 1
			if a.grouped {
				most = mostMembers
			}
			var err error
			if g, err = a.readGroup(most, load); err != nil {
				return nil, err
			}
			if !a.grouped {
				g.name = g.pieces[0].path
			}
			if g.long {
				return nil, fmt.Errorf("more than %d members, or %d MiB of them, have the name %q up to the first dot, so they are no sample", mostMembers, MaxContent>>20, g.name)
			}
		}
		if a.isSample(g) {
			return g, nil
		}
		a.skip(g)
	}
}

// isSample says whether g has a sample in it, or is what is left of one:
// members that belong together and have lost it.
func (a *archive) isSample(g *group) bool {
	return slices.ContainsFunc(g.pieces, func(p *piece) bool { return a.is(a.sample, p) }) ||
		a.grouped && (a.sample.from == fromKey && g.piece("json") != nil || g.piece("cls") != nil || len(g.pieces) > 1)
}

// skip counts the members of a group that is no sample.
func (a *archive) skip(g *group) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range g.pieces {
		a.kind.add(a.base + "/" + p.path)
	}
}

// rest lets go of the file after the last sample.
func (a *archive) rest() {
	if r, ok := a.members.(rester); ok {
		r.rest()
	}
}

func (a *archive) skipped() []Kind {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.kind.list()
}

func (a *archive) next() (*record, error) {
	g, err := a.nextGroup(a.needed)
	if err != nil {
		return nil, err
	}
	if err := a.placed(g); err != nil {
		return nil, err
	}
	r := &a.record
	r.n++
	r.bad = nil
	r.id = a.base + "/" + printable(g.name)
	r.path = a.base + "/" + printable(g.pieces[0].path)
	if len(r.id) > maxName {
		r.bad = reasonOf(KindName, "its name has %d bytes, over the limit of %d", len(g.name), maxName)
		r.id = a.base + "#" + strconv.Itoa(r.n)
		r.path = r.id
		return r, nil
	}
	r.bad = a.fill(g)
	return r, nil
}

// placed says why g lies where the folders of the archive would mean something
// else than those of the members before it.
func (a *archive) placed(g *group) error {
	at := g.pieces[0].path
	byFolder := slices.ContainsFunc(a.chosen, func(k pick) bool { return k.from == fromLabel || k.from == fromSplit })
	if a.sure || !byFolder {
		return nil
	}
	if !strings.HasPrefix(at, a.packing.top) {
		return fmt.Errorf("the member %q does not lie in the folder %q as all before it do, so that it is not certain which folders are labels; unpack the archive into a folder, which is read", at, a.packing.top)
	}
	first, _, deep := strings.Cut(strings.TrimPrefix(at, a.packing.top), "/")
	if _, split := splitOf(first); a.packing.splits && deep && !split {
		return fmt.Errorf("the member %q lies in no split as all before it do, so that it is not certain which folders are labels; unpack the archive into a folder, which is read", at)
	}
	return nil
}

// fill fills the cells of the record, or says why it is bad.
func (a *archive) fill(g *group) error {
	var values map[string]cell
	if a.keys {
		if p := g.piece("json"); p != nil {
			content, err := textIn(p.member, "")
			if err != nil {
				return fmt.Errorf("%s: %w", printable(p.path), err)
			}
			if values, err = cellsOf(content); err != nil {
				return fmt.Errorf("%s: %w", printable(p.path), err)
			}
		}
	}
	for i, k := range a.chosen {
		c := &a.record.cells[i]
		*c = cell{text: c.text[:0]}
		switch k.from {
		case fromKey:
			if v, ok := values[k.name]; ok {
				*c = v
			}
			continue
		case fromLabel, fromSplit:
			label, split := a.packing.labels(g.pieces[0].path)
			if k.from == fromSplit {
				label = split
			}
			if label != "" {
				c.kind, c.text = textCell, append(c.text, printable(label)...)
			}
			continue
		}
		at := slices.IndexFunc(g.pieces, func(p *piece) bool { return a.is(k, p) })
		if at < 0 {
			if k == a.sample {
				return reasonOf(KindMember, "the sample is missing: there is only %s", listPieces(g))
			}
			continue
		}
		p := g.pieces[at]
		if k == a.sample && a.sampleIsImage() {
			if p.bad != nil {
				return p.bad
			}
			c.kind, c.path, c.content = fileCell, a.base+"/"+printable(p.path), p.content
			continue
		}
		content, err := textIn(p.member, a.opts.Encoding)
		if err != nil {
			if k != a.sample {
				err = fmt.Errorf("%s: %w", printable(p.path), err)
			}
			return err
		}
		if k != a.sample {
			content = bytes.TrimSpace(content)
		}
		c.kind, c.text = textCell, append(c.text, content...)
	}
	return nil
}

// sampleIsImage says whether the samples are images.
func (a *archive) sampleIsImage() bool {
	return a.opts.Image != "" || a.opts.Text == "" && a.sample.from == fromPicture
}

// listPieces lists the members of g, for messages.
func listPieces(g *group) string {
	var names []string
	for _, p := range g.pieces[:min(len(g.pieces), 8)] {
		names = append(names, printable(path.Base(p.path)))
	}
	return strings.Join(names, ", ")
}

// textIn returns the text in a member.
func textIn(m *member, encoding string) ([]byte, error) {
	if m.bad != nil {
		return nil, m.bad
	}
	if m.content == nil { // for that it was not loaded
		return nil, tooLarge(m.size, maxRecord)
	}
	return textOf(m.content, maxRecord, encoding)
}

// count returns the number of samples in an archive whose list of members is at
// hand.
func (a *archive) count(context.Context) int { return a.all }

// cleanPath returns the path of a member as it is used: without "./", and why
// it leads out of the archive, if so. hidden says that it, or a folder on its
// way, is hidden.
func cleanPath(name string) (file string, hidden bool, bad error) {
	file = path.Clean(name)
	switch {
	case file == "." || file == "/":
		return "", true, nil
	case path.IsAbs(file):
		return name, false, reasonOf(KindOutside, "its path in the archive is absolute")
	case slices.Contains(strings.Split(name, "/"), ".."):
		return name, false, reasonOf(KindOutside, `its path in the archive has ".." in it`)
	}
	for e := range strings.SplitSeq(file, "/") {
		if strings.HasPrefix(e, ".") || e == "__MACOSX" { // which holds what the Finder knows of the others
			return file, true, nil
		}
	}
	return file, false, nil
}
