package main

import (
	"fmt"
	"time"

	"github.com/headstart-ml/headstart/models/retrain"
)

// tailMeter shows on stderr how far retraining is.
type tailMeter struct {
	*stepMeter
	tail string
	last *retrain.Epoch // that is over
	best float64        // score
}

func startTailMeter(e *env, c *common, tail string) *tailMeter {
	return &tailMeter{stepMeter: startStepMeter(e, c, "train-head", ""), tail: tail}
}

// step is called after each step and each epoch.
func (m *tailMeter) step(p retrain.Progress) {
	if p.Done != nil {
		if m.last == nil || p.Done.Score > m.best {
			m.best = p.Done.Score
		}
		m.last = p.Done
	}
	line := fmt.Sprintf("train-head: --tail %s: epoch %d of %d, step %s of %s, loss %.3g", m.tail, p.Epoch, p.Epochs, count(int64(p.Step)), count(int64(p.Steps)), p.Loss)
	if m.last != nil {
		line += fmt.Sprintf(", validation %.4g (best %.4g)", m.last.Score, m.best)
	}
	if took := time.Since(m.start).Seconds(); p.Step > 0 && p.Step < p.Steps {
		line += fmt.Sprintf(", at most %s left", span(took/float64(p.Step)*float64(p.Steps-p.Step)))
	}
	m.line(line)
}
