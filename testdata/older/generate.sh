#!/bin/sh
# Writes one folder of this page's README anew: what a headstart of some commit
# leaves behind, and what a headstart of commit bb168b5 says of it.
#
#   sh testdata/older/generate.sh FOLDER WRITER READER
#
# FOLDER is the commit that WRITER, a program, was built from; READER was built
# from bb168b5:
#
#   git worktree add /tmp/writer FOLDER && (cd /tmp/writer && go build -trimpath -o /tmp/writer.bin ./cmd/headstart)
#
# HEADSTART_RUNTIME names the runtime library. Everything is made in
# /tmp/headstart-older, with relative paths, so that no folder of this checkout
# stands in a file; dates are those of SOURCE_DATE_EPOCH. Caches are not the
# same bytes each time (a segment says when it was sealed); the rest is.
set -eu
folder=$1 writer=$2 reader=$3
here=$(cd "$(dirname "$0")" && pwd)
: "${HEADSTART_RUNTIME:?names the runtime library}"
export HEADSTART_RUNTIME
export SOURCE_DATE_EPOCH=1700000000 HEADSTART_CACHE=cache HEADSTART_THREADS=1 TZ=UTC
work=/tmp/headstart-older
rm -rf "$work"
mkdir "$work"
cp -R "$here/samples" "$here/../../cmd/headstart/testdata/backbones" "$work"
find "$work/samples" -exec touch -d 2023-11-14T00:00:00Z {} +
cd "$work"
sleep 3 # a stat cache does not remember files that changed just now

write() { echo "+ $*" >&2; "$writer" "$@" --quiet >/dev/null; }
texts="--format csv --text name samples/names.csv"
if [ "$folder" = 62d997f ]; then
	# The first headstart with a command line: heads on features, f32.
	write extract $texts --out names.features
	write extract samples/photos --alpha white --out photos.features
	write extract samples/lines.txt --format lines --out lines.features
	write train-head names.features --l2-points 4 --folds 2 --by none --out softmax.head.onnx
	write train-head names.features --head ncm --out ncm.head.onnx
	write train-head photos.features --l2 0.1 --l2-normalize --standardize false --out normalized.head.onnx
else
	bert="--backbone backbones/distilbert" vit="--backbone backbones/vit"
	pictures="--format csv --image picture --alpha white samples/names.csv"
	taps="--tap layer_norm_2:cls --tap layer_norm_4:mean"
	write extract $texts $bert --out names.features
	write extract samples/unsplit.csv --text name $bert --dtype f16 --out half.features
	write extract $texts $bert $taps --out taps.features
	write extract $texts $bert --tap last_hidden_state:cls --tap layer_norm:cls --tap layer_norm_2:cls --tap layer_norm_4:cls --out depths.features
	write extract $pictures $vit --out pictures.features
	write extract samples/photos $vit --exif ignore --out photos.features
	write extract samples/lines.txt $bert --format lines --out lines.features
	write extract samples/lines.txt --format lines --out builtin.features
	write train-head names.features --l2-points 4 --folds 2 --by none --out softmax.head.onnx
	write train-head names.features --l2 0.01 --standardize false --calibrate none --out plain.head.onnx
	write train-head photos.features --l2 0.1 --l2-normalize --standardize false --out normalized.head.onnx
	write train-head names.features --head ncm --class-weight balanced --out ncm.head.onnx
	write train-head half.features --head auto --l2-points 3 --folds 2 --by group --cv 2 --out half.head.onnx
	write train-head pictures.features names.features --l2 0.01 --out both.head.onnx
	write train-head taps.features --l2 0.01 --out taps.head.onnx
	write train-head names.features --l2 1 --tail last:1 --lr 0.02 --epochs 8 --out tail-text.head.onnx
	write train-head names.features --l2 1 --tail all --lr 0.02 --epochs 8 --dtype f16 --out tail-all.head.onnx
	write train-head names.features --l2 1 --tail auto --lr 0.00001 --epochs 2 --out auto.head.onnx # takes more taps
	write train-head photos.features --l2 1 --tail last:2 --lr 0.01 --epochs 20 --metric log-loss --out tail-image.head.onnx
fi
# What a head with a tail gives of its own samples is in the cache as well.
for head in tail-*.head.onnx; do
	[ -e "$head" ] || continue
	case $head in tail-image*) set=photos ;; *) set=names ;; esac
	write predict "$head" $set.features
done

# What bb168b5 says of it: of features without the runtime, and of samples with
# a cache that has nothing of them.
mkdir want
say() {
	out=$1
	shift
	echo "= $*" >&2
	"$reader" "$@" --quiet >"want/$out" 2>want/.errors || { cat want/.errors >&2; exit 1; }
	rm want/.errors
}
inspect() { echo "= inspect $1" >&2; "$reader" inspect --json "$1" >"want/$1.json"; }
inspect cache
for set in *.features; do
	inspect "$set"
	for format in npy csv parquet safetensors; do
		"$reader" cache export "$set" --quiet --out "want/${set%.features}.$format" >/dev/null
	done
done
(cd want && sha256sum -- *.npy *.csv *.parquet *.safetensors >exports.sha256 && rm -f -- *.npy *.csv *.parquet *.safetensors)
HEADSTART_RUNTIME_WAS=$HEADSTART_RUNTIME
export HEADSTART_RUNTIME=/nowhere
while IFS='|' read -r head sets samples; do
	[ -e "$head.head.onnx" ] || continue
	inspect "$head.head.onnx"
	say "$head.jsonl" predict --to jsonl --probabilities "$head.head.onnx" $sets
done <"$here/heads"
export HEADSTART_RUNTIME=$HEADSTART_RUNTIME_WAS HEADSTART_CACHE=fresh
while IFS='|' read -r head sets samples; do
	[ -e "$head.head.onnx" ] && [ "$samples" ] || continue
	rm -rf fresh
	say "$head.samples.jsonl" predict --to jsonl --probabilities "$head.head.onnx" $samples
done <"$here/heads"

rm -rf "$here/$folder" fresh backbones samples
cp -R "$work" "$here/$folder"
rm -rf "$work"
