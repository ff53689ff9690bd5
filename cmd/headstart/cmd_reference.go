package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache/draft"
)

func referenceCommand(e *env) *command {
	return &command{
		name: "reference",
		does: "writes the help of all commands as one Markdown page, or as man pages",
		about: "It is the text of help, with the environment variable of each flag. " +
			"SOURCE_DATE_EPOCH sets the date in man pages.",
		examples: []string{"headstart reference --out reference.md", "headstart reference --man man1    # then: man -l man1/headstart-extract.1"},
		flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Category: "Result", Usage: "the page's `FILE.md`", DefaultText: "standard output"},
			&cli.StringFlag{Name: "man", Category: "Result", Usage: "write a man page for each command into the folder `DIR` instead"},
		},
		action: func(ctx *cli.Context) error {
			out, man := ctx.String("out"), ctx.String("man")
			if out != "" && man != "" {
				return usagef("--out is the file of the Markdown page, --man the folder of man pages; give one of them")
			}
			root := program(e)
			if man != "" {
				return writeManPages(root, man)
			}
			var b bytes.Buffer
			writeMarkdown(&b, root)
			if out != "" {
				return draft.Write(out, b.Bytes())
			}
			_, err := e.stdout.Write(b.Bytes())
			return err
		},
	}
}

// writeManPages writes headstart.1, headstart-extract.1 and so on into dir,
// which is made if it is not there.
func writeManPages(root *command, dir string) error {
	date, err := draft.Date()
	if err != nil {
		return err
	}
	day, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	pages := pagesOf(root, nil)
	for _, p := range pages {
		var b bytes.Buffer
		writeMan(&b, p, pages, day)
		if err := draft.Write(filepath.Join(dir, p.file("-")+".1"), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// page is a command with its path: "headstart", "cache", "stat".
type page struct {
	*command
	path []string
}

// file is the page's name with sep between the words.
func (p page) file(sep string) string { return strings.Join(p.path, sep) }

// pagesOf lists a command and what is under it, in the order of the help.
func pagesOf(c *command, path []string) []page {
	path = append(path[:len(path):len(path)], c.name)
	pages := []page{{c, path}}
	for _, s := range c.subcommands {
		pages = append(pages, pagesOf(s, path)...)
	}
	return pages
}

// surroundings are the environment variables that are no flags'.
var surroundings = []struct{ name, does string }{
	{"HEADSTART_RUNTIME, ONNXRUNTIME_SHARED_LIBRARY_PATH", "the ONNX Runtime library, where --runtime names none"},
	{"XDG_CACHE_HOME", "the folder in which the cache is headstart, where --cache names none; if it is not set, ~/.cache"},
	{"NO_COLOR", "no colours, if it is not empty"},
	{"SOURCE_DATE_EPOCH", "the date in files that are written, in seconds since 1970, so that the same inputs give the same bytes"},
}
