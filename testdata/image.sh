#!/bin/sh
# Builds deploy/Containerfile with the builder that works here (podman, docker,
# buildah), and runs the image as its user, who is not root, from a root that is
# read-only, without network: doctor, extract, train-head, predict.
#
#   sh testdata/image.sh          build and run (make image-test)
#   sh testdata/image.sh can      exit 0 if a builder works here and has the base
#                                 images or can pull them; else 1, saying why
#
# BUILD_FLAGS are words for the builder; with --build-arg BASE_IMAGE=… and
# --build-arg GO_IMAGE=… others than the Containerfile's are built on.
set -eu
cd "$(dirname "$0")/.."
say() { printf 'image: %s\n' "$*"; }
builder=
for b in podman docker buildah; do
	if command -v $b >/dev/null && $b info >/dev/null 2>&1; then
		builder=$b
		break
	fi
done
if [ -z "$builder" ]; then
	say "neither podman, docker nor buildah works here" >&2
	exit 1
fi

# What the stages are built on has to be had; that alone is no fault of the
# Containerfile.
for name in GO_IMAGE BASE_IMAGE; do
	image=$(printf '%s\n' "${BUILD_FLAGS:-}" | sed -n "s/.*$name=\([^ ]*\).*/\1/p")
	[ -n "$image" ] || image=$(sed -n "s/^ARG $name=//p" deploy/Containerfile)
	case $builder in
	buildah) find="inspect --type image" ;;
	*) find="image inspect" ;;
	esac
	# shellcheck disable=SC2086
	if ! $builder $find "$image" >/dev/null 2>&1 && ! out=$($builder pull "$image" 2>&1); then
		say "$builder cannot have $image: $out" >&2
		exit 1
	fi
done
[ "${1:-}" != can ] || exit 0

say "building with $builder"
# shellcheck disable=SC2086
$builder build ${BUILD_FLAGS:-} -t headstart-test -f deploy/Containerfile .

top=$(mktemp -d)
container=
clean() {
	case $builder in
	buildah) [ -z "$container" ] || buildah rm "$container" >/dev/null ;;
	*) $builder volume rm --force headstart-test >/dev/null ;;
	esac
	rm -rf "$top"
}
trap clean EXIT
trap 'exit 130' INT
mkdir -p "$top/work/photos" "$top/cache" "$top/none"
awk -F, 'NR > 1 && ($3 == "food-and-drink" || $3 == "symbols") && n[$3]++ < 8 { print $1, $3 }' testdata/emoji/emoji.csv |
	while read -r file class; do
		mkdir -p "$top/work/photos/$class"
		cp "testdata/emoji/$file" "$top/work/photos/$class/"
	done
chmod -R a+rwX "$top"
if [ $builder = buildah ]; then
	container=$(buildah from headstart-test)
fi
run() {
	say "headstart $*"
	case $builder in
	buildah)
		# It has no read-only root. Files in the image are root's, so where all
		# may write is closed as well.
		# shellcheck disable=SC2046
		unshare --net buildah run --isolation chroot -v "$top/work:/work" -v "$top/cache:/cache" \
			$(for dir in /tmp /var/tmp /dev/shm /run/lock; do printf ' -v %s:%s:ro' "$top/none" $dir; done) \
			"$container" -- /usr/local/bin/headstart "$@"
		;;
	*) $builder run --rm --read-only --network none -v "$top/work:/work" -v headstart-test:/cache headstart-test "$@" ;;
	esac
}
run doctor
run extract photos/
run train-head --l2 0.1 --cv 2 photos.features
run predict --out photos.csv photos.head.onnx photos/
[ "$(wc -l <"$top/work/photos.csv")" -eq 17 ]
owner=$(find "$top/work/photos.csv" ! -user 0)
[ -n "$owner" ] || {
	say "it ran as root" >&2
	exit 1
}
say "it runs as no root, from a read-only root, without network: 16 photos"
