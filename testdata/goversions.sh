#!/bin/sh
# Builds headstart with two versions of Go, trains a head on images with one and
# predicts and evaluates with the other, both ways, from a cache that both use:
# no version of Go is in a space, so nothing is computed twice, and what is
# computed is the same. Toolchains are fetched by go itself.
#
#   sh testdata/goversions.sh [ONE [OTHER]]     (go1.26.7, and go's own)
#
# HEADSTART_RUNTIME names the runtime library; without it that in lib/ is used.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
one=${1:-go1.26.7}
other=${2:-$($go env GOVERSION)}
[ "$one" != "$other" ] || { echo "both are $one" >&2; exit 2; }
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
photos=$top/photos
mkdir "$photos" "$photos/a" "$photos/b"
cp extract/image/testdata/images/*.png "$photos/a"
cp extract/image/testdata/images/*.jpg extract/image/testdata/images/*.webp "$photos/b"
backbone="$PWD/cmd/headstart/testdata/backbones/vit"
mkdir "$top/bin"
for v in "$one" "$other"; do
	GOTOOLCHAIN=$v $go build -o "$top/bin/headstart-$v" ./cmd/headstart
	GOTOOLCHAIN=$v $go version "$top/bin/headstart-$v"
done
export SOURCE_DATE_EPOCH=1700000000
ln -s "$PWD/lib" "$top/lib"

# cross WRITER READER: WRITER extracts and trains, READER predicts.
cross() {
	writer=$top/bin/headstart-$1 reader=$top/bin/headstart-$2
	mkdir "$top/$1"
	cd "$top/$1"
	HEADSTART_CACHE="$top/$1/cache"
	export HEADSTART_CACHE
	"$writer" extract --quiet --backbone "$backbone" --out photos.features "$photos" >/dev/null
	"$writer" train-head --quiet --l2 0.1 --out photos.head.onnx photos.features >/dev/null
	for program in "$writer" "$reader"; do
		"$program" predict --quiet --probabilities photos.head.onnx "$photos" >cached.csv
		"$program" predict --quiet --no-cache --probabilities photos.head.onnx "$photos" >computed.csv
		"$program" evaluate --quiet --all photos.head.onnx photos.features >evaluated.txt
		"$program" extract --quiet --json --backbone "$backbone" --out photos.features "$photos" >extracted.json
		grep -q '"computed":0' extracted.json || { echo "$program computes what is cached: $(cat extracted.json)" >&2; exit 1; }
		for f in cached.csv computed.csv evaluated.txt; do
			[ -e "first-$f" ] || cp "$f" "first-$f"
			cmp "$f" "first-$f"
		done
	done
	cmp cached.csv computed.csv
	echo "a head of a build with $1 predicts and evaluates in a build with $2: the same bytes"
}
(cross "$one" "$other")
(cross "$other" "$one")
