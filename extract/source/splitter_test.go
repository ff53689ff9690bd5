package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// split is what a splitter makes of a table, its first record being the header.
func split(in io.Reader, delimiter string, lone bool, limit int) (records []string, err error) {
	s := newSplitter(in, delimiter, lone)
	s.limit, s.skipped, s.whose = limit, 10*limit, "the header's"
	line, bad, err := s.next()
	for n := 0; err == nil; n++ {
		switch {
		case bad != nil && n == 0:
			return nil, bad
		case bad != nil:
			records = append(records, fmt.Sprintf("%d: %v", line, bad))
		default:
			records = append(records, fmt.Sprintf("%d: %q", line, s.taken))
		}
		if n == 0 {
			all := make([]int, len(s.taken))
			for i := range all {
				all[i] = i
			}
			s.take(len(all), all)
		}
		line, bad, err = s.next()
	}
	if err == io.EOF {
		err = nil
	}
	return records, err
}

// What encoding/csv reads is split as it does; all else ends, in the same way
// however the bytes come, and each line is in one record.
func FuzzSplitter(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a\n\"x\"\"y\"\n\"\r\n\"\n", "a,b\n\"1\",\"2\n\n3\"\n", "a,b\n\"1,2\n3,4\n", "a,b\n1\n2,3,4\n5,6", "a;b\r\n\"x\"y;z\r\n\"u;v\r\nw;\"x\"\r\n",
		"a,b\n\"1,x\n2,y\n3,z\n4\",z\n", "a\r\"b\rc\"\r", "a,b\n" + strings.Repeat("x", 300) + ",y\n1,2\n", "\r\n\n a , b \n\"\",\n", "a,b\n\"he \"said\" it\",1\n\"\n",
	} {
		f.Add([]byte(seed), byte(','), false)
		f.Add([]byte(seed), byte(';'), true)
	}
	f.Fuzz(func(t *testing.T, content []byte, delimiter byte, lone bool) {
		d := string(rune(delimiter))
		if _, err := delimiterOf(d); err != nil {
			return
		}
		const limit = 200
		got, err := split(bytes.NewReader(content), d, lone, limit)
		for name, in := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(content)), "by halves": iotest.HalfReader(bytes.NewReader(content)),
			"with its end": iotest.DataErrReader(bytes.NewReader(content)), "buffered": bufio.NewReaderSize(bytes.NewReader(content), 16),
		} {
			again, err2 := split(in, d, lone, limit)
			if !slices.Equal(got, again) || fmt.Sprint(err) != fmt.Sprint(err2) {
				t.Fatalf("%s: %q, %v; at once: %q, %v", name, again, err2, got, err)
			}
		}
		lines := bytes.Count(content, []byte("\n"))
		if lone {
			lines += bytes.Count(content, []byte("\r"))
		}
		if len(got) > lines+1 {
			t.Fatalf("%d records in %d lines", len(got), lines)
		}
		if lone || len(content) > limit {
			return
		}
		r := csv.NewReader(bytes.NewReader(content))
		r.Comma = rune(delimiter)
		var want []string
		for {
			fields, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			line, _ := r.FieldPos(0)
			want = append(want, fmt.Sprintf("%d: %q", line, fields))
		}
		if !slices.Equal(got, want) || err != nil {
			t.Fatalf("%q: %q, %v; want %q", content, got, err, want)
		}
	})
}

// endless gives n bytes of one kind, without keeping them.
type endless struct {
	text byte
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.n)
	if e.n -= n; n > 0 {
		p[0] = e.text
	}
	for k := 1; k < n; k *= 2 {
		copy(p[k:n], p[:k])
	}
	return n, nil
}

// A line of a gigabyte is one bad record that takes no memory, with an open
// quote or without, and one without end is an error.
func TestLongLinesTakeNoMemory(t *testing.T) {
	const length = 1 << 30
	for _, begin := range []string{"", "\"", "x,\""} {
		in := io.MultiReader(strings.NewReader("text,label\na,x\n"+begin), &endless{'w', length}, strings.NewReader("\nb,y\n"))
		s := newSplitter(in, ",", false)
		s.whose = "the header's"
		if _, bad, err := s.next(); bad != nil || err != nil {
			t.Fatal(bad, err)
		}
		s.take(2, []int{0, 1})
		var got []string
		for {
			line, bad, err := s.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(line, " ", bad))
		}
		reason := errLong.Error()
		if begin != "" {
			reason = fmt.Sprintf("the quote that opens field %d (line 3) is not closed", 1+strings.Count(begin, ","))
		}
		if want := []string{"2 <nil>", "3 " + reason, "4 <nil>"}; !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", begin, got, want)
		}
		if cap(s.buf) > 4<<20 {
			t.Errorf("%q: %d bytes are held", begin, cap(s.buf))
		}
	}
	s := newSplitter(io.MultiReader(strings.NewReader("a,b\n"), &endless{0, 1 << 40}), ",", false)
	if _, bad, err := s.next(); bad != nil || err != nil {
		t.Fatal(bad, err)
	}
	s.take(2, []int{0})
	if line, _, err := s.next(); err != errEndless || line != 2 {
		t.Errorf("zeros without end: line %d, %v", line, err)
	}
}

