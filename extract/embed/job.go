package embed

import (
	"errors"

	"github.com/headstart-ml/headstart/extract/image"
)

// Job is one content on its way to its embedding.
type Job struct {
	// Key is the digest of the content. Random views of an image depend on it;
	// else it may be left out.
	Key     [32]byte
	Content []byte
	IDs     []int32   // tokens of a text, once it was planned
	View    int       // of an image, see image.View; 0: as it is
	Row     []float32 // the embedding, once it is computed
	Bad     string    // why there is none
	Kind    string    // of the reason, see KindOf

	Crop *Crop // gets an image's pixels before they are normalised; nil: nobody wants them

	More [][]int32 // tokens of a text's other windows, once it was planned
	// Cut says that a text that was planned is longer than the backbone takes:
	// it is read in windows, or only its beginning is.
	Cut bool
}

// Crop is an image as a backbone gets it, before its values are normalised.
type Crop struct {
	Width, Height int
	Levels        []uint8 // height×width×3, RGB
}

// fail says why there is no embedding.
func (j *Job) fail(err error) { j.Bad, j.Kind = err.Error(), KindOf(err) }

// KindOf returns the kind of the reason why a sample is bad, which many samples
// may share: what a method Kind of err says, "" if there is none. The kinds are
// those of the packages image and source.
func KindOf(err error) string {
	k, ok := errors.AsType[interface {
		error
		Kind() string
	}](err)
	if !ok {
		return ""
	}
	return k.Kind()
}

// KindPixels is the kind of the reason of an image with more pixels than the
// limit.
const KindPixels = image.KindPixels

// Singly cuts batches into batches of one.
func Singly(batches [][]*Job) [][]*Job {
	var out [][]*Job
	for _, jobs := range batches {
		for i := range jobs {
			out = append(out, jobs[i:i+1:i+1])
		}
	}
	return out
}
