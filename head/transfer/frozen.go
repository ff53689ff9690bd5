package transfer

import (
	"time"
)

// frozen is what the layers before a way take, in seconds of one core by
// estimate. What a cache has already counts, too, so that a study that was
// stopped, whose cache holds some, has the same plan.
type frozen struct {
	once  float64 // of all samples, once
	again float64 // of a sample, each time it is run
}

// multiplyAdd is about how many seconds one takes on a core with AVX2: two
// operations of a matrix product, by the rates of models/onnx/grad.
const multiplyAdd = 0.046e-9

// frozenOf estimates what the layers before a way take: one pass over all
// samples for what the cache or the memory holds, and a pass each time for the
// rest. What cannot be counted counts nothing.
func (t *Student) frozenOf(w *Way) frozen {
	if w.Name == wayHead || w.Place != nil && w.Place.Cut == "" {
		return frozen{}
	}
	l := t.learner
	spec, n := l.data.Spec, float64(len(t.data.Labels))
	if w.Place != nil {
		var err error
		if spec, err = l.tap(l.settings.DType, w.Place.Cut+":"+w.Place.Pooling()); err != nil {
			return frozen{}
		}
	}
	work, err := spec.Work(studyTokens)
	if err != nil {
		return frozen{}
	}
	one := float64(work.MultiplyAdds) * multiplyAdd
	if w.Place == nil || w.Place.Cacheable() {
		return frozen{once: one * n}
	}
	bytes := 4.
	for _, d := range w.Place.Shape[1:] {
		if d < 0 {
			d = studyTokens
		}
		bytes *= float64(d)
	}
	share := min(float64(l.held())/(bytes*n), 1) // that the memory holds
	return frozen{once: one * n * share, again: one * (1 - share)}
}

// seconds is a time, of which an estimate without measure is cut.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, 1e9) * float64(time.Second))
}
