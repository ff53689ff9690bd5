#!/bin/sh
# Builds libtokenizers.a, the Rust library that hugot links, out of the Go module
# that it belongs to: sh tokenizers.sh MODULE DIR, where MODULE is a folder with
# a go.mod that needs it, and the library is DIR/libtokenizers.a. One of its crates
# is a copy on a forge, bumped by hand; the release of the registry does as well.
# LIBTOKENIZERS=FILE names one that is there already, of the same version.
set -eu
version=$(cd "$1" && go list -m -f '{{.Version}}' github.com/daulet/tokenizers)
mkdir -p "$2"
if [ "$(cat "$2/version" 2>/dev/null)" = "$version" ]; then
	exit
fi
if [ -n "${LIBTOKENIZERS:-}" ]; then
	cp "$LIBTOKENIZERS" "$2/libtokenizers.a"
	exit
fi
if ! command -v cargo >/dev/null; then
	echo "there is no cargo, which builds the library of tokens that hugot links; on Debian: apt-get install cargo, or LIBTOKENIZERS=FILE names libtokenizers.a of github.com/daulet/tokenizers $version" >&2
	exit 1
fi
(cd "$1" && go mod download github.com/daulet/tokenizers)
rm -rf "$2/source"
cp -r "$(cd "$1" && go list -m -f '{{.Dir}}' github.com/daulet/tokenizers)" "$2/source"
chmod -R u+w "$2/source"
cd "$2/source"
sed -i.old 's|^tiktoken-rs = .*|tiktoken-rs = "=0.9.1"|' Cargo.toml
CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo build --quiet --release
mv target/release/libtokenizers.a ..
cd ..
rm -rf source
echo "$version" >version
