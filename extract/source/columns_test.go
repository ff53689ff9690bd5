package source_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/extract/source"
)

// A table of each format says the same of its samples: numbers as labels,
// weights, splits and groups by the names of columns that options give or that
// are the usual ones, several labels, and what is none.
func TestColumnsOfEveryTable(t *testing.T) {
	type row struct {
		Key    string   `parquet:"key,optional"`
		Words  string   `parquet:"words"`
		Stars  *int64   `parquet:"stars,optional"`
		Part   string   `parquet:"part,optional"`
		Author string   `parquet:"author,optional"`
		W      *float64 `parquet:"w,optional"`
		Tags   []string `parquet:"tags,optional,list"`
		Score  *float64 `parquet:"score,optional"`
	}
	of := func(n int64, w, score float64) (*int64, *float64, *float64) { return &n, &w, &score }
	var rows []row
	add := func(key, words, part, author string, tags []string, stars *int64, w, score *float64) {
		rows = append(rows, row{key, words, stars, part, author, w, tags, score})
	}
	stars, w, score := of(5, 0.25, 1.5)
	add("a", "one", "train", "ann", []string{"x", "y"}, stars, w, score)
	stars, w, score = of(-1, 2, 3.5)
	add("b", "two", "dev", "", []string{}, stars, w, score)
	add("c", "three", "", "bob", nil, nil, nil, nil)
	stars, w, _ = of(1, -1.5, 0)
	add("d", "four", "test", "bob", []string{"y"}, stars, w, nil)

	var columnar bytes.Buffer
	if err := parquet.Write(&columnar, rows); err != nil {
		t.Fatal(err)
	}
	commas := `key,words,stars,part,author,w,tags,score
a,one,5,train,ann,0.25,x;y,1.5
b,two,-1,dev,,2,[],3.5
c,three,,,bob,,,
d,four,1,test,bob,-1.5,y,
`
	const object = `{"key":%q,"words":%q,"stars":%s,"part":%s,"author":%s,"w":%s,"tags":%s,"score":%s}`
	lines := fmt.Sprintf(strings.Repeat(object+"\n", 4),
		"a", "one", "5", `"train"`, `"ann"`, "0.25", `["x","y"]`, "1.5", "b", "two", "-1", `"dev"`, `""`, "2", "[]", "3.5",
		"c", "three", "null", "null", `"bob"`, "null", "null", "null", "d", "four", "1", `"test"`, `"bob"`, "-1.5", `"y"`, "null")
	usual := strings.NewReplacer("key", "id", "words", "text", "stars", "label", "part", "split", "author", "group")
	for name, content := range map[string]string{
		"t.csv": commas, "t.tsv": strings.ReplaceAll(commas, ",", "\t"), "bars.csv": strings.ReplaceAll(commas, ",", "|"),
		"t.jsonl": lines, "t.json": "[" + strings.ReplaceAll(strings.TrimSpace(lines), "\n", ",") + "]", "t.parquet": columnar.String(),
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, name, content)
			named := source.Options{ID: "key", Text: "words", Label: "stars", Split: "part", Group: "author", Weight: "w"}
			want := []string{
				"a|5|train|ann|0.25|one", "b|-1|validation||2|two", "c|||bob||three",
				`d|1|test|bob||BAD weight "-1.5" in column "w"; a weight is a finite number, with a decimal point, and not negative`,
			}
			samples, err := read(t, &named, path)
			if err != nil {
				t.Fatal(err)
			}
			check(t, samples, want...)
			if !strings.HasSuffix(name, ".parquet") { // whose columns were named when it was written
				heads := usual.Replace(content)
				heads = strings.NewReplacer(",w,", ",weight,", "\tw\t", "\tweight\t", "|w|", "|weight|", `"w"`, `"weight"`).Replace(heads)
				if samples, err = read(t, nil, file(t, name, heads)); err != nil {
					t.Fatal(err)
				}
				want[3] = strings.Replace(want[3], `column "w"`, `column "weight"`, 1)
				check(t, samples, want...)
			}
			scores := named
			scores.Label, scores.Weight, scores.With = "score", "", []string{"score", "stars"}
			if samples, err = read(t, &scores, path); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range samples {
				got = append(got, s.Label+" "+strings.Join(s.With, ","))
			}
			if want := "1.5 1.5,5|3.5 3.5,-1| ,| ,1"; strings.Join(got, "|") != want {
				t.Errorf("numbers as labels: %q", got)
			}
			several := named
			several.Label, several.Weight, several.MultiLabel = "tags", "", true
			if samples, err = read(t, &several, path); err != nil {
				t.Fatal(err)
			}
			got = got[:0]
			for _, s := range samples {
				got = append(got, fmt.Sprintf("%q %t %s", s.Labels, s.Labels == nil, s.Label))
			}
			if want := `["x" "y"] false |[] false |[] true |["y"] false `; strings.Join(got, "|") != want {
				t.Errorf("several labels: %q", got)
			}
		})
	}
}
