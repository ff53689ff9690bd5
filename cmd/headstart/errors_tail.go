package main

import (
	"fmt"

	"github.com/headstart-ml/headstart/head/transfer"
)

// ofTail says of an error about where a backbone can be cut what to do about
// it; flag is the one that named the place, "tail" or "depths".
func ofTail(p *transfer.PlaceError, flag string) error {
	list := fmt.Sprintf("headstart inspect %s lists where it can be cut", p.Backbone)
	switch p.Kind {
	case transfer.PlaceUnknowable:
		return fmt.Errorf("%s: %w", p.Backbone, p.Err)
	case transfer.PlaceNoGradient:
		return fmt.Errorf("%s: pooling %s of %s has no gradient here; retrain from features of another pooling (extract --tap %s:POOLING)", p.Backbone, p.Pooling, p.Features, p.Features)
	case transfer.PlaceNoMask:
		return fmt.Errorf("%s: it has no attention mask, which would say which tokens of a text %s is made of", p.Backbone, p.Features)
	case transfer.PlaceWindows:
		return fmt.Errorf("%s: its features are means over windows of long texts (--long chunks:mean), and layers are retrained on one window; extract again with --long truncate", p.Backbone)
	case transfer.PlaceSingle:
		return fmt.Errorf("%s: its graph is that of one sample, with shapes in it that forbid more, and layers are retrained in batches; export it with a dynamic batch (torch.onnx.export: dynamic_axes={INPUT: {0: \"batch\"}}; optimum-cli does it by itself), or leave --tail out: a head needs no more than this", p.Backbone)
	case transfer.PlaceInside:
		return fmt.Errorf("%s: its graph prepares images itself, one at a time, and layers are retrained in batches; retrain the backbone that it was exported from, or its export without --input pixels", p.Backbone)
	case transfer.PlaceQuantised:
		return fmt.Errorf("--%s %s: the weights of %s are quantised, and have no gradient; extract with the float32 file of the model (--precision f32, or its path), and retrain that", flag, p.Place, p.Backbone)
	case transfer.PlaceUntrainable:
		return usagef("--%s %s: no weight behind it can be trained: what is stored as integers, or quantised, has no gradient; cut earlier, or use the float32 model", flag, p.Place)
	case transfer.PlaceNoCount:
		return usagef("--%s %s: what follows the colon is a number of layers, from 1 on", flag, p.Place)
	case transfer.PlaceNoEnds:
		return fmt.Errorf("--%s %s: no layer of %s ends in a tensor through which everything flows; --%[1]s all retrains everything", flag, p.Place, p.Backbone)
	case transfer.PlaceTooDeep:
		return usagef("--%s %s: %s has %d layers that can be told apart (headstart inspect %[3]s lists them); --%[1]s all retrains everything", flag, p.Place, p.Backbone, p.Layers)
	case transfer.PlaceInput:
		return usagef("--%s %s: it is an input; --%[1]s all retrains everything behind it", flag, p.Place)
	case transfer.PlaceFeatures:
		return usagef("--%s %s: these are the features; nothing is left to retrain behind them", flag, p.Place)
	case transfer.PlaceInner:
		return usagef("--%s %s: the tensor is made inside a branch or a loop, where the backbone cannot be cut; %s", flag, p.Place, list)
	case transfer.PlaceBypassed:
		after := ""
		if p.Nearest != "" {
			after = ", as through " + p.Nearest + " behind it"
		}
		return usagef("--%s %s: not everything flows through this tensor%s; %s", flag, p.Place, after, list)
	case transfer.PlaceUnknown:
		words, others := []string{"half", "all", "auto", "last:1"}, "last:N, half, all, auto"
		if flag == "depths" {
			words, others = []string{"head", "taps", "half", "all", "last:1"}, "head, taps, last:N, half, all"
		}
		if near := nearest(p.Place, words); near != "" {
			return usagef("--%s %s: did you mean %s?", flag, p.Place, near)
		}
		return usagef("--%s %s: neither %s nor a tensor of %s; %s", flag, p.Place, others, p.Backbone, list)
	}
	return p
}
