package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/head/file"
)

// folderFormat is the format of a model in a folder; those of heads alone are
// file.Formats.
const folderFormat = "folder"

// aloneFormats are the values of --format.
func aloneFormats() []string {
	names := []string{folderFormat}
	for _, f := range file.Formats {
		names = append(names, f.Name)
	}
	return names
}

// aboutAlone is what the help says of heads alone.
func aboutAlone() string {
	var all []string
	for _, f := range file.Formats {
		what := "a file"
		if f.Folder {
			what = "a folder"
		}
		all = append(all, fmt.Sprintf("%s (%s: %s)", f.Name, what, f.About))
	}
	return "For programs that have embeddings already, --format writes the head alone, without its backbone and without a runtime: " + strings.Join(all, ", ") + ". " +
		"Standardisation and temperature are folded into the weights. A head with retrained layers (train-head --tail) does not leave alone."
}

// aloneSummary is what `export --json` prints of a head alone.
type aloneSummary struct {
	Export   string   `json:"export"`
	Out      string   `json:"out"`
	Format   string   `json:"format"`
	Files    []string `json:"files"` // in out, or out itself
	Bytes    int64    `json:"bytes"`
	Head     string   `json:"head"`
	Features int      `json:"features"`
	Classes  []string `json:"classes"`
	Load     []string `json:"load"` // lines that load it
}

// settleAlone checks the flags of an export of a head alone.
func (o *fuseOptions) settleAlone(ctx *cli.Context, f *file.Format) error {
	for _, name := range []string{"layout", "backbone", "input", "precision", "embedder"} {
		if ctx.IsSet(name) {
			return usagef("--%s goes with --format %s; --format %s writes the head alone", name, folderFormat, f.Name)
		}
	}
	example := strings.TrimSuffix(filepath.Base(o.head), ".head.onnx") + f.Ending
	ending := strings.ToLower(filepath.Ext(o.out))
	other := slices.ContainsFunc(file.Formats, func(g file.Format) bool { return g.Ending != "" && g.Ending == ending && ending != f.Ending })
	switch {
	case o.out == "" && f.Folder:
		return usagef("--out DIR is missing: the folder that is written, as --out %s", example)
	case o.out == "":
		return usagef("--out FILE is missing: the file that is written, as --out %s", example)
	case other || ending == ".onnx" || f.Folder && ending == ".go":
		return usagef("--format %s contradicts the ending of --out %s; --out %s is usual", f.Name, o.out, example)
	}
	return nil
}

func runExportAlone(o *fuseOptions, format *file.Format, e *env) error {
	f, err := file.Read(o.head)
	if err != nil {
		return err
	}
	w, err := file.WriteAlone(f, format, &file.AloneOptions{Path: o.out, Replace: o.replace, Licence: o.licence, Tool: "headstart " + version()})
	if err != nil {
		return err
	}
	if o.json {
		return e.printJSON(&aloneSummary{o.out, o.out, format.Name, w.Files, w.Bytes, f.Head.Kind, f.Head.D(), f.Head.Classes, w.Load})
	}
	fmt.Fprintf(e.stdout, "%s: a %s head, %s, %s, %s\n", o.out, f.Head.Kind, counted(f.Head.D(), "feature"), counted(len(f.Head.Classes), f.Head.Task.Noun()), bytesOf(uint64(w.Bytes)))
	fmt.Fprintln(e.stdout)
	for _, line := range w.Load {
		fmt.Fprintln(e.stdout, line)
	}
	return nil
}
