package report

import "strings"

// textColumns is where the text of a mistake is cut.
const textColumns = 400

// Mistake is a sample that was held out and predicted wrongly.
type Mistake struct {
	ID        string
	Label     string // its class
	Predicted string // the class that was predicted
	// Probability is that of the predicted class, LabelProbability that of
	// Label.
	Probability, LabelProbability float64
	// NoProbability says that there are none: of several labels, and numbers.
	NoProbability bool
	// Image is a PNG or JPEG file, nil: none. It is embedded as it is up to
	// 64 KiB, scaled down if it is larger, and left out if it cannot be
	// decoded.
	Image []byte
	// Seen are the pixels that backbones get of the sample if it is an image,
	// before they are normalised, one a backbone: PNG files. They are embedded
	// as Image is, but scaled down to more pixels.
	Seen []Seen
	// Text is the sample itself if it is a text, "" if not. It is cut after 400
	// characters.
	Text string
}

// Seen is a picture as a backbone gets it.
type Seen struct {
	Backbone string
	Image    []byte // a PNG file
}

// seen is such a picture as it is drawn.
type seen struct {
	Backbone string
	Picture  *thumbnail
}

// card is a mistake as it is drawn.
type card struct {
	ID, Label, Predicted          string
	Probability, LabelProbability string
	Picture                       *thumbnail
	Seen                          []seen
	Text                          string
}

func newCards(all []Mistake) []card {
	var cards []card
	for _, m := range all {
		c := card{
			ID: Cut(plain(m.ID), 2*labelColumns), Label: Cut(plain(m.Label), labelColumns), Predicted: Cut(plain(m.Predicted), labelColumns),
			Probability: decimal(m.Probability), LabelProbability: decimal(m.LabelProbability),
			// The whole text may be long; runes have at most 4 bytes.
			Text: Cut(strings.TrimSpace(plain(m.Text[:min(len(m.Text), 4*textColumns+4)])), textColumns),
		}
		if m.NoProbability {
			c.Probability, c.LabelProbability = "", ""
		}
		if m.Image != nil {
			c.Picture = newThumbnail(m.Image, thumbnailEdge, len(m.Seen) > 0)
		}
		for _, s := range m.Seen {
			if p := newThumbnail(s.Image, seenEdge, true); p != nil {
				c.Seen = append(c.Seen, seen{Cut(plain(s.Backbone), labelColumns), p})
			}
		}
		cards = append(cards, c)
	}
	return cards
}
