package main

import "testing"

// Where a source does not say how it is to be read, the error says with which
// flags it is said.
func TestUnsettledSourcesNameTheFlags(t *testing.T) {
	p := newPlace(t)
	p.put("words", []byte("one two\n"))
	p.put("both.csv", []byte("image,text\na,b\n"))
	p.put("names.csv", []byte("name,label\na,b\n"))
	p.fails(t, "extract words", exitFailed, "source: words: neither name nor content say whether it is a table or lines of text; say --format csv, tsv or lines")
	p.fails(t, "extract both.csv", exitFailed, "source: both.csv: it has a column image and a column text", "say --image COL or --text COL")
	p.fails(t, "extract names.csv", exitFailed, `source: names.csv: which column is the sample? its columns are "name", "label"; say --image COL or --text COL`)
}

// A tap that is not there is no mystery: a command lists those that are.
func TestATapThatIsNotThereNamesTheCommand(t *testing.T) {
	p := newPlace(t)
	p.put("texts.txt", []byte("a red apple\n"))
	p.fails(t, "extract texts.txt --tap nosuch:mean", exitFailed, `tap nosuch:mean: no node makes a tensor "nosuch"; headstart inspect all-minilm-l6-v2 lists them`)
}
