package features

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/headstart-ml/headstart/extract/parquet"
)

// MaxLabels is how many labels a sample may have.
const MaxLabels = 1024

// SeveralError says that the samples of feature sets have several labels each,
// where one is needed.
type SeveralError struct{ Sets []string }

func (e *SeveralError) Error() string {
	verb := "holds"
	if len(e.Sets) > 1 {
		verb = "hold"
	}
	return fmt.Sprintf("features: %s %s several labels a sample, where one is needed", strings.Join(e.Sets, ", "), verb)
}

// OneLabel returns a *SeveralError if the samples of t have several labels
// each, as those of a set with Meta.MultiLabel.
func (t *Table) OneLabel() error {
	var several []string
	for _, p := range t.parts {
		if p.meta.MultiLabel {
			several = append(several, p.name)
		}
	}
	if several == nil {
		return nil
	}
	return &SeveralError{several}
}

// OneError says that the samples of feature sets have one label each, where
// several are learnt.
type OneError struct{ Sets []string }

func (e *OneError) Error() string {
	verb := "holds"
	if len(e.Sets) > 1 {
		verb = "hold"
	}
	return fmt.Sprintf("features: %s %s one label a sample, where lists of labels are needed", strings.Join(e.Sets, ", "), verb)
}

// HasLabels returns a *SeveralError or a *OneError if the samples of t have not
// several labels each, or one, as is asked for. Sets without labels have both.
func (t *Table) HasLabels(several bool) error {
	if !several {
		return t.OneLabel()
	}
	var one []string
	for _, p := range t.parts {
		if !p.meta.MultiLabel && t.LabelLists == nil && t.Labels != nil {
			one = append(one, p.name)
		}
	}
	if one == nil {
		return nil
	}
	return &OneError{one}
}

// JoinLabels writes the labels of a sample in one cell, as extract/source
// reads them: "a;b", or a JSON list where a label has a semicolon, spaces
// around it or a bracket in front. No labels are "[]", and nil, which says
// nothing, is "".
func JoinLabels(labels []string) string {
	if labels == nil {
		return ""
	}
	plain := len(labels) > 0
	for _, label := range labels {
		if label == "" || label != strings.TrimSpace(label) || label[0] == '[' || strings.Contains(label, ";") {
			plain = false
		}
	}
	if plain {
		return strings.Join(labels, ";")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(labels); err != nil {
		return fmt.Sprint(labels) // strings can always be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// checkLabels says what is wrong with the labels of a row.
func checkLabels(labels []string) error {
	if len(labels) > MaxLabels {
		return fmt.Errorf("%d labels, over the limit of %d", len(labels), MaxLabels)
	}
	for _, label := range labels {
		if label == "" {
			return errors.New("an empty label in a list")
		}
		if err := checkString("label", label); err != nil {
			return err
		}
	}
	return distinct(labels)
}

// distinct says if a label is in a list twice.
func distinct(labels []string) error {
	sorted := slices.Sorted(slices.Values(labels))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return fmt.Errorf("label %q twice in a list", sorted[i])
		}
	}
	return nil
}

// sameLabels tells whether two lists hold the same labels, in any order.
func sameLabels(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// labelLists reads a column of lists of labels; nil if no row says any.
func (f *file) labelLists(kept *keeper) ([][]string, error) {
	element, list, err := f.findList("label")
	if err != nil {
		return nil, fmt.Errorf("column label: %w", err)
	}
	column := f.parquet.Column(element)
	defer column.Close()
	all, values := make([][]string, 0, f.parquet.Rows()), false
	lists := listKeeper{left: 1<<20 + 16*MaxLabels/32*f.size}
	kept.seen = nil
	for row := 1; f.parquet.Rows() > int64(len(all)); row++ {
		lists.begin()
		said := false // the row has a list
		err := column.Row(func(v parquet.Value) error {
			// Of a list that is null or empty there is one value, which is
			// absent.
			there, absent := v.Definition >= list.Definition, v.Bytes == nil
			said = said || there
			switch {
			case absent && (!there || list != element && v.Definition == list.Definition):
				if v.Repetition > 0 {
					return fmt.Errorf("%w: a list without labels goes on", parquet.ErrDamaged)
				}
				return nil
			case absent:
				return errors.New("a null in a list")
			case v.Repetition > 0 && len(lists.labels) == 0:
				return fmt.Errorf("%w: a list without labels goes on", parquet.ErrDamaged)
			}
			if len(lists.labels) == MaxLabels {
				return fmt.Errorf("over %d labels, the limit", MaxLabels)
			}
			word, fresh, err := kept.intern(v.Bytes)
			switch {
			case err != nil:
				return err
			case word == "":
				return errors.New("an empty label in a list")
			case fresh:
				err = checkString("label", word)
			}
			lists.labels = append(lists.labels, word)
			return err
		})
		var labels []string
		if err == nil && said {
			labels, err = lists.end()
		}
		if err != nil {
			return nil, fmt.Errorf("column label: row %d: %w", row, err)
		}
		all, values = append(all, labels), values || said
	}
	if !values {
		return nil, nil
	}
	return all, nil
}

// findList returns the elements of a column of lists of texts at the top level,
// and the lists.
func (f *file) findList(name string) (element, list *parquet.Node, err error) {
	list, err = f.find(name)
	if err != nil {
		return nil, nil, err
	}
	if element = list.List(); element == nil || element.Group() || element.Repetition != 1 || element.Type != format.ByteArray {
		return nil, nil, fmt.Errorf("it is of type %s, where a list of BYTE_ARRAY is needed", list.TypeName())
	}
	return element, list, nil
}

// listKeeper keeps lists of labels, equal ones once as long as there are few
// different ones.
type listKeeper struct {
	left   int64 // bytes that may yet be kept
	labels []string
	key    []byte
	seen   map[string][]string
}

// begin begins a list, to whose labels the caller adds.
func (k *listKeeper) begin() { k.labels = k.labels[:0] }

// end keeps the list, which is not nil.
func (k *listKeeper) end() ([]string, error) {
	const most, header = 1 << 16, 16 // bytes of a string beside its text
	k.key = k.key[:0]
	for _, label := range k.labels {
		k.key = fmt.Appendf(k.key, "%d:%s", len(label), label)
	}
	if labels, ok := k.seen[string(k.key)]; ok {
		return labels, nil
	}
	if k.left -= int64(header * len(k.labels)); k.left < 0 {
		return nil, errMuch
	}
	if err := distinct(k.labels); err != nil {
		return nil, err
	}
	labels := append(make([]string, 0, len(k.labels)), k.labels...)
	if k.seen == nil {
		k.seen = make(map[string][]string)
	}
	if size := int64(len(k.key)); len(k.seen) < most && size < k.left/2 {
		k.left -= size
		k.seen[string(k.key)] = labels
	}
	return labels, nil
}
