#!/bin/sh
# The figures that README and docs quote: what heads reach on the emoji set, and
# how extraction compares with the bare loop over the runtime.
# usage: bench.sh HEADSTART    (make bench runs it)
set -eu
cd "$(dirname "$0")/.."
headstart=$PWD/$1
data=$PWD/testdata/emoji/emoji.csv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HEADSTART_CACHE="$work/cache" HEADSTART_QUIET=true

"$headstart" --version
"$headstart" doctor --quiet=false | grep -e runtime -e processor

echo
echo "Accuracy on the emoji set, 5-fold cross-validation of the whole procedure, 3 seeds"
cd "$work"
"$headstart" extract --text name --out names.features "$data"
"$headstart" extract --image image --alpha white --out white.features "$data"
"$headstart" extract --image image --alpha drop --out drop.features "$data"
for by in none group; do
	for sets in names white drop "names white"; do
		files=
		for s in $sets; do files="$files $s.features"; done
		name=$(echo "$sets" | tr ' ' '+')
		"$headstart" train-head --cv 5 --by $by --l2-points 8 --folds 3 --repeat 3 --out "$name-$by.head.onnx" $files >/dev/null
	done
done
echo
echo "random folds (--by none)"
"$headstart" inspect names-none.head.onnx white-none.head.onnx drop-none.head.onnx names+white-none.head.onnx
echo
echo "folds by group (--by group)"
"$headstart" inspect names-group.head.onnx white-group.head.onnx drop-group.head.onnx names+white-group.head.onnx
cd - >/dev/null

echo
echo "Extraction against the bare loop over the same batches, a second one over 100,000 files against a plain walk (ratios of medians inside one run), and decoding"
unset HEADSTART_CACHE HEADSTART_QUIET
go test ./cmd/headstart -run '^$' -bench Extract -benchtime 1x
go test ./cache ./extract/image ./extract/text ./extract/features -run '^$' -bench . -benchtime 1x
go test ./extract -run Memory -v | grep -e MiB

echo
echo "A million texts and a tar file of 100,000 images: the most memory; reading beside the libraries, on one core"
go test ./extract -run '^$' -bench 'MillionTexts|TarOfSmall' -benchtime 1x | grep '^Benchmark'
GOMAXPROCS=1 go test ./extract/source -run '^$' -bench 'ReadParquet|ReadJSONL' -benchtime 5x | grep '^Benchmark'
python3 bench/badinput.py "$1"

echo
echo "A Go program's requests against the bare runtime on ready tensors: latency of one at a time, throughput of 8 goroutines, memory"
go test ./head/predict -run RequestsLeave -bench . -benchtime 1x -v | grep -e '^Benchmark.*[0-9] ' -e 'allocations'

echo
echo "A head of 10 classes on 384 features as a Go package: rows a second of processor time, on one core"
go test ./head/file -run '^$' -bench AloneInGo -benchtime 1x | grep '^Benchmark'

echo
echo "Predictions of 100,000 cached rows, 26 classes; of a head with retrained layers and 10,000 classes"
go test ./cmd/headstart -run '^$' -bench 'PredictCached|TailOfMany' -benchtime 1x | grep '^Benchmark'

echo
echo "How often the 95 % interval of a cross-validated accuracy holds the accuracy to be expected, 2,000 simulated sets of 100 and of 400 rows; intervals of 10,000 rows"
go test ./head/experiment -run '^$' -bench Coverage -benchtime 1x -timeout 1h | grep '^Benchmark'
go test ./head/measure -run '^$' -bench Evaluate | grep '^Benchmark'

echo
echo "Start-up of the command beside Python's onnxruntime (ratios of medians inside one run)"
lib/startup/bin/python bench/startup.py

echo
echo "Layers of the backbone retrained, accuracy over 3 seeds (mean ± standard deviation)"
sh testdata/retrain.sh "$1"
