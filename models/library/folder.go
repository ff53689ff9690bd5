package library

import (
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
)

// ErrNoFolder is the error where the user has no data folder.
var ErrNoFolder = errors.New("there is no place for the library: neither HOME nor XDG_DATA_HOME is set")

// Folder returns the folder of the user's into which Install puts the library:
// headstart/lib in $XDG_DATA_HOME (XDG Base Directory Specification), or else
// in ~/.local/share, on macOS in ~/Library/Application Support. It need not
// exist. The error is ErrNoFolder.
func Folder() (string, error) { return folderOf(os.Getenv, goruntime.GOOS) }

func folderOf(getenv func(string) string, system string) (string, error) {
	// The specification says to ignore a path that is not absolute.
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "headstart", "lib"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", ErrNoFolder
	}
	if system == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "headstart", "lib"), nil
	}
	return filepath.Join(home, ".local", "share", "headstart", "lib"), nil
}
