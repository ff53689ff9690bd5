package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestATableInAnotherEncoding extracts a table in Latin-1: its rows are bad,
// the run says how many, which is the first and how they are read; read so,
// they are the rows of the same table in UTF-8, and the set knows how it was
// read.
func TestATableInAnotherEncoding(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	var plain, latin, wide bytes.Buffer
	wide.WriteString("\xff\xfe")
	table := "text;label\nplain;a\n"
	for i := range 6 {
		table += fmt.Sprintf("Grüße aus Köln %d;%c\n", i, 'a'+i%2)
	}
	for _, r := range table {
		plain.WriteRune(r)
		latin.WriteByte(byte(r))
		wide.Write([]byte{byte(r), byte(r >> 8)})
	}
	p.put("plain.csv", plain.Bytes())
	p.put("latin.csv", latin.Bytes())
	p.put("wide.csv", wide.Bytes())
	const extract = "extract --backbone ./distilbert "
	p.one(t, extract+"plain.csv").wantNumbers(t, map[string]float64{"samples": 7, "computed": 7, "bad": 0})
	p.one(t, extract+"wide.csv").wantNumbers(t, map[string]float64{"samples": 7, "cached": 7, "bad": 0})

	code, _, stderr := p.try(t, extract+"--json --out bad.features latin.csv")
	const says = "6 of 7 samples are bad (bad.quarantine.jsonl lists them): 6 that are not UTF-8, the first latin.csv:3; with --encoding windows-1252 it reads \"Grüße aus Köln 0\""
	if code != exitBadSamples || !strings.Contains(stderr, says) {
		t.Errorf("exit %d: %s\nwant %s", code, stderr, says)
	}
	p.one(t, extract+"--encoding latin1 latin.csv").wantNumbers(t, map[string]float64{"samples": 7, "cached": 7, "bad": 0})
	p.one(t, "inspect latin.features").wantNumbers(t, map[string]float64{"rows": 7})
	if text := p.do(t, "inspect latin.features --json"); !strings.Contains(text, `"encoding":"latin1"`) {
		t.Errorf("the encoding is not recorded: %s", text)
	}
	p.do(t, "cache verify --recompute 7 latin.features") // reads the table again
	p.fails(t, "extract --encoding latn1 latin.csv", exitUsage, "--encoding latn1: unknown; is it latin1?")
	p.put("unmarked.csv", wide.Bytes()[2:])
	p.fails(t, "extract unmarked.csv", exitFailed, "unmarked.csv: every second byte is zero, as in UTF-16", "say --encoding utf-16le")
}

// TestTablesAsTheyCome extracts tables as spreadsheets and databases write
// them: with other delimiters, without a header, with a broken record, from
// standard input.
func TestTablesAsTheyCome(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	const extract = "extract --backbone ./distilbert --max-bad 1 "
	p.put("excel.csv", []byte("\xef\xbb\xbfsep=;\r\ntext;label\r\na red fox;x\r\na blue owl;y\r\n"))
	p.one(t, extract+"excel.csv").wantNumbers(t, map[string]float64{"samples": 2, "computed": 2})
	p.put("none.csv", []byte("a red fox,x\na blue owl,y\nragged\n"))
	p.one(t, extract+"--no-header --text 1 --label 2 none.csv").wantNumbers(t, map[string]float64{"samples": 3, "cached": 2, "bad": 1})
	p.do(t, "cache verify --recompute 2 none.features")
	p.fails(t, "extract --no-header none.csv", exitFailed, `none.csv: which column is the sample? its first record is 1 "a red fox", 2 "x"; say --text N or --image N`)
	p.put("colon.txt", []byte("text:label\na red fox:x\n"))
	p.one(t, extract+"--delimiter : colon.txt").wantNumbers(t, map[string]float64{"samples": 1, "cached": 1})
	p.fails(t, "extract --delimiter semicolon excel.csv", exitUsage, "--delimiter semicolon: not one character; a tab is written tab")
	quarantine := objects(t, string(p.read("none.quarantine.jsonl")))
	if len(quarantine) != 1 || quarantine[0]["path"] != "none.csv:3" || quarantine[0]["reason"] != "number of fields is 1, the first record's is 2" {
		t.Errorf("quarantine %v", quarantine)
	}
	p.put("train.csv", []byte("text,label\na red fox,x\na blue owl,y\na red cat,x\na blue dog,y\n"))
	p.do(t, "extract --backbone ./distilbert train.csv")
	p.do(t, "train-head train.features --l2 1 --calibrate none --cv 2")
	e, stdout, stderr := testEnv()
	e.stdin = strings.NewReader("a red fox\n")
	if code := run(t.Context(), program(e), []string{"predict", "train.head.onnx", "-"}, e); code != exitDone || !strings.HasPrefix(stdout.String(), "id,label,probability,error\nstdin#1,") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}
