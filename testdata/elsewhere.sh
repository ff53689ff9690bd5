#!/bin/sh
# Runs tests where paths have spaces and umlauts in them, there is no HOME, one
# CPU and another order of tests than the files have. Arguments are the packages
# (default: those that read and write files, at full length).
#
#   sh testdata/elsewhere.sh [PACKAGE...]
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
[ $# -gt 0 ] || set -- ./cmd/... ./cache/... ./extract ./extract/features ./extract/source ./head/file ./models/folder
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
place="$top/Maß und Größe"
mkdir "$place" "$top/lose Dateien"
chmod 755 "$top" # tests run programs as another user in it
git ls-files -z --cached --others --exclude-standard | tar -c -f - --null -T - | tar -x -f - -C "$place"
ln -s "$PWD/lib" "$place/lib"
GOCACHE=$($go env GOCACHE) GOMODCACHE=$($go env GOMODCACHE) GOPATH=$($go env GOPATH)
export GOCACHE GOMODCACHE GOPATH
unset HOME
export GOMAXPROCS=1 TMPDIR="$top/lose Dateien"
cd "$place"
$go test -p 2 -timeout 30m -shuffle=on "$@"
