package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/headstart-ml/headstart/head/study"
)

// pngScale is how many pixels a unit of a plot has.
const pngScale = 2

// StudyPNGTo writes the curves of a study alone, as a picture on white.
func StudyPNGTo(w io.Writer, r *study.Result) error {
	p := curvesOf(r)
	if p == nil {
		return errNoCurves
	}
	return p.png(w)
}

// png paints a plot on white.
func (p *plot) png(w io.Writer) error {
	m := image.NewRGBA(image.Rect(0, 0, pngScale*p.width, pngScale*p.height))
	draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
	face, err := newLetters()
	if err != nil {
		return fmt.Errorf("report: drawing: %w", err)
	}
	c := &canvas{m, face}
	for _, f := range p.figures {
		c.paint(&f)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// canvas is what a plot is painted on.
type canvas struct {
	*image.RGBA
	face font.Face // of texts
}

// The colours of page.css on white.
var (
	softInk = color.RGBA{0x52, 0x5b, 0x6b, 0xff}
	ruleInk = color.RGBA{0xdd, 0xe1, 0xe7, 0xff}
)

// ink is the colour of a depth.
func ink(depth int) color.RGBA {
	hex := palette[depth%len(palette)][0]
	digit := func(i int) uint8 {
		value := func(c byte) uint8 {
			if c >= 'a' {
				return c - 'a' + 10
			}
			return c - '0'
		}
		return value(hex[i])<<4 | value(hex[i+1])
	}
	return color.RGBA{digit(1), digit(3), digit(5), 0xff}
}

// paint paints a figure.
func (c *canvas) paint(f *figure) {
	switch f.kind {
	case figureBand:
		k := ink(f.depth)
		const alpha = 41 // 0.16 of 255
		part := func(v uint8) uint8 { return uint8(int(v) * alpha / 255) }
		c.fill(f.xy, color.RGBA{part(k.R), part(k.G), part(k.B), alpha})
	case figureGrid:
		c.stroke(f.xy, 1, ruleInk, false)
	case figureZero:
		c.stroke(f.xy, 1.5, softInk, false)
	case figureLine:
		c.stroke(f.xy, 2, ink(f.depth), f.dash)
	case figureDot:
		c.fill(circle(f.xy[0], f.xy[1], 3), ink(f.depth))
		if f.dash {
			c.fill(circle(f.xy[0], f.xy[1], 1.6), color.RGBA{0xff, 0xff, 0xff, 0xff})
		}
	case figureText:
		c.write(f)
	}
}

// fill fills the outline xy.
func (c *canvas) fill(xy []float64, with color.RGBA) {
	z := vector.NewRasterizer(c.Bounds().Dx(), c.Bounds().Dy())
	for i := 0; i+1 < len(xy); i += 2 {
		x, y := float32(pngScale*xy[i]), float32(pngScale*xy[i+1])
		if i == 0 {
			z.MoveTo(x, y)
		} else {
			z.LineTo(x, y)
		}
	}
	z.ClosePath()
	z.Draw(c.RGBA, c.Bounds(), image.NewUniform(with), image.Point{})
}

// stroke draws a line of some width through xy, perhaps in dashes of 5 and 4.
func (c *canvas) stroke(xy []float64, width float64, with color.RGBA, dash bool) {
	gone := 0.0 // along the line, in dashes
	for i := 0; i+3 < len(xy); i += 2 {
		x0, y0, x1, y1 := xy[i], xy[i+1], xy[i+2], xy[i+3]
		length := math.Hypot(x1-x0, y1-y0)
		if length == 0 {
			continue
		}
		dx, dy := (x1-x0)/length, (y1-y0)/length
		part := func(from, to float64) {
			h := width / 2
			ax, ay, bx, by := x0+from*dx, y0+from*dy, x0+to*dx, y0+to*dy
			c.fill([]float64{ax - h*dy, ay + h*dx, bx - h*dy, by + h*dx, bx + h*dy, by - h*dx, ax + h*dy, ay - h*dx}, with)
		}
		if !dash {
			part(0, length)
			continue
		}
		const on, off = 5, 4
		for at := 0.0; at < length; {
			place := math.Mod(gone+at, on+off)
			if place < on {
				to := min(length, at+on-place)
				part(at, to)
				at = to
			} else {
				at = min(length, at+on+off-place)
			}
			if length-at < 1e-9 {
				break
			}
		}
		gone += length
	}
}

// circle is the outline of one.
func circle(x, y, r float64) []float64 {
	var xy []float64
	for i := range 24 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 12)
		xy = append(xy, x+r*cos, y+r*sin)
	}
	return xy
}

// newLetters opens the font of texts: Go Regular, which has Latin, Greek and
// Cyrillic letters, and of others a box.
func newLetters() (font.Face, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: letterSize * pngScale, DPI: 72, Hinting: font.HintingNone})
}

// letterSize is that of texts in units of a plot, as in page.css.
const letterSize = 12.5

// write writes a text.
func (c *canvas) write(f *figure) {
	x, y := fixed.Int26_6(math.Round(64*pngScale*f.xy[0])), fixed.Int26_6(math.Round(64*pngScale*f.xy[1]))
	switch f.at {
	case "mid":
		x -= font.MeasureString(c.face, f.text) / 2
	case "end":
		x -= font.MeasureString(c.face, f.text)
	}
	d := font.Drawer{Dst: c.RGBA, Face: c.face}
	if f.halo {
		d.Src = image.White
		const wide = 64 * 3 // of the halo, in pixels
		for _, away := range [][2]fixed.Int26_6{{-wide, 0}, {wide, 0}, {0, -wide}, {0, wide}} {
			d.Dot = fixed.Point26_6{X: x + away[0], Y: y + away[1]}
			d.DrawString(f.text)
		}
	}
	d.Src, d.Dot = image.NewUniform(softInk), fixed.Point26_6{X: x, Y: y}
	d.DrawString(f.text)
}
