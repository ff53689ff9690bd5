package text

// A template is what stands around the ids of a text.
type template struct {
	before, after         []int32 // ids of the special tokens
	beforeType, afterType []int32 // their type ids
	textType              int32   // the type id of the text's own tokens
}

// added returns how many ids the template adds.
func (t *template) added() int { return len(t.before) + len(t.after) }

// appendTypeIDs appends the type ids of n ids, special ones included.
func (t *template) appendTypeIDs(dst []int32, n int) []int32 {
	dst = append(dst, t.beforeType...)
	for range n - t.added() {
		dst = append(dst, t.textType)
	}
	return append(dst, t.afterType...)
}
