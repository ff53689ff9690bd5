package fit

// Size is what the work of a path depends on: Parts parts of Rows rows each,
// and a number of candidates.
type Size struct{ Rows, Features, Classes, Parts, Candidates int }

// passes is what passes over the rows take: products of rows and weights, there
// and back.
func (s *Size) passes(n float64, features int) float64 {
	return 4 * n * float64(s.Rows) * float64(features) * float64(s.Classes)
}

// scores is what the scores of held-out rows of all parts and candidates take,
// of which there are a quarter as many.
func (s *Size) scores() float64 {
	return float64(s.Parts) * float64(s.Candidates) * s.passes(0.125, s.Features)
}

// sums is what the scatters of cells take, each of which several parts share.
func (s *Size) sums() float64 {
	return float64(s.Parts) / 4 * float64(s.Rows) * float64(s.Features) * float64(s.Features)
}

// meansWork is that of NCM.
func meansWork(s *Size) float64 {
	return float64(s.Parts)*2*float64(s.Rows)*float64(s.Features) + s.scores()
}

// closedWork is that of a closedForm: a factorisation for each candidate.
func closedWork(s *Size) float64 {
	d := float64(s.Features)
	return s.sums() + s.scores() + float64(s.Parts)*float64(s.Candidates)*(d*d*d/3+2*d*d*float64(s.Classes))
}

// discriminantWork is that of discriminants: a projection of each part, and two
// passes a candidate over what is projected.
func discriminantWork(s *Size) float64 {
	d, r := float64(s.Features), min(s.Classes-1, s.Features)
	return s.sums() + s.scores() + float64(s.Parts)*(d*d*d+2*float64(s.Rows)*d*float64(r)+s.passes(2*float64(s.Candidates), r))
}

// softmaxWork is that of softmaxPath: some eight passes for the factors, and
// two a candidate.
func softmaxWork(s *Size) float64 {
	return s.scores() + float64(s.Parts)*s.passes(8+2*float64(s.Candidates), s.Features)
}

// perceptronWork is that of perceptrons of the default size: products there and
// twice back.
func perceptronWork(s *Size) float64 {
	weights := float64(defaultHidden) * float64(s.Features+s.Classes)
	return s.scores() + float64(s.Parts)*float64(s.Rows)*6*weights*defaultEpochs
}
