package jpeg

import "image"

// plane holds samples of a component, in rows of blocks: all, or the last few.
type plane struct {
	blocks image.Rectangle // those that the region needs
	stride int             // samples across
	rows   [][]byte        // of blocks; row i is rows[i%len(rows)]
}

// reset prepares for n rows of blocks.
func (p *plane) reset(n int) {
	if cap(p.rows) < n {
		p.rows = append(p.rows[:cap(p.rows)], make([][]byte, n-cap(p.rows))...)
	}
	p.rows = p.rows[:n]
}

// make makes room for a row of blocks.
func (p *plane) make(row int) {
	at := &p.rows[row%len(p.rows)]
	*at = grow(*at, 8*p.stride)
}

// needs says whether the region needs a block.
func (p *plane) needs(row, x int) bool {
	return x >= p.blocks.Min.X && x < p.blocks.Max.X && row >= p.blocks.Min.Y && row < p.blocks.Max.Y
}

// at returns where the samples of a block begin.
func (p *plane) at(row, x int) []byte { return p.rows[row%len(p.rows)][8*x:] }

// samples returns a row of samples.
func (p *plane) samples(y int) []byte {
	return p.rows[y>>3%len(p.rows)][y&7*p.stride:][:p.stride]
}

// block is what the scans so far have of a block.
type block struct {
	coefs [64]int16
	set   uint64 // which AC coefficients are not 0, by their index in the file
}

// put sets the coefficient of index k, which may be behind the last.
func (b *block) put(k int, v int16) {
	b.coefs[place[k&127]&63] = v
	if v != 0 {
		b.set |= 1 << min(k, 63)
	}
}

// coefficients holds those of a component, in rows of blocks.
type coefficients struct {
	rows  [][]block
	width int // blocks
}

// reset prepares for n rows of blocks.
func (c *coefficients) reset(n, width int) {
	if cap(c.rows) < n {
		c.rows = append(c.rows[:cap(c.rows)], make([][]block, n-cap(c.rows))...)
	}
	c.rows, c.width = c.rows[:n], width
	for i, row := range c.rows {
		if cap(row) >= width {
			c.rows[i] = row[:width]
			clear(c.rows[i])
		} else {
			c.rows[i] = nil
		}
	}
}

// row returns a row of blocks. There is memory for those rows only that a scan
// has come to.
func (c *coefficients) row(i int) []block {
	if c.rows[i] == nil {
		c.rows[i] = make([]block, c.width)
	}
	return c.rows[i]
}
