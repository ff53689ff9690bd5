package report

import (
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// simplerOf lists the accuracies of what a head was compared with.
func simplerOf(b *experiment.Baselines) []constant {
	if b == nil {
		return nil
	}
	var all []constant
	for _, l := range []struct {
		who, what string
		*experiment.Baseline
	}{
		{"a bag of words", "accuracy of a head on the words of the texts alone", b.BagOfWords},
		{"words and embedding", "accuracy of a head on the words beside the features", b.WithEmbedding},
		{"the nearest class mean", "accuracy of the nearest mean of a class's features", b.NearestMean},
	} {
		if l.Baseline != nil {
			all = append(all, constant{"accuracy", l.who, l.what, l.Accuracy, true})
		}
	}
	return all
}

// worth says what a head's features are worth beside a bag of words, or the
// head beside the nearest class mean; "" if they were not compared.
func worth(h *Head) string {
	b := h.Result.Baselines
	if b == nil {
		return ""
	}
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if w := b.BagOfWords; w != nil {
		switch d := w.Difference; {
		case d.Low > 0:
			say("The embedding is worth %s.", points(d, "points more than a bag of words"))
		case d.High < 0:
			say("The embedding is not worth it: a bag of words is better by %s.", points(negative(d), "points"))
		default:
			say("The embedding is within chance of a bag of words: %s.", points(d, "points"))
		}
	}
	if w := b.WithEmbedding; w != nil {
		switch d := negative(w.Difference); {
		case d.Low > 0:
			say("Words beside it would bring %s.", points(d, "points more"))
		case d.High < 0:
			say("Words beside it would cost: %s.", points(d, "points"))
		default:
			say("Words beside it change little: %s.", points(d, "points"))
		}
	}
	if w := b.NearestMean; w != nil {
		switch d := w.Difference; {
		case d.Low > 0:
			say("The fit is worth %s.", points(d, "points more than the nearest class mean"))
		case d.High < 0:
			say("The fit is not worth it: the nearest class mean is better by %s.", points(negative(d), "points"))
		default:
			say("The fit is within chance of the nearest class mean: %s.", points(d, "points"))
		}
	}
	if b.Sample > 0 {
		say("All of these were fitted to %s training samples, which were drawn.", Count(b.Sample))
	}
	if b.LeftOut != "" {
		what := "A bag of words was not compared"
		if b.BagOfWords != nil {
			what = "Words beside the embedding were not compared"
		}
		say("%s: %s.", what, plain(b.LeftOut))
	}
	return strings.Join(said, " ")
}

// points writes a difference of accuracies in points with its interval.
func points(d measure.Estimate, what string) string {
	return fmt.Sprintf("%+.1f %s (95 %% interval %+.1f to %+.1f)", 100*d.Value, what, 100*d.Low, 100*d.High)
}

// negative is the difference the other way round.
func negative(d measure.Estimate) measure.Estimate {
	return measure.Estimate{Value: -d.Value, Low: -d.High, High: -d.Low}
}
