package main

import (
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
)

// begin reads the head of --from, of which the features are those of j: fits
// begin at its weights, and its λ is taken unless --l2 asks for another one or
// for a choice.
func (o *trainOptions) begin(j *features.Joined, e *env) error {
	if o.from == "" {
		return nil
	}
	f, err := file.Read(o.from)
	if err != nil {
		return err
	}
	if f.Head.Kind != o.Settings.Kind || o.Settings.Kind != head.Kinds[0].Name {
		return usagef("--from %s: a head of type %s; --from takes a %s head for a new one of that type, since others are solved anew", o.from, f.Head.Kind, head.Kinds[0].Name)
	}
	if f.Tail != nil {
		return usagef("--from %s: its features are those of layers that were trained with it; give a head on features", o.from)
	}
	if err := checkSpaces(o.from, f, j); err != nil {
		return err
	}
	if m := f.Head.Model.(*head.Affine); m.Normalize != o.L2Normalize {
		return usagef("--from %s: a head with --l2-normalize=%t, for one with --l2-normalize=%t", o.from, m.Normalize, o.L2Normalize)
	}
	o.From = f.Head
	o.Seen = func(row int) bool { return f.Fitted.Seen(j.Table.Keys[row]) }
	if l2 := f.Head.Params.Value(head.L2); !o.given.l2 && l2 > 0 {
		o.L2 = l2
		e.note("λ = %.3g is that of %s; --l2 sets another one", l2, o.from)
	}
	return nil
}
