package grad

import (
	"fmt"
	"slices"
	"strings"
)

// equation is that of an Einsum, with one letter for each dimension: those that
// an ellipsis stands for have capital letters, or small ones where the equation
// has capital ones.
type equation struct {
	terms []string // of the inputs
	right string
	sizes map[byte]int64
}

// parse reads the equation of an Einsum of inputs of some shapes. A letter that
// stands twice in one term takes a diagonal, which has no gradient here.
func parse(text string, shapes [][]int64) (*equation, error) {
	refused := func(why string) error { return fmt.Errorf("equation %.256q: %s", text, why) }
	left, right, explicit := strings.Cut(strings.ReplaceAll(text, " ", ""), "->")
	e := &equation{terms: strings.Split(left, ","), right: right, sizes: map[byte]int64{}}
	if len(e.terms) != len(shapes) {
		return nil, refused(fmt.Sprintf("%d terms for %d inputs", len(e.terms), len(shapes)))
	}
	most := 0
	for i, term := range e.terms {
		if strings.Contains(term, "...") {
			most = max(most, len(shapes[i])-(len(term)-len("...")))
		}
	}
	free := ""
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		if !strings.ContainsRune(text, c) {
			free += string(c)
		}
	}
	if most > len(free) {
		return nil, refused("too few letters are left for its ellipsis")
	}
	whole := free[:most]
	once := map[byte]int{}
	for i, term := range e.terms {
		if strings.Contains(term, "...") {
			n := len(shapes[i]) - (len(term) - len("..."))
			if n < 0 || n > most {
				return nil, refused(fmt.Sprintf("term %.60q for shape %v", term, shapes[i]))
			}
			term = strings.Replace(term, "...", whole[most-n:], 1)
		}
		if len(term) != len(shapes[i]) {
			return nil, refused(fmt.Sprintf("term %.60q for shape %v", term, shapes[i]))
		}
		for j := range len(term) {
			c := term[j]
			if !letter(c) {
				return nil, refused(fmt.Sprintf("%q is no letter", c))
			}
			if strings.Count(term, string(c)) > 1 {
				return nil, refused(fmt.Sprintf("%c stands twice in one term", c))
			}
			e.sizes[c] = max(e.sizes[c], shapes[i][j])
			once[c]++
		}
		e.terms[i] = term
	}
	if explicit {
		e.right = strings.Replace(right, "...", whole, 1)
	} else {
		e.right = whole
		for c := byte('A'); c <= 'z'; c++ {
			if once[c] == 1 && !strings.Contains(whole, string(c)) {
				e.right += string(c)
			}
		}
	}
	for j := range len(e.right) {
		if c := e.right[j]; once[c] == 0 || strings.Count(e.right, string(c)) > 1 {
			return nil, refused("its right side has a letter twice, or one that no term has")
		}
	}
	return e, nil
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// shape returns the sizes of some letters.
func (e *equation) shape(letters string) []int64 {
	s := make([]int64, 0, len(letters))
	for i := range len(letters) {
		s = append(s, e.sizes[letters[i]])
	}
	return s
}

// both returns the letters of a term that another one has, too.
func both(term, other string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(other, c) {
			return c
		}
		return -1
	}, term)
}

// einsum: the gradient of an input is the Einsum of dY and of the other inputs,
// summed to the letters of that input; it is the same along a letter that
// stands in that input alone, over which the forward pass sums. A dimension of
// 1 that was broadcast is no letter of its input.
func einsum(b *builder, n *node) ([]string, error) {
	shapes := make([][]int64, len(n.in))
	for i, x := range n.in {
		shapes[i] = b.shapes[x]
	}
	e, err := parse(n.string("equation", ""), shapes)
	if err != nil {
		return nil, err
	}
	terms, in := make([]string, len(n.in)), make([]string, len(n.in))
	for i, x := range n.in {
		terms[i] = strings.Map(func(c rune) rune {
			if shapes[i][strings.IndexRune(e.terms[i], c)] != e.sizes[byte(c)] {
				return -1
			}
			return c
		}, e.terms[i])
		in[i] = x
	}
	if have := b.shapes[n.out[0]]; !slices.Equal(have, e.shape(e.right)) {
		return nil, fmt.Errorf("a result of shape %v, by its equation %v", have, e.shape(e.right))
	}
	d := make([]string, len(n.in))
	for i := range n.in {
		if !n.need[i] {
			continue
		}
		left, from := []string{e.right}, []string{n.dY[0]}
		for j := range n.in {
			if j != i {
				left, from = append(left, terms[j]), append(from, b.reshape(in[j], e.shape(terms[j])...))
			}
		}
		kept := both(terms[i], strings.Join(left, ""))
		dX := b.op("Einsum", e.shape(kept), from, stringAttribute("equation", strings.Join(left, ",")+"->"+kept))
		narrow := slices.Clone(shapes[i]) // with 1 along what dX does not have
		for j := range narrow {
			if !strings.Contains(kept, e.terms[i][j:j+1]) {
				narrow[j] = 1
			}
		}
		d[i] = b.expand(b.reshape(dX, narrow...), shapes[i])
	}
	return d, nil
}

// einsumFlops returns the arithmetic of an Einsum: as if it went over all
// letters at once, which is that of the product of matrices that it mostly is.
func (b *builder) einsumFlops(n *node) float64 {
	shapes := make([][]int64, len(n.in))
	for i, x := range n.in {
		shapes[i] = b.shapes[x]
	}
	e, err := parse(n.string("equation", ""), shapes)
	if err != nil {
		return 0
	}
	flops := 2.
	for _, size := range e.sizes {
		flops *= float64(size)
	}
	return flops
}
