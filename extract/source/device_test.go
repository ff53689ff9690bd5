package source_test

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// What gives bytes for ever, or none, is refused before it is read, as a source
// and by any format.
func TestDevicesAreRefused(t *testing.T) {
	for _, format := range []string{"", "lines", "csv", "tar"} {
		_, err := read(t, &source.Options{Format: format}, "/dev/zero")
		fails(t, err, "/dev/zero", "no regular file but a device")
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = read(t, nil, path)
	fails(t, err, path, "no regular file but a socket")
	_, err = read(t, nil, "/dev/null")
	fails(t, err, "it is empty")
	// Beside a table and in a folder they are bad samples.
	root := tree(t, map[string]string{"t.csv": "image\nzero.png\n../up.png\npipe.png\nsocket.png\n.\n", "zero.png": "-> /dev/zero"})
	if err := syscall.Mkfifo(filepath.Join(root, "pipe.png"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root) // the path of a socket must be short
	if l, err = net.Listen("unix", "socket.png"); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	samples, err := read(t, nil, root+"/t.csv")
	if err != nil {
		t.Fatal(err)
	}
	out := "BAD leads out of the folder " + root + ", and no path may"
	pipe, socket := "BAD no regular file but a named pipe", describe(samples[3])
	if !strings.Contains(socket, "BAD ") {
		t.Errorf("a socket: %s", socket)
	}
	check(t, samples, "t#1|||||"+out, "t#2|||||"+out, "t#3|||||"+pipe, socket, "t#5|||||BAD no regular file but a folder")
	samples, err = read(t, &source.Options{Format: "folder"}, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "pipe.png|||||"+pipe, strings.Replace(socket, "t#4", "socket.png", 1), "zero.png|||||"+out)
	samples, err = read(t, &source.Options{Root: "/"}, file(t, "u.csv", "image\ndev/zero\n"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "u#1|||||BAD no regular file but a device")
}
