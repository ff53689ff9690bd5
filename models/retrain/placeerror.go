package retrain

import "fmt"

// PlaceKind says why a backbone cannot be cut at a place.
type PlaceKind int

// The first four are of a backbone that can be cut nowhere, the others of one
// place.
const (
	// PlaceUnknowable: the graph cannot be followed; Err says why.
	PlaceUnknowable PlaceKind = iota
	// PlaceNoGradient: the features are pooled in a way that has no gradient.
	PlaceNoGradient
	// PlaceNoMask: no input says which tokens are there.
	PlaceNoMask
	// PlaceSingle: the graph takes one sample at a time.
	PlaceSingle
	// PlaceInside: the graph prepares images itself, of any size and one at a
	// time.
	PlaceInside
	// PlaceWindows: texts are read in windows, of which there are several.
	PlaceWindows
	// PlaceNoCount: what stands behind "last:" is no number from 1 on.
	PlaceNoCount
	// PlaceNoEnds: no layer ends in a tensor through which everything flows.
	PlaceNoEnds
	// PlaceQuantised: there are no such ends, and the graph is quantised.
	PlaceQuantised
	// PlaceTooDeep: there are fewer layers.
	PlaceTooDeep
	// PlaceUntrainable: no weight behind it can be trained.
	PlaceUntrainable
	// PlaceInput: it is an input of the backbone, behind which "all" lies.
	PlaceInput
	// PlaceFeatures: it is the features, behind which nothing lies.
	PlaceFeatures
	// PlaceUnknown: it is neither "last:N", "half", "all" nor a tensor.
	PlaceUnknown
	// PlaceInner: the tensor is made inside a branch or a loop.
	PlaceInner
	// PlaceBypassed: not everything flows through the tensor.
	PlaceBypassed
)

// String says it in words.
func (k PlaceKind) String() string {
	switch k {
	case PlaceUnknowable:
		return "its graph cannot be followed"
	case PlaceNoGradient:
		return "the pooling of its features has no gradient"
	case PlaceNoMask:
		return "it has no attention mask for its tokens"
	case PlaceWindows:
		return "long texts are read in windows"
	case PlaceSingle:
		return "shapes in its graph are those of one sample, and it is retrained in batches"
	case PlaceInside:
		return "its graph prepares images itself, one at a time, and it is retrained in batches"
	case PlaceNoCount:
		return "what follows the colon is no number of layers"
	case PlaceNoEnds:
		return "no layer ends in a tensor through which everything flows"
	case PlaceQuantised:
		return "its weights are quantised, and have no gradient"
	case PlaceTooDeep:
		return "it has fewer layers that can be told apart"
	case PlaceUntrainable:
		return "no weight behind the cut can be trained"
	case PlaceInput:
		return "it is an input"
	case PlaceFeatures:
		return "nothing is left to retrain behind the features"
	case PlaceUnknown:
		return "there is no such tensor"
	case PlaceInner:
		return "the tensor is made inside a branch or a loop"
	case PlaceBypassed:
		return "not everything flows through the tensor"
	}
	return fmt.Sprintf("PlaceKind(%d)", int(k))
}

// PlaceError says why a backbone cannot be cut, or not at a place.
type PlaceError struct {
	Backbone string
	Place    string // as Find was given it; "" if the backbone can be cut nowhere
	Kind     PlaceKind
	Layers   int    // that can be told apart; 0 where Place is ""
	Nearest  string // the next cut behind a tensor that is bypassed; "" if there is none
	Features string // the tensor that the features are made of
	Pooling  string // of the features
	Err      error  // why the graph cannot be followed; nil else
}

func (e *PlaceError) Error() string {
	s := "retrain: backbone " + e.Backbone
	if e.Place != "" {
		s += ": cut at " + e.Place
	}
	if e.Err != nil {
		return s + ": " + e.Err.Error()
	}
	s += ": " + e.Kind.String()
	switch {
	case e.Kind == PlaceNoGradient:
		s += fmt.Sprintf(" (%s of %s)", e.Pooling, e.Features)
	case e.Kind == PlaceTooDeep:
		s += fmt.Sprintf(" (%d)", e.Layers)
	case e.Nearest != "":
		s += fmt.Sprintf(", as through %s behind it", e.Nearest)
	}
	return s
}

func (e *PlaceError) Unwrap() error { return e.Err }
