package jpeg

// Blocks of coefficients are stored in the order in which the transform takes
// them: pairs of rows that are multiplied together stand side by side, and the
// columns in the order in which the second pass pairs them. A block is
//
//	rows 0 and 4, rows 2 and 6, rows 7 and 1, rows 3 and 5
//
// each pair as 8 times two coefficients, of columns 0, 4, 2, 6, 7, 1, 3, 5.
var (
	rowPairs    = [4][2]int{{0, 4}, {2, 6}, {7, 1}, {3, 5}}
	columnOrder = [8]int{0, 4, 2, 6, 7, 1, 3, 5}
)

// place maps the index of a coefficient in a file (zigzag, ITU-T T.81, A.3.6)
// to its place in a block. A run that leaves the block ends in its last
// coefficient, as in libjpeg.
var place = func() (p [128]uint8) {
	var at [8][8]uint8 // of row and column
	for pair, rows := range rowPairs {
		for i, column := range columnOrder {
			for half, row := range rows {
				at[row][column] = uint8(16*pair + 2*i + half)
			}
		}
	}
	row, column := 0, 0
	for k := range p {
		p[k] = at[row][column]
		switch up := (row+column)%2 == 0; {
		case k >= 63:
		case up && column == 7, !up && row == 7:
			// Along the border.
			if up {
				row++
			} else {
				column++
			}
		case up:
			column++
			row = max(row-1, 0)
		default:
			row++
			column = max(column-1, 0)
		}
	}
	return p
}()
