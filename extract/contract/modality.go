package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/extract/numbers"
	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/models"
)

// A modality is what this package knows of one kind of sample.
type modality struct {
	name     models.Modality
	backbone string // the built-in one that is used if none is named
	// versions returns those of what prepares the samples, by their names in
	// prep.
	versions func(c models.Contract) map[string]string
	// tells says whether a space's prep is of this modality.
	tells func(p *prep) bool
	// describe says in some words what the samples are.
	describe func(d *Description) string
}

var modalities = []*modality{
	{
		name: models.Image, backbone: "efficientnet-lite0",
		versions: func(c models.Contract) map[string]string {
			decode := image.Decode()
			if s, ok := c.(*models.ImageSpec); ok && s.Decode != "" {
				decode = s.Decode
			}
			return map[string]string{"impl": image.Impl, "decode": decode}
		},
		tells: func(p *prep) bool { return p.Layout != "" || strings.HasPrefix(p.Impl, "image/") },
		describe: func(d *Description) string {
			return fmt.Sprintf("images %d×%d, %s, alpha %s", d.Width, d.Height, d.Filter, d.Image.Alpha)
		},
	},
	{
		name: models.Text, backbone: "all-minilm-l6-v2",
		versions: func(models.Contract) map[string]string { return map[string]string{"impl": text.Impl} },
		tells:    func(p *prep) bool { return p.Tokenizer != "" || strings.HasPrefix(p.Impl, "text/") },
		describe: func(d *Description) string {
			out := fmt.Sprintf("texts of at most %d tokens", d.MaxLen)
			switch d.Long {
			case models.LongChunks:
				out = fmt.Sprintf("texts in windows of %d tokens that overlap by %d", d.MaxLen, d.Overlap)
			case models.LongError:
				out += ", none of more"
			}
			if d.Prompt != "" {
				out += fmt.Sprintf(", prompt %q", d.Prompt)
			}
			return out
		},
	},
	{
		name:     models.Numbers,
		versions: func(models.Contract) map[string]string { return map[string]string{"impl": numbers.Impl} },
		tells:    func(p *prep) bool { return strings.HasPrefix(p.Impl, "numbers/") },
		describe: func(d *Description) string {
			return fmt.Sprintf("numbers, %s a sample", strings.ReplaceAll(d.Shape, ",", "×"))
		},
	},
}

// modalityOf returns the modality of that name, or nil.
func modalityOf(name models.Modality) *modality {
	if i := slices.IndexFunc(modalities, func(m *modality) bool { return m.name == name }); i >= 0 {
		return modalities[i]
	}
	return nil
}

// DefaultBackbone names the built-in backbone that is used for samples of a
// modality if none is named, "" if there is none.
func DefaultBackbone(m models.Modality) string {
	if m := modalityOf(m); m != nil {
		return m.backbone
	}
	return ""
}
