package main

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestParquetIsASource trains on pictures in a Parquet file, which are read
// again for the report and for comparison, and predicts others.
func TestParquetIsASource(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	type row struct {
		Picture struct {
			Bytes []byte `parquet:"bytes"`
			Path  string `parquet:"path,optional"`
		} `parquet:"picture"`
		Kind string `parquet:"kind,dict"`
		Name string `parquet:"name"`
	}
	var rows []row
	for _, r := range p.samples(0, 8, "food-and-drink", "symbols") {
		x := row{Kind: r[2], Name: r[1]}
		x.Picture.Bytes = p.read(filepath.Join(p.emoji, r[0]))
		rows = append(rows, x)
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, rows, parquet.MaxRowsPerRowGroup(5)); err != nil {
		t.Fatal(err)
	}
	p.put("t.parquet", b.Bytes())
	p.one(t, "extract --backbone ./vit --image picture --label kind t.parquet").wantNumbers(t, map[string]float64{"samples": 16, "computed": 16, "bad": 0})
	first := p.read("t.features")
	p.one(t, "extract --backbone ./vit --image picture --label kind t.parquet").wantNumbers(t, map[string]float64{"samples": 16, "cached": 16, "computed": 0, "backbone_rows": 0})
	if !bytes.Equal(p.read("t.features"), first) {
		t.Error("a second run left another set")
	}
	p.do(t, "train-head t.features --l2 1 --cv 2 --report r.html")
	if page := string(p.read("r.html")); strings.Count(page, "data:image/png") < 2 {
		t.Error("the report has no pictures of a Parquet file")
	}
	p.do(t, "cache verify --recompute 4 t.features")
	if table := p.do(t, "predict t.head.onnx --image picture --with name t.parquet"); strings.Count(table, "\n") != 17 || !strings.Contains(table, rows[3].Name) {
		t.Error(table)
	}
	p.fails(t, "extract t.features", exitFailed, "t.features is a feature set", "headstart train-head t.features")

	// A footer that lies.
	cut := b.Bytes()[:b.Len()-100]
	p.put("cut.parquet", cut)
	p.fails(t, "extract --image picture cut.parquet", exitFailed, "cut.parquet", "damaged or cut off")
	lies := bytes.Clone(b.Bytes())
	binary.LittleEndian.PutUint32(lies[len(lies)-8:], 1<<31-1)
	p.put("lies.parquet", lies)
	p.fails(t, "extract --image picture lies.parquet", exitFailed, "lies.parquet", "damaged or cut off")
	p.fails(t, "predict t.head.onnx --image picture lies.parquet", exitFailed, "lies.parquet", "damaged or cut off")
	// One that is whole, with more rows than there are.
	rowsLie := bytes.Clone(b.Bytes())
	at := len(rowsLie) - 8 - int(binary.LittleEndian.Uint32(rowsLie[len(rowsLie)-8:]))
	footer := rowsLie[at:]
	zigzag := bytes.Index(footer, []byte{0x16, 2 * 16}) // field 3, 16 rows
	if zigzag < 0 {
		t.Fatal("the footer does not say the number of rows where it is looked for")
	}
	footer[zigzag+1] = 2 * 17
	p.put("rows.parquet", rowsLie)
	p.fails(t, "extract --image picture rows.parquet", exitFailed, "rows.parquet: it is damaged or cut off: footer: 17 rows in all and 16 in its row groups")
}
