package transfer

import "github.com/headstart-ml/headstart/models/retrain"

// PlaceError says why a backbone cannot be cut, or not at a place. It and its
// kinds stand here for who need not know package retrain.
type PlaceError = retrain.PlaceError

// Kinds of PlaceError, see retrain.PlaceKind.
const (
	PlaceUnknowable  = retrain.PlaceUnknowable
	PlaceNoGradient  = retrain.PlaceNoGradient
	PlaceNoMask      = retrain.PlaceNoMask
	PlaceSingle      = retrain.PlaceSingle
	PlaceInside      = retrain.PlaceInside
	PlaceQuantised   = retrain.PlaceQuantised
	PlaceWindows     = retrain.PlaceWindows
	PlaceNoCount     = retrain.PlaceNoCount
	PlaceNoEnds      = retrain.PlaceNoEnds
	PlaceTooDeep     = retrain.PlaceTooDeep
	PlaceUntrainable = retrain.PlaceUntrainable
	PlaceInput       = retrain.PlaceInput
	PlaceFeatures    = retrain.PlaceFeatures
	PlaceUnknown     = retrain.PlaceUnknown
	PlaceInner       = retrain.PlaceInner
	PlaceBypassed    = retrain.PlaceBypassed
)
