#!/bin/sh
# fetch.sh DIR puts the ONNX Runtime library into DIR: from the official wheel
# with pip (no matching Python is needed), or, where there is no pip, from the
# official npm package. The archive's SHA-256 must stand in checksums.txt. It
# does nothing if DIR has the library already, with the SHA-256 that stands
# there too; another file of that name is replaced.
set -eu

wheel=1.32.0
npm=1.30.0 # the newest version of onnxruntime-node that checksums.txt has

say() { echo "runtime: $*"; }
die() {
	echo "runtime: $*" >&2
	exit 1
}

[ $# -eq 1 ] || die "usage: fetch.sh DIR"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# What this machine takes: the wheel's tag, the folder in the npm package.
case "$(uname -s)/$(uname -m)" in
Linux/x86_64 | Linux/amd64) tag=manylinux_2_28_x86_64 node=linux/x64 ;;
Linux/aarch64 | Linux/arm64) tag=manylinux_2_28_aarch64 node=linux/arm64 ;;
Darwin/arm64) tag=macosx_14_0_arm64 node=darwin/arm64 ;;
Darwin/x86_64)
	die "ONNX Runtime is not published for Macs with an Intel CPU since 1.23, and 1.24 is needed:" \
		"brew install onnxruntime, then set HEADSTART_RUNTIME=\$(brew --prefix onnxruntime)/lib/libonnxruntime.dylib"
	;;
*) die "there is no official ONNX Runtime for $(uname -s) on $(uname -m); build it and set HEADSTART_RUNTIME to the library" ;;
esac
case $node in
darwin/*) plain=libonnxruntime.dylib ;;
*) plain=libonnxruntime.so ;;
esac

# versioned VERSION: the library's name with its version in it.
versioned() {
	case $node in
	darwin/*) echo "libonnxruntime.$1.dylib" ;;
	*) echo "libonnxruntime.so.$1" ;;
	esac
}

# wanted NAME: the SHA-256 that checksums.txt has for NAME.
wanted() { awk -v name="$1" '$2 == name { print $1 }' "$here/checksums.txt"; }

# digest FILE: its SHA-256.
digest() {
	if command -v sha256sum >/dev/null; then
		sum=$(sha256sum <"$1")
	else
		sum=$(shasum -a 256 <"$1")
	fi
	echo "${sum%% *}"
}

# What is loaded is the file that the plain name leads to.
if [ -f "$dir/$plain" ]; then
	got=$(digest "$dir/$plain")
	for place in "$tag/$(versioned $wheel)" "$node/$(versioned $npm)"; do
		if [ -f "$dir/${place##*/}" ] && [ "$got" = "$(wanted "$place")" ]; then
			say "$1/${place##*/} is there"
			exit 0
		fi
	done
	say "$1/$plain is another file than the official library (its SHA-256 is $got); it is fetched again"
fi

tmp=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check ARCHIVE dies unless the digest of ARCHIVE is the one in checksums.txt.
check() {
	name=$(basename "$1")
	want=$(wanted "$name")
	[ -n "$want" ] || die "$name: it has no digest in $here/checksums.txt; nothing was installed"
	got=$(digest "$1")
	[ "$got" = "$want" ] || die "$name: its SHA-256 is $got, not $want; nothing was installed"
}

# pip ARGUMENTS runs the first pip that works.
pip() {
	for p in "python3 -m pip" pip3 "python -m pip" "command pip"; do
		if $p --version >/dev/null 2>&1; then
			$p "$@"
			return
		fi
	done
	return 127
}

# unzip_to ARCHIVE DIR unpacks with what there is.
unzip_to() {
	for p in "python3" "python"; do
		if $p -c 'import zipfile' >/dev/null 2>&1; then
			$p -m zipfile -e "$1" "$2"
			return
		fi
	done
	if command -v unzip >/dev/null; then
		unzip -q "$1" -d "$2"
	else
		tar -xf "$1" -C "$2" # bsdtar reads zip files
	fi
}

# install FILE VERSION FROM moves FILE to its place.
install() {
	to=$(versioned "$2")
	chmod 755 "$1"
	mv -f "$1" "$dir/$to"
	ln -s "$to" "$tmp/link"
	mv -f "$tmp/link" "$dir/$plain"
	say "$arg/$to, from $3"
}
arg=$1

mkdir "$tmp/in" "$tmp/out"
if pip --version >/dev/null 2>&1; then
	if pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --platform "$tag" \
		--dest "$tmp/in" "onnxruntime==$wheel" >"$tmp/log" 2>&1; then
		archive=$(echo "$tmp"/in/*.whl)
		check "$archive"
		unzip_to "$archive" "$tmp/out"
		for f in LICENSE ThirdPartyNotices.txt; do
			mv -f "$tmp/out/onnxruntime/$f" "$dir/onnxruntime-$f"
		done
		install "$tmp/out/onnxruntime/capi/$(versioned $wheel)" $wheel "the wheel $(basename "$archive")"
		exit 0
	fi
	cat "$tmp/log" >&2
	command -v npm >/dev/null || die "pip could not download onnxruntime $wheel (its words are above)"
	echo "runtime: pip could not download onnxruntime $wheel (its words are above); trying npm" >&2
fi

command -v npm >/dev/null || die "neither pip nor npm is here to download ONNX Runtime with; install one," \
	"or set HEADSTART_RUNTIME to the library of ONNX Runtime 1.24 or newer"
if ! (cd "$tmp/in" && npm pack --silent "onnxruntime-node@$npm") >"$tmp/log" 2>&1; then
	cat "$tmp/log" >&2
	die "npm could not download onnxruntime-node $npm (its words are above)"
fi
archive=$tmp/in/onnxruntime-node-$npm.tgz
check "$archive"
case $node in
darwin/*) file=libonnxruntime.$npm.dylib ;;
*) file=libonnxruntime.so.1 ;;
esac
member=package/bin/napi-v6/$node/$file
tar -xzf "$archive" -C "$tmp/out" "$member" package/README.md
mv -f "$tmp/out/package/README.md" "$dir/onnxruntime-README.md" # names the licence, MIT
install "$tmp/out/$member" $npm "the npm package $(basename "$archive")"
