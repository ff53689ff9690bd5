package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models"
)

// along are what a data set that is no table says of its samples, by the names
// that Options.With takes: a table has columns for it.
func (p *part) along() []string {
	switch {
	case p.format == "lines":
		return []string{"text"}
	case p.modality == models.Text:
		return []string{"text", "label", "split", "group", "weight"}
	}
	return []string{"label", "split", "group", "weight"}
}

// has says which of the columns a data set that is no table does not have.
func (p *part) has(columns []string) error {
	names := p.along()
	for _, c := range columns {
		if !slices.Contains(names, c) {
			return fmt.Errorf("source: %s: no table, so it has no column %q; of its samples it says %s", p.name, c, strings.Join(names, ", "))
		}
	}
	return nil
}

// carry sets the With of a sample that comes from no table.
func (s *Sample) carry(columns []string) {
	for _, c := range columns {
		v := ""
		switch c {
		case "text":
			text, _ := s.Read(MaxContent) // a bad sample has none
			v = string(text)
		case "label":
			v = s.Label
		case "split":
			v = s.Split
		case "group":
			v = s.Group
		case "weight":
			if s.Weighted {
				v = strconv.FormatFloat(s.Weight, 'g', -1, 64)
			}
		}
		s.With = append(s.With, v)
	}
}
