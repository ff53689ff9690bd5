package source_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// A record that cannot be read is one bad sample, which says where and why, and
// no record beside it is lost.
func TestABadRecordIsOneBadSample(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	const stray = "holds a quote that is not doubled; a field that holds a quote stands in quotes, its own quotes doubled"
	const unclosed = "is not closed"
	const seems = "seems not to be closed: the lines behind it are records"
	for _, c := range []struct {
		name, table string
		want        []string // LINE id label text
	}{
		{"too few fields", "text,label\na,x\nb\nc,z\n", []string{"2 t#1|x||||a", "3 t#2|||||BAD number of fields is 1, the header's is 2", "4 t#3|z||||c"}},
		{"too many fields", "text,label\na,x,y\nc,z\n", []string{"2 t#1|||||BAD number of fields is 3, the header's is 2", "3 t#2|z||||c"}},
		{"too many behind those that are read", "text,label,n,m\na,x,1,2,3\nb,y,1\nc,z,\"1\",\n", []string{"2 t#1|||||BAD number of fields is 5, the header's is 4", "3 t#2|||||BAD number of fields is 3, the header's is 4", "4 t#3|z||||c"}},
		{"a bare quote is one", "text,label\n5\" disk,x\na \"b\" c,y\nd\"\"e\",z\n", []string{"2 t#1|x||||5\" disk", "3 t#2|y||||a \"b\" c", "4 t#3|z||||d\"\"e\""}},
		{"quotes that are not doubled", "text,label\n\"he said \"hi\" to me\",x\nb,y\n", []string{"2 t#1|||||BAD field 1 (line 2) " + stray, "3 t#2|y||||b"}},
		{"the same over lines", "text,label\n\"one\ntwo \"three\" four\nfive\",x\nb,y\n", []string{"2 t#1|||||BAD field 1 (line 2) " + stray, "5 t#2|y||||b"}},
		{"a quote behind the field", "text,label\n\"a\"b,x\nb,y\n", []string{"2 t#1|||||BAD field 1 (line 2) " + stray, "3 t#2|y||||b"}},
		{"one that is not closed", "text,label\na,x\n\"b,y\nc,z\nd,z\n", []string{"2 t#1|x||||a", "3 t#2|||||BAD the quote that opens field 1 (line 3) " + unclosed, "4 t#3|z||||c", "5 t#4|z||||d"}},
		{"one in the last line", "text,label\na,x\nb,\"y", []string{"2 t#1|x||||a", "3 t#2|||||BAD the quote that opens field 2 (line 3) " + unclosed}},
		{"a table that is cut", "text,label\na,x\n\"b\nno record\nnor, any, of, these", []string{"2 t#1|x||||a", "3 t#2|||||BAD the quote that opens field 1 (line 3) " + unclosed}},
		{"one before a quoted field", "text,label\n\"a,x\nb,y\n\"c\",z\nd,z\n", []string{"2 t#1|||||BAD field 1 (line 2) " + stray, "3 t#2|y||||b", "4 t#3|z||||c", "5 t#4|z||||d"}},
		{"one before a quoted label", "text,label\n\"a,x\nb,\"y\"\nc,z\n", []string{"2 t#1|||||BAD field 1 (line 2) " + stray, "3 t#2|y||||b", "4 t#3|z||||c"}},
		{"one that another closes too late", "text,n,label\na,\"1,x\nb,2,y\nc,3,z\nd 5\",4,z\ne,5,z\n",
			[]string{"2 t#1|||||BAD the quote that opens field 2 (line 2) " + seems, "3 t#2|y||||b", "4 t#3|z||||c", "5 t#4|z||||d 5\"", "6 t#5|z||||e"}},
		{"one that a bare quote would close", "text,label\n\"a,x\nb,y\nc,z\nthe \"big\", z\nd,z\n",
			[]string{"2 t#1|||||BAD the quote that opens field 1 (line 2) " + seems, "3 t#2|y||||b", "4 t#3|z||||c", "5 t#4| z||||the \"big\"", "6 t#5|z||||d"}},
		{"line breaks are no fault", "text,label\n\"a\nb, c\nd\",x\n", []string{"2 t#1|x||||a\nb, c\nd"}},
		{"one that is not closed for long", "text,label\n\"a,x\n" + strings.Repeat("b,y\n", 300000), []string{"2 t#1|||||BAD the quote that opens field 1 (line 2) " + unclosed}},
		{"a long line", "text,label\na,x\n" + long + ",y\nc,z\n", []string{"2 t#1|x||||a", "3 t#2|||||BAD longer than 1 MiB; is a quote missing?", "4 t#3|z||||c"}},
		{"a long last line", "text,label\na,x\n" + long + long + "y", []string{"2 t#1|x||||a", "3 t#2|||||BAD longer than 1 MiB; is a quote missing?"}},
		{"a long line with an open quote", "text,label\n\"" + long + ",y\nc,z\n", []string{"2 t#1|||||BAD the quote that opens field 1 (line 2) " + unclosed, "3 t#2|z||||c"}},
		{"a split", "text,split\na,train\nb,Train\nc,test\n", []string{"2 t#1||train|||a", `3 t#2|||||BAD split "Train" in column "split"; splits are train · val, valid, validation, dev · test`, "4 t#3||test|||c"}},
		{"weights", "text,weight\na,-1\nb,NaN\nc,1e999\nd,\"0,5\"\ne,2\n", []string{`2 t#1|||||BAD weight "-1" in column "weight"; a weight is a finite number, with a decimal point, and not negative`,
			`3 t#2|||||BAD weight "NaN" in column "weight"; a weight is a finite number, with a decimal point, and not negative`, `4 t#3|||||BAD weight "1e999" in column "weight"; a weight is a finite number, with a decimal point, and not negative`,
			`5 t#4|||||BAD weight "0,5" in column "weight"; a weight is a finite number, with a decimal point, and not negative`, "6 t#5||||2|e"}},
		{"ids", "text,id\na,\nb,b\nc," + long[:4097] + "\nd,\xff\n", []string{`2 t#1|||||BAD an empty id in column "id"`, "3 b|||||b",
			`4 t#3|||||BAD "` + long[:40] + `"… in column "id" has 4097 bytes, over the limit of 4096`, `5 t#4|||||BAD 0xff in column "id" is not UTF-8 (byte 1); as windows-1252 it reads "ÿ"`}},
		{"the id of a bad one is kept", "text,id,weight\na,seven,x\n", []string{`2 seven|||||BAD weight "x" in column "weight"; a weight is a finite number, with a decimal point, and not negative`}},
		{"columns of one name that have no role", "text,n,n,label,n\na,1,2,x,3\n", []string{"2 t#1|x||||a"}},
		{"zero bytes", "text,label\na\x00b,x\nb,y\x00\nc,z\n", []string{"2 t#1|x||||BAD it holds a zero byte (byte 2), so it is no text", `3 t#2|||||BAD a zero byte in column "label" (byte 2), so it is no text`, "4 t#3|z||||c"}},
	} {
		opts := &source.Options{Format: "csv", Stdin: strings.NewReader(c.table)}
		samples, err := read(t, opts, "-")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for i, s := range samples {
			if i == 10 {
				break
			}
			line := s.Path[strings.IndexByte(s.Path, ':')+1:]
			got = append(got, line+" "+strings.ReplaceAll(describe(s), "stdin#", "t#"))
		}
		if c.name == "one that is not closed for long" {
			if len(samples) != 300001 || got[1] != "3 t#2|y||||b" {
				t.Errorf("%s: %d samples, the second %s", c.name, len(samples), got[1])
			}
			got = got[:1]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n  %s\nwant\n  %s", c.name, strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

// What stands in a table is read whichever way its lines end, and whatever
// stands between its fields.
func TestTablesOfAnyDelimiter(t *testing.T) {
	rows := []string{"text;label;n", "\"one; two\nthree\";x;1", "\"say \"\"hi\"\"\";y;2", "", "ünï, c;\"\";3"}
	want := []string{"t#1|x||||one; two\nthree", "t#2|y||||say \"hi\"", "t#3|||||ünï, c"}
	for _, end := range []string{"\n", "\r\n", "\r"} {
		for _, d := range []string{",", ";", "\t", "|", ":", "§", " "} {
			table := strings.ReplaceAll(strings.Join(rows, end)+end, ";", d)
			if d == "," || d == " " || d == ":" {
				table = strings.ReplaceAll(table, "ünï, c", "\"ünï, c\"")
			}
			exp := slices.Clone(want)
			exp[0] = strings.ReplaceAll(exp[0], ";", d)
			for _, bom := range []string{"", "\xef\xbb\xbf"} {
				for _, mark := range []string{"", "sep=" + d + end} {
					if mark != "" && end == "\r" {
						continue
					}
					for _, o := range []source.Options{{}, {Delimiter: d}, {Format: "tsv"}} {
						if o.Delimiter == "" && mark == "" && !strings.Contains(",;\t|", d) {
							continue // that is not told by content
						}
						if o.Delimiter == "\t" {
							o.Delimiter = "tab"
						}
						for _, name := range []string{"t.csv", "t.tsv", "t.dat"} {
							if name == "t.dat" && d != "," && d != ";" && d != "\t" && d != "|" {
								continue
							}
							samples, err := read(t, &o, file(t, name, bom+mark+table))
							if err != nil {
								t.Fatalf("%q %q %+v %s: %v", d, end, o, name, err)
							}
							var got []string
							for _, s := range samples {
								got = append(got, describe(s))
							}
							if !slices.Equal(got, exp) {
								t.Fatalf("%q %q %+v %s: %q, want %q", d, end, o, name, got, exp)
							}
						}
					}
				}
			}
		}
	}
}

// What separates fields is told by the columns of the header that are known,
// and then by how regular the records are.
func TestTheDelimiterIsTold(t *testing.T) {
	for _, c := range []struct {
		name, content string
		opts          source.Options
		want          string // the samples, or what the error says
	}{
		{"t.csv", "text;label\na;b\n", source.Options{}, "t#1|b||||a"},
		{"t.csv", "text;note,label\na;x,b\n", source.Options{}, "t#1|||||a"},
		{"t.csv", "text,a;label\na,b;c\n", source.Options{}, "t#1|||||a"},
		{"t.csv", "text\na;b\n", source.Options{}, "t#1|||||a;b"},
		{"t.csv", "\"text;label\",label\n\"a;b\",c\n", source.Options{Text: "text;label"}, "t#1|c||||a;b"},
		{"t.csv", "name;price\nfox;1,5\nowl;2,5\n", source.Options{Text: "name"}, "t#1|||||fox, t#2|||||owl"},
		{"t.csv", "name;price\nfox;1,5\nowl;2,5\n", source.Options{}, `which column is the sample? its columns are "name", "price"`},
		{"t.csv", "name;price\nfox;1,5\nowl;2,5\n", source.Options{Delimiter: ","}, `its one column is "name;price", so commas do not seem to be what separates columns`},
		{"t.tsv", "text,label\na,b\n", source.Options{}, "t#1|b||||a"},
		{"t.txt", "text, label\na, b\n", source.Options{}, "t#1|||||text, label, t#2|||||a, b"},
		{"t.txt", "text,label\na,b\n", source.Options{}, "t#1|||||text,label, t#2|||||a,b"},
		{"t.txt", "text,label\na,b\n", source.Options{Delimiter: ","}, "t#1|b||||a"},
		{"t.txt", "text\tlabel\na\tb\n", source.Options{}, "t#1|b||||a"},
		{"t.txt", "text\tlabel\na, b\n", source.Options{}, "t#1|||||text\tlabel, t#2|||||a, b"},
		{"t.dat", "text|label\na|b\n", source.Options{}, "t#1|b||||a"},
		{"t.dat", "name|label\na|b\n", source.Options{Text: "name"}, "t#1|b||||a"},
		{"t.dat", "name|label\na|b\n", source.Options{}, "neither name nor content say whether it is a table or lines of text"},
		{"t.csv", "text;label\na;b\n", source.Options{Delimiter: "semicolon"}, `delimiter "semicolon": not one character; a tab is written tab`},
		{"t.csv", "text;label\na;b\n", source.Options{Delimiter: `"`}, `delimiter "\"": it separates no fields`},
		{"t.txt", "a\n", source.Options{Format: "lines", Delimiter: ";"}, "no table of text, so it has no delimiter and no header"},
	} {
		samples, err := read(t, &c.opts, file(t, c.name, c.content))
		var got []string
		for _, s := range samples {
			got = append(got, describe(s))
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if all := strings.Join(got, ", "); all != c.want && (err == nil || !strings.Contains(all, c.want)) {
			t.Errorf("%s %q %+v: %s, want %s", c.name, c.content, c.opts, all, c.want)
		}
	}
}

// A table without a header has columns that are numbered.
func TestTablesWithoutAHeader(t *testing.T) {
	const content = "fox,mammal,7\nwren,\"bird\",8\nant\nbee,insect,9\n"
	want := []string{"t#1|mammal||||fox", "t#2|bird||||wren", "t#3|||||BAD number of fields is 1, the first record's is 3", "t#4|insect||||bee"}
	for _, d := range []string{",", ";", "\t"} {
		for _, name := range []string{"t.csv", "t.txt", "t.dat", "t.tsv"} {
			samples, err := read(t, &source.Options{NoHeader: true, Text: "1", Label: "2"}, file(t, name, strings.ReplaceAll(content, ",", d)))
			if err != nil {
				t.Fatalf("%s %q: %v", name, d, err)
			}
			if d == "," {
				check(t, samples, want...)
			} else if len(samples) != 4 || describe(samples[1]) != want[1] {
				t.Errorf("%s %q: %d samples, %s", name, d, len(samples), describe(samples[1]))
			}
			if samples[3].Path != name+":4" {
				t.Errorf("path %s", samples[3].Path)
			}
		}
	}
	path := file(t, "t.csv", content)
	_, err := read(t, &source.Options{NoHeader: true}, path)
	fails(t, err, path, `which column is the sample? its first record is 1 "fox", 2 "mammal", 3 "7"`)
	_, err = read(t, &source.Options{NoHeader: true, Text: "name"}, path)
	fails(t, err, path, `no column "name"; its first record is 1 "fox"`)
	_, err = read(t, &source.Options{NoHeader: true, Text: "4"}, path)
	fails(t, err, path, `no column "4"`)
}

// One line on the standard input is a text; more than one may be anything.
func TestOneLineOfText(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"nice day\n", "stdin#1|||||nice day"}, {"nice day", "stdin#1|||||nice day"}, {"a, b, c\n", "stdin#1|||||a, b, c"}, {"naïve\r\n", "stdin#1|||||naïve"},
		{"\xff\xfea\x00b\x00", "stdin#1|||||ab"}, {strings.Repeat("x", 70000), "stdin#1|||||" + strings.Repeat("x", 70000)}, {strings.Repeat("x", 511) + "\n", "stdin#1|||||" + strings.Repeat("x", 511)},
		{"one\ntwo\n", "neither name nor content"}, {strings.Repeat("x", 511) + "\ny", "neither name nor content"}, {"text\n", "only a header"}, {"", "it is empty"}, {"\n", "neither name nor content"},
	} {
		samples, err := read(t, &source.Options{Stdin: strings.NewReader(c.content)}, "-")
		got := fmt.Sprint(err)
		if err == nil {
			got = describe(samples[0])
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%.40q: %.80s, want %.80s", c.content, got, c.want)
		}
	}
}

// zeros are zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// What has no end and no line ends is an error, in bounded memory.
func TestSourcesWithoutEnd(t *testing.T) {
	for _, c := range []struct{ format, says string }{
		{"csv", "standard input: header (line 1): longer than 1 MiB"},
		{"lines", "standard input: line 1: longer than 2 GiB, so it is no text"},
		{"auto", "standard input: it is neither an image nor text"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(t, &source.Options{Format: c.format, Stdin: zeros{}}, "-")
		runtime.ReadMemStats(&after)
		fails(t, err, c.says)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("%s: %d bytes are allocated", c.format, n)
		}
	}
}