// A million columns are read, a record that has them all too, and only what is
// looked at is kept.
func TestAMillionColumns(t *testing.T) {
	const columns = 1_000_000
	row := "text" + strings.Repeat(",", columns-1) + "\n"
	s := newSplitter(strings.NewReader(row+"a"+row[4:]+"b\n"), ",", false)
	if _, bad, err := s.next(); bad != nil || err != nil || len(s.taken) != columns {
		t.Fatal(bad, err, len(s.taken))
	}
	s.whose = "the header's"
	s.take(columns, []int{0, columns - 1})
	if _, bad, err := s.next(); bad != nil || err != nil || string(s.taken[0]) != "a" || len(s.taken) != 2 {
		t.Fatal(bad, err, len(s.taken))
	}
	if _, bad, err := s.next(); bad == nil || bad.Error() != "number of fields is 1, the header's is 1000000" || err != nil {
		t.Fatal(bad, err)
	}
}

// Quotes that are not closed in many lines take no time that grows faster than
// the table: the bytes that are looked at are counted.
func TestDamagedTablesAreReadInOneGo(t *testing.T) {
	for _, line := range []string{"\"a\"b,c\n", "\"a,b\n", "\"\"\"a\"b\n", "a,\"b\nc,d\n", "\"x\" \"y\n", "\"a\"\"\n", "\"a\n\"\",b\n", "\"a\" b\nc\"d\n", "\"a\",\"\nb,\"\"\"\"\n", "a,\"b\"\"c\n"} {
		const n = 20000
		s := newSplitter(strings.NewReader("a,b\n"+strings.Repeat(line, n)), ",", false)
		s.whose = "the header's"
		if _, bad, err := s.next(); bad != nil || err != nil {
			t.Fatal(bad, err)
		}
		s.take(2, []int{0, 1})
		records := 0
		for {
			if _, _, err := s.next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			records++
		}
		if length := uint(n * len(line)); s.looked > 20*length {
			t.Errorf("%q: for %d records %d times the table is looked at", line, records, s.looked/length)
		}
	}
}

// BenchmarkSplitter beside encoding/csv: a million records of four fields, of
// which all, or two, are taken.
func BenchmarkSplitter(b *testing.B) {
	const n = 1_000_000
	var plain, quoted strings.Builder
	for i := range n {
		fmt.Fprintf(&plain, "sample-%08d,some short text of a few words %d,class %d,group %d\n", i, i, i%10, i/20)
		fmt.Fprintf(&quoted, "sample-%08d,\"some short text, of a \"\"few\"\" words %d\",class %d,group %d\n", i, i, i%10, i/20)
	}
	for name, table := range map[string]string{"plain": plain.String(), "quoted": quoted.String()} {
		for _, chosen := range [][]int{{0, 1, 2, 3}, {1, 2}} {
			b.Run(fmt.Sprintf("%s/%d", name, len(chosen)), func(b *testing.B) {
				b.SetBytes(int64(len(table)))
				for b.Loop() {
					s := newSplitter(strings.NewReader(table), ",", false)
					s.take(4, chosen)
					k := 0
					for {
						if _, bad, err := s.next(); err != nil {
							break
						} else if bad != nil {
							b.Fatal(bad)
						}
						k++
					}
					if k != n {
						b.Fatal(k)
					}
				}
			})
		}
		b.Run(name+"/encoding_csv", func(b *testing.B) {
			b.SetBytes(int64(len(table)))
			for b.Loop() {
				r := csv.NewReader(strings.NewReader(table))
				r.ReuseRecord = true
				k := 0
				for {
					if _, err := r.Read(); err != nil {
						break
					}
					k++
				}
				if k != n {
					b.Fatal(k)
				}
			}
		})
	}
}
