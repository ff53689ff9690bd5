package image

import "image"

// Whole is an image before anything is done to its size.
type Whole struct {
	Width, Height int     // pixels
	Levels        []uint8 // Height×Width×3, RGB
}

// Whole decodes content as the contract says, upright and in RGB, and leaves
// its size as it is: what a graph is fed that resizes images itself.
func (p *Preprocessor) Whole(content []byte) (w Whole, notes Notes, err error) {
	s := p.scratches.Get().(*scratch)
	defer p.scratches.Put(s)
	defer func() {
		if r := recover(); r != nil {
			err = refuse(KindDamaged, "the decoder panicked: %v", r)
		}
	}()
	pic, err := p.upright(content, s)
	if err != nil {
		return Whole{}, Notes{}, err
	}
	if rw, rh := p.resized(pic.w, pic.h); rw < 1 || rh < 1 {
		return Whole{}, Notes{}, narrow(pic, rw, rh)
	}
	if err := pic.part(image.Rect(0, 0, pic.w, pic.h)); err != nil {
		return Whole{}, Notes{}, err
	}
	w = Whole{pic.w, pic.h, make([]uint8, 3*pic.w*pic.h)}
	s.rows[0] = grow(s.rows[0], lineBytes(pic.w))
	row := s.rows[0][:3*pic.w]
	for y := range pic.h {
		pic.row(row, y)
		copy(w.Levels[y*len(row):], row)
	}
	if cap(s.upright) > maxKept {
		s.upright = nil
	}
	return w, pic.notes, pic.done()
}
