#!/bin/sh
# The main job on real data: embed 1,906 emoji once, train heads on their
# pictures, on their names and on both, predict, and draw a page.
# usage: demo.sh HEADSTART    (make demo runs it; results go to demo/)
set -eu
cd "$(dirname "$0")/.."
headstart=$PWD/$1
data=$PWD/testdata/emoji
mkdir -p demo
cd demo
# The demo has a cache of its own, so that the first run shows the whole job.
export HEADSTART_CACHE="$PWD/cache"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() {
	printf '$ headstart %s\n' "$*"
	"$headstart" "$@"
}
settings="--by group"

say "1. Embed each picture and each name once (a second run finds everything in the cache)"
run extract --image image --alpha white --out images.features "$data/emoji.csv"
run extract --text name --out names.features "$data/emoji.csv"

say "2. Train heads: on pictures, on names, on both. Whole subgroups are held out, so that each test emoji is of an unseen kind"
run train-head $settings --quiet --out images.head.onnx images.features >images.txt
run train-head $settings --quiet --out names.head.onnx names.features >names.txt
run train-head $settings --report report.html --out both.head.onnx images.features names.features

say "3. Compare"
run inspect images.head.onnx names.head.onnx both.head.onnx

say "4. Predict"
cat >new.csv <<CSV
id,text
1,red apple
2,a cat with tears of joy
3,flag of a far country
4,woman riding a bicycle
5,train
CSV
run predict names.head.onnx --top 2 new.csv

say "5. Extract again: nothing is computed"
run extract --image image --alpha white --out images.features --json "$data/emoji.csv"
run extract --text name --out names.features --json "$data/emoji.csv"

say "The page: demo/report.html"
