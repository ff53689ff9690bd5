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
}
