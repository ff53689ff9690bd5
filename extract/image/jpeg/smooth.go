package jpeg

// Where the scans of a progressive file leave some of the lower coefficients
// unknown, libjpeg-turbo guesses them from the DC coefficients around a block
// ("block smoothing"). The weights and rules here were measured: they are what
// gives its pixels.

// guessed is the number of coefficients that may be guessed.
const guessed = 10

// weights are those of the DC coefficients around a block, 2⁸ times.
type weights [5][5]int

// fullWeights guess all coefficients, DC itself too, of a component of which
// no scan had any AC coefficient that may be guessed.
var fullWeights = [guessed]weights{
	{{-2, -6, -8, -6, -2}, {-6, 6, 42, 6, -6}, {-8, 42, 152, 42, -8}, {-6, 6, 42, 6, -6}, {-2, -6, -8, -6, -2}},
	{{-1, -1, 0, 1, 1}, {-3, 13, 0, -13, 3}, {-3, 38, 0, -38, 3}, {-3, 13, 0, -13, 3}, {-1, -1, 0, 1, 1}},
	{{-1, -3, -3, -3, -1}, {-1, 13, 38, 13, -1}, {}, {1, -13, -38, -13, 1}, {1, 3, 3, 3, 1}},
	{{2: 1}, {1: 2, 2: 7, 3: 2}, {1: -5, 2: -14, 3: -5}, {1: 2, 2: 7, 3: 2}, {2: 1}},
	{{0: -1, 4: 1}, {1: 9, 3: -9}, {}, {1: -9, 3: 9}, {0: 1, 4: -1}},
	{{}, {1: 2, 2: -5, 3: 2}, {1, 7, -14, 7, 1}, {1: 2, 2: -5, 3: 2}, {}},
	{{}, {1: 1, 3: -1}, {1: 2, 3: -2}, {1: 1, 3: -1}, {}},
	{{}, {1: 1, 2: -3, 3: 1}, {}, {1: -1, 2: 3, 3: -1}, {}},
	{{}, {1: 1, 3: -1}, {1: -3, 3: 3}, {1: 1, 3: -1}, {}},
	{{}, {1: 1, 2: 2, 3: 1}, {}, {1: -1, 2: -2, 3: -1}, {}},
}

// fewWeights guess some of a component of which others are known.
var fewWeights = [6]weights{
	{},
	{2: {-7, 50, 0, -50, 7}},
	{{2: -7}, {2: 50}, {}, {2: -50}, {2: 7}},
	{{2: -1}, {2: 13}, {2: -24}, {2: 13}, {2: -1}},
	{{1: -1, 3: 1}, {-1, 10, 0, -10, 1}, {}, {1, -10, 0, 10, -1}, {1: 1, 3: -1}},
	{2: {-1, 13, -24, 13, -1}},
}

// smooths says whether coefficients of the file are guessed.
func (d *Decoder) smooths() bool {
	unknown := false
	for k := range d.p.frame.n {
		for i, left := range d.progress[k][:guessed] {
			if d.p.frame.comps[k].quant[place[i]] == 0 {
				return false
			}
			unknown = unknown || i > 0 && left != 0
		}
	}
	return unknown
}

// smooth writes to to the coefficients of a block of the k-th component, with
// those guessed that are not known and are 0 so far.
func (d *Decoder) smooth(to *[64]int16, k, row, x int) {
	c, rows, known := &d.p.frame.comps[k], d.coefs[k].rows, &d.progress[k]
	*to = rows[row][x].coefs
	all := true
	for _, left := range known[1:guessed] {
		all = all && left < 0
	}
	// The DC coefficients around. At the edges of the image those there count
	// for what would be outside; below the last row of MCUs but one, all blocks
	// of the last count. A single row of blocks below one row of MCUs does not
	// see two rows up.
	var dc [5][5]int
	mcus := ceil(c.down, c.rows)
	bottom := c.down - 1
	if row/c.rows < mcus-1 {
		bottom = mcus*c.rows - 1
	}
	for i := range dc {
		y := min(max(row+i-2, 0), bottom)
		if i == 0 && mcus == 2 && row == c.rows && c.down == c.rows+1 {
			y = row - 1
		}
		if y >= len(rows) || rows[y] == nil {
			continue // no scan came to blocks that fill up an MCU
		}
		for j := range dc[i] {
			dc[i][j] = int(rows[y][min(max(x+j-2, 0), c.across-1)].coefs[0])
		}
	}
	w := fewWeights[:]
	if all {
		w = fullWeights[:]
	}
	q0 := int(uint16(c.quant[0]))
	for i := range w {
		left := known[i]
		if i == 0 && !all || i > 0 && (left == 0 || to[place[i]] != 0) {
			continue
		}
		sum := 0
		for y := range dc {
			for x, v := range dc[y] {
				sum += w[i][y][x] * v
			}
		}
		sum *= q0
		q := int(uint16(c.quant[place[i]]))
		v := (q<<7 + max(sum, -sum)) / (q << 8)
		if i > 0 && left > 0 {
			v = min(v, 1<<left-1) // the bits that are known are 0
		}
		if sum < 0 {
			v = -v
		}
		to[place[i]] = int16(v)
	}
}
