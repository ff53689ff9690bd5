#!/bin/sh
# Exports a text and an image classifier, and compares what other programs say
# with them to what headstart predicts: make clients. Everything is written into
# lib/clients/. transformers.js comes from npm and ONNX Runtime from pip; optimum,
# which needs torch, is run where CLIENTS_PYTHON names a Python that has it.
set -eu
bin=$(cd "$(dirname "${1:-bin/headstart}")" && pwd)/headstart
here=$(cd "$(dirname "$0")" && pwd)
emoji=$(cd "$here/../emoji" && pwd)
mkdir -p lib/clients
cd lib/clients
export HEADSTART_CACHE="$PWD/cache"

if [ ! -x venv/bin/python ]; then
	python3 -m venv venv
fi
venv/bin/pip install --quiet -r "$here/requirements.txt"
venv/bin/python "$here/samples.py" "$emoji" .

"$bin" extract --quiet --text name --label label --replace --out names.features train.csv
"$bin" extract --quiet --image image --label label --replace --root "$emoji" --out images.features train.csv
for name in names images; do
	"$bin" train-head --quiet --by none --l2 0.1 --cv 2 --baseline=false "$name.features" >/dev/null
	for layout in hub flat; do
		"$bin" export "$name.head.onnx" --out "$name-$layout" --layout "$layout" --replace --quiet >/dev/null
	done
done
"$bin" predict --quiet names.head.onnx --probabilities --text name --out names.csv test.csv
"$bin" predict --quiet images.head.onnx --probabilities --image image --root . --out images.csv test.csv
"$bin" predict --quiet names-hub --probabilities --text name --out names-hub.csv test.csv
"$bin" predict --quiet images-flat --probabilities --image image --root . --out images-flat.csv test.csv

set -- venv/bin/python "$here/onnxruntime_client.py"
"$@"
if command -v npm >/dev/null; then
	cp "$here/package.json" "$here/transformers.mjs" .
	npm install --ignore-scripts --no-audit --no-fund --silent
	node transformers.mjs
else
	echo "transformers.js: not run: there is no npm"
fi
if [ -n "${CLIENTS_PYTHON:-}" ]; then
	"$CLIENTS_PYTHON" "$here/optimum_client.py"
else
	echo "optimum: not run: CLIENTS_PYTHON names no Python that has it"
fi
venv/bin/python "$here/compare.py"
