package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// Head is a trained head with what was found out about it. The page and all
// tables are drawn from it.
type Head struct {
	// Name is what the head is called, usually its file.
	Name string
	// Features lists the feature sets behind its columns, in their order.
	Features []Features
	// Result is what training found out; of a head that was read from a file,
	// what the file says. Parts that are zero are not drawn.
	Result *experiment.Result
	// Groups says that whole groups stayed together in splits and folds.
	Groups bool
	// Unmatched is the number of samples that were left out since not every
	// feature set has them.
	Unmatched int
	// Retrained says which layers of the backbone were trained with the head;
	// "" if none were.
	Retrained string
	// Made says by which programs the head was made, and when; "" if it is
	// not said.
	Made string
}

// Features is a feature set that a head was trained on.
type Features struct {
	Name     string // usually its file; "" if it is not known
	Backbone string
	Tap      string // with its pooling
	Dim      int    // the number of features that come from it
}

// tested returns the metrics of rows that were held out and which rows these
// are, "cross-validation", "test part" or "validation part"; nil without any.
func (h *Head) tested() (m *measure.Metrics, rows string) {
	t := &h.Result.Metrics
	switch {
	case t.CV != nil:
		return t.CV, "cross-validation"
	case t.Test != nil:
		return t.Test, "test part"
	case t.Validation != nil:
		return t.Validation, "validation part"
	}
	return nil, ""
}

// adjective is what the metrics of h are called.
func (h *Head) adjective() string {
	switch _, rows := h.tested(); rows {
	case "cross-validation":
		return "cross-validated"
	case "test part":
		return "test"
	case "validation part":
		return "validation"
	}
	return ""
}

// howTested says on which rows the metrics of h were measured.
func (h *Head) howTested() string {
	m, rows := h.tested()
	var s string
	switch {
	case m == nil:
		return "no sample was held out"
	case rows == "cross-validation" && len(h.Result.Folds) > 0:
		s = fmt.Sprintf("%d-fold cross-validation of the whole procedure, %s samples", len(h.Result.Folds), Count(m.Rows))
	case rows == "cross-validation":
		s = fmt.Sprintf("cross-validation of the whole procedure, %s samples", Count(m.Rows))
	default:
		s = fmt.Sprintf("%s held-out samples (%s)", Count(m.Rows), rows)
	}
	if h.Groups {
		s += ", whole groups together"
	}
	return s
}

// sizes says how many samples took part in what.
func (h *Head) sizes() string {
	n := &h.Result.N
	parts := []string{Count(n.Train)}
	if n.Validation+n.Test > 0 {
		parts = []string{Count(n.Train) + " train", Count(n.Validation) + " validation", Count(n.Test) + " test"}
	}
	for _, p := range []struct {
		n    int
		what string
	}{
		{n.Unlabelled, "without a label"}, {n.Unassigned, "without a split"}, {h.Unmatched, "not in every feature set"},
	} {
		if p.n > 0 {
			parts = append(parts, Count(p.n)+" left out, "+p.what)
		}
	}
	return strings.Join(parts, " · ")
}

// fit says how the fit ended.
func (h *Head) fit() string {
	f := &h.Result.Fit
	words := map[head.Status]string{
		head.Stalled:    "stopped where rounding allows no further progress",
		head.PassLimit:  "stopped at the limit of passes, before it converged",
		head.ClosedForm: "closed form",
		head.Stopped:    "stopped early, at the weights that were best on rows set aside",
		head.EpochLimit: "all epochs",
	}
	s, ok := words[f.Status]
	if !ok {
		s = f.Status.String()
	}
	if f.Passes > 0 {
		s += fmt.Sprintf(", %s passes over the data, objective %s", Count(f.Passes), figures(f.Objective))
	}
	return s
}

// kind names the head and its strength of regularisation.
func (h *Head) kind() string {
	if n := len(h.Result.Average); n > 0 {
		return fmt.Sprintf("%s, the average of %s of λ, %s most of all", h.Result.Kind, strengthsOf(n), strength(h.Result.L2))
	}
	return kindOf(h.Result.Kind, h.Result.L2, h.Result.Params)
}

// kindOf names a kind of head and what its fit was given.
func kindOf(kind string, l2 float64, beside head.Params) string {
	text := plain(kind)
	if l2 > 0 {
		text += ", λ = " + strength(l2)
	}
	for _, p := range beside {
		text += ", " + p.Name + " " + strength(p.Value)
	}
	return text
}

// strengths is what a cell of a table says of λ and of what else a fit was
// given.
func strengths(l2 float64, beside head.Params) string {
	var parts []string
	if l2 > 0 {
		parts = append(parts, strength(l2))
	}
	for _, p := range beside {
		parts = append(parts, p.Name+" "+strength(p.Value))
	}
	return cmp.Or(strings.Join(parts, ", "), "–")
}

// strengthsOf is "1 strength" or "3 strengths".
func strengthsOf(n int) string {
	if n == 1 {
		return "1 strength"
	}
	return Count(n) + " strengths"
}
