#!/bin/sh
# Runs a test binary for arm64 in QEMU: go test -exec testdata/arm64.sh.
# A test that starts its own binary, os.Args[0], starts this emulator again: the
# name that the binary is given is that of a script which does so.
set -eu
binary=$1
shift
emulator=${QEMU:-qemu-aarch64-static}
cat >"$binary.sh" <<SCRIPT
#!/bin/sh
exec $emulator -0 '$binary.sh' '$binary' "\$@"
SCRIPT
chmod +x "$binary.sh"
EMULATED=1 # its own memory counts as that of the test
export EMULATED
exec "$binary.sh" "$@"
