#!/bin/sh
# Exports a text and an image classifier, and compares what other programs say
# with them to what headstart predicts: make clients. Everything is written into
# lib/clients/. The programs are fetched once: transformers.js by npm, hugot by go,
# the library of tokens that it links by cargo; ONNX Runtime, optimum and
# sentence-transformers are in the Python PYTHON.
#
#	run.sh HEADSTART PYTHON
#
# A program that cannot be had is a failure that says what to install, in the
# end, when all others have been run. CLIENTS_WITHOUT="browser hugot" leaves out
# what it names: node, browser, optimum, hugot, rust. Where hugot in pure Go does
# not load an export a line says so, and that is no failure.
set -eu
bin=$(cd "$(dirname "$1")" && pwd)/headstart
python=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
emoji=$root/testdata/emoji
mkdir -p lib/clients
cd lib/clients
export HEADSTART_CACHE="$PWD/cache"
failed=

# with tells whether the client $1 is wanted.
with() {
	case " ${CLIENTS_WITHOUT:-} " in
	*" $1 "*) echo "$1: not run, as CLIENTS_WITHOUT says"; return 1 ;;
	esac
}
lacks() {
	echo "FAILED: $1: not run: $2" >&2
	failed=yes
}
# attempt runs a client, whose failure does not keep the others from being run.
attempt() {
	name=$1
	shift
	echo "$name" >&2
	"$@" || { echo "FAILED: $name" >&2; failed=yes; }
}

rm -rf tensors ./*.jsonl ./@*.json
"$python" "$here/samples.py" "$emoji" .
"$bin" extract --quiet --text name --label label --replace --out names.features train.csv
"$bin" extract --quiet --image image --label label --replace --root "$emoji" --out images.features train.csv
for name in names images; do
	"$bin" train-head --quiet --by none --l2 0.1 --cv 2 --baseline=false "$name.features" >/dev/null
	for layout in hub flat; do
		"$bin" export "$name.head.onnx" --out "$name-$layout" --layout "$layout" --replace --quiet >/dev/null
	done
done
"$bin" export images.head.onnx --out images-pixels --layout flat --input pixels --replace --quiet >/dev/null
"$bin" predict --quiet names.head.onnx --probabilities --text name --out names.csv test.csv
"$bin" predict --quiet images.head.onnx --probabilities --image image --root . --out images.csv test.csv
"$bin" predict --quiet images.head.onnx --probabilities --image image --root . --out others.csv others.list.csv
"$bin" preprocess --quiet --text name test.csv >ids.jsonl
"$bin" preprocess --quiet --image image --root . --out tensors tensors.csv
"$python" "$here/tensors.py"

attempt onnxruntime "$python" "$here/onnxruntime_client.py"
if with optimum; then
	attempt optimum "$python" "$here/optimum_client.py"
fi

if with node; then
	if command -v npm >/dev/null; then
		cp "$here/package.json" "$here"/*.mjs "$here/page.html" .
		npm install --ignore-scripts --no-audit --no-fund --silent
		attempt "transformers.js in Node" node node.mjs
	else
		lacks transformers.js "there is no npm; on Debian: apt-get install npm"
	fi
fi
if with browser; then
	for chromium in "${CHROMIUM:-}" chromium chromium-browser google-chrome chrome; do
		if command -v "$chromium" >/dev/null; then break; fi
		chromium=
	done
	if [ -z "$chromium" ]; then
		lacks "transformers.js in a browser" "there is no Chromium; on Debian: apt-get install chromium, elsewhere CHROMIUM=PATH names one"
	elif [ -d node_modules ]; then
		attempt "transformers.js in a browser" node browser.mjs "$chromium" page.html
	fi
fi

if with hugot; then
	(cd "$here/hugot" && go build -trimpath -o "$root/lib/clients/hugot-go" .)
	echo "hugot in pure Go" >&2
	./hugot-go || echo "hugot in pure Go does not load every export; see docs/deploy.md" >&2
	if attempt "libtokenizers.a" sh "$here/tokenizers.sh" "$here/hugot" tokenizers && [ -f tokenizers/libtokenizers.a ]; then
		(cd "$here/hugot" && CGO_ENABLED=1 CGO_LDFLAGS="-L$root/lib/clients/tokenizers" go build -trimpath -tags ORT -o "$root/lib/clients/hugot-ort" .)
		attempt hugot ./hugot-ort "$root/lib"
	fi
fi
"$python" "$here/compare.py" || failed=yes

# The programs of model cards and of docs/deploy.md, as they are printed, in a
# folder that has what they name alone. Names of folders have spaces.
rm -rf cards
mkdir cards
"$python" -c 'from PIL import Image; Image.open("images/0.png").save("cards/photo.jpg", quality=95)'
export HEADSTART_BIN="${bin%/headstart}" HUGOT_MODULE="$here/hugot" CHROMIUM="${chromium:-}"
export ORT_DYLIB_PATH="$root/lib/libonnxruntime.so" ONNXRUNTIME_DIR="$root/lib"
most() { "$bin" predict --quiet "$@" --to csv | sed -n 2p | cut -d, -f3; }
text=$(most names.head.onnx --sample "some text") ripe=$(most names.head.onnx --sample "a ripe peach") photo=$(most images.head.onnx cards/photo.jpg)
for layout in hub flat; do
	"$bin" export names.head.onnx --out "cards/names of emoji, $layout" --layout "$layout" --quiet >/dev/null
	"$bin" export images.head.onnx --out "cards/pictures of emoji, $layout" --layout "$layout" --quiet >/dev/null
	attempt "the card of texts, $layout" "$python" "$here/snippets.py" "cards/names of emoji, $layout/README.md" cards "$text"
	attempt "the card of images, $layout" "$python" "$here/snippets.py" "cards/pictures of emoji, $layout/README.md" cards "$photo"
done
"$bin" export images.head.onnx --out "cards/photos-pixels" --input pixels --quiet >/dev/null
attempt "the card of pixels" "$python" "$here/snippets.py" cards/photos-pixels/README.md cards "$photo"
"$bin" export names.head.onnx --embedder --out "cards/embedder of names" --quiet >/dev/null
attempt "embeddings" "$python" "$here/embedder.py" "cards/embedder of names"
sed '1s/.*/COL/; s/,.*//' test.csv >cards/texts.csv
cp test.csv cards/emoji.csv
attempt "the card of embeddings" "$python" "$here/snippets.py" "cards/embedder of names/README.md" cards
for folder in names-hub=names-model images-hub=photos-model names-flat=names-flat; do
	cp -r "${folder%=*}" "cards/${folder#*=}"
done
cp -r "cards/embedder of names" cards/names-embedder
"$bin" export names.head.onnx --format sklearn --out cards/names.npz --quiet >/dev/null
printf 'a ripe peach\n' >ripe.txt
"$bin" extract --quiet --out ripe.features ripe.txt >/dev/null
"$bin" cache export --quiet ripe.features --out cards/names.npy >/dev/null
attempt "docs/deploy.md" "$python" "$here/snippets.py" "$root/docs/deploy.md" cards "$ripe" "$photo"
[ -z "$failed" ]
