package transfer

import (
	"encoding/json"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
)

// NewFile puts a head that was fitted to rows of j into a head file, with the
// spaces of its features, the rows, the digest of the data, and what was
// measured. The caller adds Settings, Versions and Created, or leaves them out.
func NewFile(j *features.Joined, r *experiment.Result) (*file.File, error) {
	f := &file.File{Head: r.Head, Data: j.Digest()}
	for _, set := range j.Sets {
		for _, space := range set.Meta.Spaces {
			f.Spaces = append(f.Spaces, file.Space{JSON: space, Backbone: set.Meta.Backbone})
		}
	}
	ids := make([]string, len(r.Fitted))
	keys := make([]cache.Key, len(r.Fitted))
	for i, row := range r.Fitted {
		ids[i], keys[i] = j.Table.IDs[row], j.Table.Keys[row]
	}
	var err error
	if f.Fitted, err = file.NewFitted(ids, keys); err != nil {
		return nil, err
	}
	f.Metrics, err = json.Marshal(r)
	return f, err
}

// File puts what was trained into a head file, see NewFile.
func (a *Attempt) File() (*file.File, error) {
	f, err := NewFile(a.Features, a.Result)
	if err != nil {
		return nil, err
	}
	f.Head, f.Tail = a.Head, a.Tail
	return f, nil
}
