package file

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/head"
)

// sklearn writes arrays by the names that scikit-learn's classes have for them:
// coef_, intercept_, classes_ and n_features_in_ of a LogisticRegression,
// whatever the head was fitted as, since what it predicts with is a softmax of
// an affine map; of labels one row each; of numbers those of a
// LinearRegression. Hidden layers are coefs_0, intercepts_0 and so on, of an
// MLPClassifier. reject_ and thresholds_ are there for who wants them.
func (a *alone) sklearn() (map[string][]byte, error) {
	h := a.Head
	switch {
	case a.neighbours != nil:
		return nil, a.refuse("its votes are those of no class of scikit-learn", &AloneError{Can: []string{"safetensors"}})
	case h.Task == head.Grade:
		return nil, a.refuse("scikit-learn has no class for grades", &AloneError{Can: []string{"safetensors", "json", "go"}})
	}
	for _, c := range h.Classes {
		if strings.HasSuffix(c, "\x00") {
			return nil, a.refuse(fmt.Sprintf("NumPy drops the NUL at the end of %q", c), &AloneError{Can: []string{"safetensors", "json", "go"}})
		}
	}
	var b bytes.Buffer
	z := numpy.NewArchive(&b)
	var err error
	put := func(name, descr string, values any, shape ...int64) {
		if err == nil {
			err = z.Numbers(name, descr, values, shape...)
		}
	}
	names := "classes_"
	if h.Task == head.Number {
		names = "names_"
	}
	classes := h.Classes
	if h.Task == head.AnyOf && len(classes) == 1 {
		classes = []string{"", classes[0]} // it, or not
	}
	err = z.Strings(names, len(classes), func(i int) string { return classes[i] })
	put("n_features_in_", "<i8", []int64{int64(h.D())})
	last := len(a.layers) - 1
	for i, l := range a.layers {
		in, out := int64(a.widths()[i]), int64(len(l.Bias))
		weight, bias := l.Weight, l.Bias
		if i == last && h.Task == head.OneOf && out == 2 { // of two classes scikit-learn keeps the difference
			weight, bias, out = make([]float64, in), []float64{bias[1] - bias[0]}, 1
			for j := range weight {
				weight[j] = l.Weight[int(in)+j] - l.Weight[j]
			}
		}
		switch {
		case last > 0:
			put(fmt.Sprintf("coefs_%d", i), "<f8", transposed(weight, int(out), int(in)), in, out)
			put(fmt.Sprintf("intercepts_%d", i), "<f8", bias, out)
		case h.Task == head.Number && out == 1:
			put("coef_", "<f8", weight, in)
			put("intercept_", "<f8", bias)
		default:
			put("coef_", "<f8", weight, out, in)
			put("intercept_", "<f8", bias, out)
		}
	}
	if h.Reject > 0 {
		put("reject_", "<f8", []float64{h.Reject})
	}
	if h.Thresholds != nil {
		put("thresholds_", "<f8", h.Thresholds, int64(len(h.Thresholds)))
	}
	if err == nil {
		about, jerr := aboutJSON(a.fields())
		if err = jerr; err == nil {
			err = z.Strings(aboutName, 1, func(int) string { return string(about) })
		}
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("head/file: %w", err)
	}
	return map[string][]byte{"": b.Bytes()}, nil
}

// aboutName is the array that says what else is known of a head, as JSON.
const aboutName = "headstart_head"

// aboutJSON writes fields as an object, in their order.
func aboutJSON(fields []field) ([]byte, error) {
	out := []byte{'{'}
	for i, f := range fields {
		value, err := compact(f.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(append(append(out, quoted(f.name)...), ": "...), value...)
	}
	return append(out, '}'), nil
}

// transposed returns the columns of rows of n values one after the other.
func transposed(x []float64, rows, n int) []float64 {
	y := make([]float64, len(x))
	for i := range rows {
		for j := range n {
			y[j*rows+i] = x[i*n+j]
		}
	}
	return y
}

// isSklearn tells whether a file is one that sklearn writes.
func isSklearn(_ string, content *io.SectionReader) bool {
	z, err := zip.NewReader(content, content.Size())
	if err != nil {
		return false
	}
	f, err := z.Open(aboutName + ".npy")
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = io.ReadFull(f, make([]byte, 1))
	return err == nil
}

// loadSklearn are six lines or so that load the arrays and predict rows X.
func (a *alone) loadSklearn() []string {
	file, h := quoted(a.options.Path), a.Head
	x := "X"
	lines := []string{"import numpy as np"}
	if a.normalize {
		lines, x = append(lines, "from sklearn.preprocessing import normalize"), "normalize(X)"
	}
	set := func(class, predict string) []string {
		return append(lines, "from sklearn.linear_model import "+class, "head = "+class+"()", "for name, value in np.load("+file+").items():", "    setattr(head, name, value)", "head."+predict+"("+x+")")
	}
	switch {
	case len(a.layers) > 1:
		var coefs, intercepts, hidden []string
		for i, l := range a.layers {
			coefs, intercepts = append(coefs, fmt.Sprintf("a[\"coefs_%d\"]", i)), append(intercepts, fmt.Sprintf("a[\"intercepts_%d\"]", i))
			if i < len(a.layers)-1 {
				hidden = append(hidden, fmt.Sprint(len(l.Bias)))
			}
		}
		return append(lines, "from sklearn.neural_network import MLPClassifier", "a = np.load("+file+")",
			fmt.Sprintf("head = MLPClassifier([%s], max_iter=1).fit(np.zeros((%d, %d)), a[\"classes_\"])    # of this shape; it warns that it has not converged", strings.Join(hidden, ", "), len(h.Classes), h.D()),
			"head.coefs_, head.intercepts_ = ["+strings.Join(coefs, ", ")+"], ["+strings.Join(intercepts, ", ")+"]",
			"head.predict_proba("+x+")")
	case h.Task == head.Number:
		return set("LinearRegression", "predict")
	case h.Task == head.AnyOf && len(h.Classes) > 1:
		return append(lines, "from sklearn.linear_model import LogisticRegression", "from sklearn.multiclass import OneVsRestClassifier", "a = np.load("+file+")",
			fmt.Sprintf("head = OneVsRestClassifier(LogisticRegression()).fit(0 * a[\"coef_\"][:2], [[0] * %d, [1] * %d])    # of this shape", len(h.Classes), len(h.Classes)),
			"for one, w, b in zip(head.estimators_, a[\"coef_\"], a[\"intercept_\"]): one.coef_, one.intercept_ = w[None], b[None]",
			"head.predict_proba("+x+")    # a column a label, in the order of a[\"classes_\"]")
	}
	return set("LogisticRegression", "predict_proba")
}
