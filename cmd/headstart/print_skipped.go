package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// skippedSummary is what `--json` says of a kind of files that are no samples.
type skippedSummary struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	First string `json:"first"`
}

func summarizeSkipped(kinds []source.Kind) []skippedSummary {
	all := make([]skippedSummary, len(kinds))
	for i, k := range kinds {
		all[i] = skippedSummary{k.Name, k.Count, k.First}
	}
	return all
}

// skippedLine says which files of a source were no samples, "" if there were
// none.
func skippedLine(kinds []source.Kind, m models.Modality) string {
	if len(kinds) == 0 {
		return ""
	}
	n := 0
	for _, k := range kinds {
		n += k.Count
	}
	one, several := "picture", "pictures"
	if m == models.Text {
		one, several = "text", "texts"
	}
	const most = 6
	shown := source.Kinds(kinds[:min(len(kinds), most)])
	if more := len(kinds) - most; more > 0 {
		shown += fmt.Sprintf(" and %s more", counted(more, "kind"))
	}
	if n == 1 {
		return fmt.Sprintf("1 file that is no %s was skipped: %s", one, kinds[0].First)
	}
	return fmt.Sprintf("%s files that are no %s were skipped: %s; the first is %s", count(int64(n)), several, shown, kinds[0].First)
}

// instead says what to type where a folder has no samples, but something else
// to read; "" if it has nothing of that kind.
func instead(e *source.NoSamplesError) string {
	var readable []source.Kind
	texts := false
	for _, k := range e.Skipped {
		switch {
		case slices.Contains([]string{".csv", ".tsv", ".jsonl", ".parquet", ".tar", ".tgz", ".zip"}, k.Name):
			readable = append(readable, k)
		case k.Name == ".txt":
			texts = true
		}
	}
	switch {
	case len(readable) == 1 && readable[0].Count == 1:
		_, inside, _ := strings.Cut(readable[0].First, "/") // without the BASE
		return "is it " + filepath.Join(e.Source, inside) + " that you mean?"
	case texts && e.Samples == "pictures":
		return "--format texts reads its texts, a file a sample"
	}
	return ""
}
