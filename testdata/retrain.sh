#!/bin/sh
# The tables of docs/retraining.md: a head alone, more taps, and tails from the
# last layer to all, on the emoji set: images and names, random parts and parts
# by group, 10 samples a class and all, 3 seeds each.
# usage: retrain.sh HEADSTART [FOLDER]    (make bench runs it; about 50 min on two cores)
set -eu
cd "$(dirname "$0")/.."
case $1 in /*) headstart=$1 ;; *) headstart=$PWD/$1 ;; esac
data=$PWD/testdata/emoji/emoji.csv
work=${2:-$(mktemp -d)}
[ $# -gt 1 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
export HEADSTART_CACHE="$work/cache" HEADSTART_QUIET=true

# The pictures have 64 pixels a side; 128 are enough, and three times as fast as 224.
go run ./testdata/smaller.go 128 "$work/efficientnet-lite0-128"
cd "$work"
"$headstart" extract --text name --out names.features "$data" >/dev/null
"$headstart" extract --image image --alpha white --backbone efficientnet-lite0-128 --out images.features "$data" >/dev/null

# cells SET trains everything on one feature set, on one core.
cells() {
	for shots in 10 all; do
		for by in none group; do
			some=
			[ $shots = all ] || some="--shots $shots"
			# shellcheck disable=SC2086
			"$headstart" train-head --tail auto --repeat 3 --by $by $some --l2-points 8 --folds 3 --epochs 6 \
				--dtype f16 --threads 1 --out "$1-$by-$shots.head.onnx" "$1.features" >"$1-$by-$shots.txt"
		done
	done
}
cells names &
cells images
wait
for set in names images; do
	for by in none group; do
		for shots in 10 all; do
			echo
			case $by in none) parts="random parts" ;; *) parts="parts by group" ;; esac
			case $shots in all) train="all samples" ;; *) train="$shots samples a class" ;; esac
			echo "$set, $parts, $train"
			sed -n '/^   way/,$p' "$set-$by-$shots.txt"
		done
	done
done
