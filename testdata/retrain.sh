#!/bin/sh
# The tables of docs/retraining.md: a head alone, more taps, and tails from the
# last layer to all, on the emoji set: images and names, random parts and parts
# by group, 10 samples a class and all, 3 seeds each.
# usage: retrain.sh HEADSTART [FOLDER]    (make bench runs it; about 40 min on two cores)
set -eu
cd "$(dirname "$0")/.."
headstart=$PWD/$1
data=$PWD/testdata/emoji/emoji.csv
work=${2:-$(mktemp -d)}
[ $# -gt 1 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
export HEADSTART_CACHE="$work/cache" HEADSTART_QUIET=true

# The pictures have 64 pixels a side; 128 are enough, and three times as fast as 224.
go run ./testdata/smaller.go 128 "$work/efficientnet-lite0-128"
cd "$work"
"$headstart" extract --text name --out names.features "$data"
"$headstart" extract --image image --alpha white --backbone efficientnet-lite0-128 --out images.features "$data"
for shots in 10 0; do
	for sets in names images; do
		for by in none group; do
			some= parts="all samples"
			[ $shots = 0 ] || { some="--shots $shots"; parts="$shots samples a class"; }
			by_words="random parts"
			[ $by = none ] || by_words="parts by group"
			echo
			echo "$sets, $by_words, $parts"
			# shellcheck disable=SC2086
			"$headstart" train-head --tail auto --repeat 3 --by $by $some --l2-points 8 --folds 3 --epochs 6 \
				--dtype f16 --out "$sets-$by-$shots.head.onnx" $sets.features | sed -n '/^what was compared/,$p'
		done
	done
done
