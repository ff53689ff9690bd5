package main

import (
	"errors"
	"fmt"

	"github.com/headstart-ml/headstart/models/retrain"
)

// ofTail says of an error about where a backbone can be cut what to do about it.
// Other errors are as they are.
func ofTail(err error) error {
	p, ok := errors.AsType[*retrain.PlaceError](err)
	if !ok {
		return err
	}
	list := fmt.Sprintf("headstart inspect %s lists where it can be cut", p.Backbone)
	switch p.Kind {
	case retrain.PlaceUnknowable:
		return fmt.Errorf("%s: %w", p.Backbone, p.Err)
	case retrain.PlaceNoGradient:
		return fmt.Errorf("%s: pooling %s of %s has no gradient here; retrain from features of pooling none, cls, mean or gap (extract --tap %s:POOLING)", p.Backbone, p.Pooling, p.Features, p.Features)
	case retrain.PlaceNoMask:
		return fmt.Errorf("%s: it has no attention mask, by which the mean of %s would be taken", p.Backbone, p.Features)
	case retrain.PlaceUntrainable:
		return usagef("--tail %s: no weight behind it can be trained: what is stored as integers, or quantised, has no gradient; cut earlier, or use the float32 model", p.Place)
	case retrain.PlaceNoCount:
		return usagef("--tail %s: what follows the colon is a number of layers, from 1 on", p.Place)
	case retrain.PlaceNoEnds:
		return fmt.Errorf("--tail %s: no layer of %s ends in a tensor through which everything flows; --tail all retrains everything", p.Place, p.Backbone)
	case retrain.PlaceTooDeep:
		return usagef("--tail %s: %s has %d layers that can be told apart (headstart inspect %s lists them); --tail all retrains everything", p.Place, p.Backbone, p.Layers, p.Backbone)
	case retrain.PlaceInput:
		return usagef("--tail %s: it is an input; --tail all retrains everything behind it", p.Place)
	case retrain.PlaceFeatures:
		return usagef("--tail %s: these are the features; nothing is left to retrain behind them", p.Place)
	case retrain.PlaceInner:
		return usagef("--tail %s: the tensor is made inside a branch or a loop, where the backbone cannot be cut; %s", p.Place, list)
	case retrain.PlaceBypassed:
		after := ""
		if p.Nearest != "" {
			after = ", as through " + p.Nearest + " behind it"
		}
		return usagef("--tail %s: not everything flows through this tensor%s; %s", p.Place, after, list)
	case retrain.PlaceUnknown:
		if near := nearest(p.Place, []string{"half", "all", "auto", "last:1"}); near != "" {
			return usagef("--tail %s: did you mean %s?", p.Place, near)
		}
		return usagef("--tail %s: neither last:N, half, all, auto nor a tensor of %s; %s", p.Place, p.Backbone, list)
	}
	return err
}
