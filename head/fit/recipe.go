package fit

import "math"

const (
	// budget is how many passes over the rows one set of class factors may
	// cost.
	budget = 8
	// mostRows and fewestRows are how many rows for each feature a class's
	// factor is made of: fewer where more are too dear.
	mostRows, fewestRows = 4, 2
	// fewestFactored is how many rows for each feature there are at least where
	// class factors are made for a single fit. They never pay for fewer. Along
	// a path those in leading directions do where the features are many: they
	// are measured at every fourth stop, and the covariance, all of whose D×D
	// have to be factorised at each stop, is not needed any more.
	fewestFactored = 4
	// epochRows is how many rows for each feature make an epoch of small
	// batches worth while.
	epochRows = 100
	// plainRows is how many rows for each feature the covariance is taken of;
	// leadingRows, where it only says which directions lead.
	plainRows, leadingRows = 16, 4
	// factorBytes is how much memory the class factors of all fits that run
	// side by side may take.
	factorBytes = 256 << 20
)

// mode is what a fit is preconditioned with.
type mode int

const (
	plain mode = iota // the covariance of the rows, the same for all classes
	sub               // a factor a class in the leading directions
	full              // a factor a class
)

// recipe is the mode of a fit, and how many rows for each feature class factors
// are made of.
type recipe struct {
	mode mode
	rows int
	few  bool // class factors of fewer rows than those of a single fit
}

// recipeFor selects what factors cost at most budget passes and memory bytes
// for, for n rows of d features in c classes, along a path or for a single fit.
func recipeFor(n, d, c int, path bool, memory int64) recipe {
	few := n < fewestFactored*d
	if few && !path {
		return recipe{}
	}
	nf, df, cf := float64(n), float64(d), float64(c)
	factors := cf // that are made
	if c == 2 {
		factors = 1
	}
	pass := 4 * nf * df * cf
	mix := nf*cf*cf + cf*cf*cf
	probabilities := 4 * nf * cf
	for k := mostRows; k >= fewestRows && !few; k-- {
		cost := factors*df*df*df*(float64(k)+2./3) + mix
		if cost <= budget*pass && 8*factors*df*df+probabilities <= float64(memory) {
			return recipe{mode: full, rows: k}
		}
	}
	r := float64(min(d, leadingDirections))
	cost := math.Min(mostRows*df, nf)*(2*df*r+cf*r*r) + cf*r*r*r*2/3 + mix
	most := budget * pass
	if few {
		most = everyStops * df * df * df * 2 / 3
	}
	if cost <= most && 8*cf*r*r+probabilities <= float64(memory) {
		return recipe{mode: sub, rows: mostRows, few: few}
	}
	return recipe{}
}
