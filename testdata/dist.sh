#!/bin/sh
# Makes the archive of a release twice, in two clones with nothing in common
# but the commit (folder, umask, caches of compiler and modules), and compares
# the bytes. Then it works with what is in the archive alone: doctor, extract,
# train-head and predict, on Linux in a folder as root that holds the archive,
# the C and C++ libraries and pictures, without a shell, Go, Python or network.
# With an archive as argument, it makes none and tries that one. Where a machine
# does not let one make a root of one's own, it says so and works without
# environment only; with DIST_CONTAINED=1 it fails there.
#
#   sh testdata/dist.sh [ARCHIVE]        (make dist-test)
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
top=$(mktemp -d)
trap 'chmod -R u+w "$top"; rm -rf "$top"' EXIT
trap 'exit 130' INT
say() { printf 'dist: %s\n' "$*"; }
die() {
	printf 'dist: %s\n' "$*" >&2
	exit 1
}

# release FOLDER: make dist in a clone in FOLDER.
release() {
	git clone --quiet --no-hardlinks . "$1/headstart"
	mkdir "$1/headstart/lib"
	cp -R lib/.fetched lib/libonnxruntime.* lib/onnxruntime-* "$1/headstart/lib"
	(
		cd "$1/headstart"
		unset SOURCE_DATE_EPOCH
		make GO="$go" dist >"$1/log" 2>&1 || { cat "$1/log" >&2; exit 1; }
	)
}
modules=$($go env GOMODCACHE)
if [ $# -gt 0 ]; then
	one=$1
else
	$go mod download
	mkdir "$top/one" "$top/another folder"
	release "$top/one"
	(
		# The compiler starts anew; modules are unpacked elsewhere, from what has
		# been downloaded.
		export GOCACHE="$top/compiled" GOMODCACHE="$top/modules" GOFLAGS=-modcacherw
		export GOPROXY="file://$modules/cache/download" GONOSUMDB='*'
		umask 077
		release "$top/another folder"
	)
	one=$(echo "$top"/one/headstart/dist/*.tar.gz)
	two=$(echo "$top/another folder"/headstart/dist/*.tar.gz)
	[ "${one##*/}" = "${two##*/}" ] || die "${one##*/} and ${two##*/}: other names"
	cmp "$one" "$two" || die "${one##*/} has other bytes in another folder"
	cmp "${one%/*}/SHA256SUMS" "${two%/*}/SHA256SUMS"
	say "${one##*/}, $(wc -c <"$one" | tr -d ' ') bytes, is the same in both folders"
	say "SHA-256 of both: $(cut -d ' ' -f 1 "${one%/*}/SHA256SUMS")"
fi
# What is needed lies in one folder.
root=$top/root
mkdir -p "$root/opt" "$root/data" "$root/work" "$root/tmp"
tar -xzf "$one" -C "$root/opt"
place=/opt/$(ls "$root/opt")
if grep -q -e "$top" -e "$modules" -e "$PWD" "$root$place/bin/headstart"; then
	die "the program has the paths of this machine in it"
fi
awk -F, 'NR > 1 && ($3 == "food-and-drink" || $3 == "symbols" || $3 == "flags") && n[$3]++ < 16 { print $1, $3 }' testdata/emoji/emoji.csv |
	while read -r file class; do
		mkdir -p "$root/data/photos/$class"
		cp "testdata/emoji/$file" "$root/data/photos/$class/"
	done
printf 'a red apple\nthe flag of a far country\n' >"$root/data/texts.txt"

run() {
	say "headstart $*"
	# shellcheck disable=SC2086 # inside is words
	env -i HOME="$work" TMPDIR="$tmp" PATH=/nowhere $inside "$@"
}
inside=$root$place/bin/headstart data=$root/data work=$root/work tmp=$root/tmp
if [ "$(uname -s)" = Linux ]; then
	{ ldd "$root$place/bin/headstart" && ldd "$root$place"/lib/libonnxruntime.so; } | tr '\t ' '\n\n' | grep '^/' | grep -v "^$root" | sort -u |
		while read -r library; do
			mkdir -p "$root${library%/*}"
			cp -L "$library" "$root$library"
		done
	mkdir "$root/proc"
	# A root and a network of its own, and /proc, which every container has.
	cat >"$top/contain" <<-CONTAIN
		"$(command -v mount)" -t proc proc '$root/proc' && exec "$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)" '$root' '$place/bin/headstart' "\$@"
	CONTAIN
	contain="$(command -v unshare) --map-root-user --mount --net --pid --fork /bin/sh $top/contain"
	# shellcheck disable=SC2086
	if $contain help >"$top/log" 2>&1; then
		say "in a root of $(find "$root" -type f ! -path "$root/opt/*" ! -path "$root/data/*" | wc -l | tr -d ' ') files beside the archive and the samples, without network"
		inside=$contain data=/data work=/work tmp=/tmp
	else
		cat "$top/log" >&2
		say "NOT in a root of its own, which this machine does not let one make (above); only without environment"
		[ -z "${DIST_CONTAINED:-}" ] || exit 1
	fi
fi
run doctor
run extract --out "$work/photos.features" "$data/photos"
run train-head --l2 0.1 --cv 2 --out "$work/photos.head.onnx" "$work/photos.features"
run predict --out "$work/photos.csv" "$work/photos.head.onnx" "$data/photos"
run extract --format lines --out "$work/texts.features" "$data/texts.txt"
lines=$(wc -l <"$root/work/photos.csv")
[ "$lines" -eq 49 ] || die "predict wrote $lines lines for 48 photos"
right=$(awk -F, 'NR > 1 { split($1, p, "/"); if (p[1] == $2) n++ } END { print n + 0 }' "$root/work/photos.csv")
[ "$right" -ge 40 ] || die "only $right of 48 photos that the head was fitted on have their class"
say "$right of 48 photos that the head was fitted on have their class"

# Laid over another folder, as over ~/.local, it works as well, and the shells
# find their scripts.
mkdir "$top/local"
tar -xzf "$one" --strip-components=1 -C "$top/local"
for file in share/bash-completion/completions/headstart share/zsh/site-functions/_headstart \
	share/fish/vendor_completions.d/headstart.fish share/man/man1/headstart-extract.1 \
	share/doc/headstart/LICENSE share/doc/headstart/NOTICE share/doc/headstart/INSTALL.md \
	share/doc/headstart/licences/onnxruntime/ThirdPartyNotices.txt share/doc/headstart/licences/go/LICENSE \
	share/doc/headstart/licences/backbones/NOTICE share/doc/headstart/licences/github.com/yalue/onnxruntime_go/LICENSE; do
	[ -s "$top/local/$file" ] || die "there is no $file"
done
where=$(env -i HOME="$top" PATH=/nowhere "$top/local/bin/headstart" --version --json)
case $where in
*'"path":"'*"/local/lib/libonnxruntime."*) ;;
*) die "its own library is not found: $where" ;;
esac
if [ $# -eq 0 ]; then
	commit=$(git rev-parse HEAD)
	case $where in
	*'"commit":"'"$commit"'"'*) ;;
	*) die "it does not say that it is of commit $commit: $where" ;;
	esac
	case $where in
	*'"modified":true'*) die "it says that files were modified: $where" ;;
	esac
fi
say "it works from the archive alone"
