package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCheckExternal(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "secret")
	try(os.WriteFile(outside, []byte("secret"), 0o666))
	try(os.Mkdir(filepath.Join(dir, "sub"), 0o777))
	write("b.bin", "0123456789")
	write("sub/a.bin", "01234567")
	try(os.Symlink("b.bin", filepath.Join(dir, "link.bin")))
	try(os.Symlink(outside, filepath.Join(dir, "out.bin")))
	try(os.Symlink("sub", filepath.Join(dir, "linked")))
	try(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))

	files, err := CheckExternal(dir, []ExternalTensor{
		{"x", "sub/a.bin", 4, 4}, {"y", "b.bin", 0, 10}, {"z", "sub/a.bin", 0, 8}, {"rest", "b.bin", 10, -1}})
	try(err)
	if len(files) != 2 || files[0].Path != "b.bin" || files[1].Path != "sub/a.bin" || files[0].Size != 10 || files[1].Size != 8 {
		t.Fatalf("files %v", files)
	}
	sum := sha256.Sum256([]byte("0123456789"))
	if files[0].SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s", files[0].SHA256)
	}
	if files, err := CheckExternal(filepath.Join(dir, "missing"), nil); files != nil || err != nil {
		t.Errorf("nothing to check: %v, %v", files, err)
	}

	for _, test := range []struct {
		x    ExternalTensor
		want string
	}{
		{ExternalTensor{"w", "b.bin", 0, 11}, "outside the file of 10 bytes"},
		{ExternalTensor{"w", "b.bin", 11, -1}, "outside the file"},
		{ExternalTensor{"w", "b.bin", 1 << 62, 1 << 62}, "outside the file"},
		{ExternalTensor{"w", "none.bin", 0, 1}, "no such file"},
		{ExternalTensor{"w", "link.bin", 0, 1}, "symbolic link"},
		{ExternalTensor{"w", "out.bin", 0, 1}, "symbolic link"},
		{ExternalTensor{"w", "linked/a.bin", 0, 1}, "linked is a symbolic link"},
		{ExternalTensor{"w", "sub", 0, 1}, "not a regular file"},
		{ExternalTensor{"w", "pipe", 0, 1}, "not a regular file"},
		{ExternalTensor{"w", "../" + filepath.Base(filepath.Dir(outside)) + "/secret", 0, 1}, `".." element`},
		{ExternalTensor{"w", outside, 0, 1}, "absolute"},
	} {
		_, err := CheckExternal(dir, []ExternalTensor{test.x})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "onnx: external data: ") {
			t.Errorf("%v: error %v, want %q", test.x, err, test.want)
		}
	}
}
