package embed

import (
	"context"
	"fmt"
	"strings"
)

// RandomError says that a backbone gives other embeddings of the same sample
// each time it is run, so that none is worth keeping.
type RandomError struct {
	Backbone  string
	Operators []string // that draw random numbers; nil: it is not known which
}

func (e *RandomError) Error() string {
	who := "an operator of it"
	if len(e.Operators) > 0 {
		who = strings.Join(e.Operators, ", ")
	}
	return fmt.Sprintf("backbone %s: the same sample, run twice by itself, has two embeddings: %s draws random numbers; export the model for inference, with dropout and noise off", e.Backbone, who)
}

// Repeatable embeds jobs one at a time until one can be prepared, and that one
// twice. If the two embeddings are more than rounding apart the error is a
// *RandomError that names operators. The jobs stay as they are.
func (e *Embedder) Repeatable(ctx context.Context, jobs []*Job, operators []string) error {
	for _, j := range jobs {
		one := [][]*Job{{j}}
		first, err := e.Again(ctx, one)
		if err != nil {
			return err
		}
		if first[j] == nil {
			continue
		}
		second, err := e.Again(ctx, one)
		if err == nil && e.Differ(first[j], second[j]) {
			err = &RandomError{e.name, operators}
		}
		return err
	}
	return nil
}
