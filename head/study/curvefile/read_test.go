package curvefile

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/study"
)

func TestRead(t *testing.T) {
	want := []study.Measured{{N: 100, Error: 0.31}, {N: 100, Seed: 1, Error: 0.29}, {N: 200, Error: 0.24}}
	for name, text := range map[string]string{
		"by seed":        "n,error,seed\n100,0.31,0\n100,0.29,1\n200,0.24,0\n",
		"another order":  "seed,n,error\n0,100,0.31\n1,100,0.29\n0,200,0.24",
		"seed by seed":   "n,error,seed\n100,0.31,0\n200,0.24,0\n100,0.29,1\n",
		"Excel's":        "\ufeffN;Error;Seed\r\n100;0.31;0\r\n100;0.29;1\r\n200;0.24;0\r\n",
		"tabs":           "n\terror\tseed\n100\t0.31\t0\n100\t0.29\t1\n200\t.24\t0\n",
		"pandas' floats": "n,error,seed\n100.0,0.31,0.0\n100.0,2.9e-1,1.0\n200.0,0.24,0.0\n",
		"spaces, quotes": "n, error, seed\n100, 0.31, 0\n\n\"100\",0.29,1\n200,0.24,0\n",
	} {
		got, err := Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "seed by seed" {
			got[1], got[2] = got[2], got[1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	got, err := Read(strings.NewReader("n,error\n16,1\n32,0\n"))
	if err != nil || !slices.Equal(got, []study.Measured{{N: 16, Error: 1}, {N: 32}}) {
		t.Errorf("without seeds: %v, %v", got, err)
	}
}

// Each is one sentence with the line of the file.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "line 1: the file is empty"},
		{"no error", "n,accuracy\n1,0.5\n", `line 1: there is no column "error"; it is 1 − accuracy (it has "n", "accuracy")`},
		{"no n", "size,error\n1,0.5\n", `line 1: there is no column "n"`},
		{"no header", "100,0.5\n200,0.4\n", `line 1: there is no column "n", and no header`},
		{"another column", "n,error,learner\n1,0.5,svm\n", `line 1: the column "learner" is none of`},
		{"a column twice", "n,error,n\n1,0.5,2\n", `line 1: there are two columns "n"`},
		{"NaN", "n,error\n100,0.5\n200,nan\n", "line 3: the error is NaN"},
		{"empty", "n,error\n100,\n", "line 2: the error is empty"},
		{"infinite", "n,error\n100,inf\n", "line 2: the error inf is not within 0 and 1"},
		{"per cent", "n,error\n100,12.5\n", "line 2: the error 12.5 is not within 0 and 1; divide percentages by 100"},
		{"below 0", "n,error\n100,-0.5\n", "line 2: the error -0.5 is not within 0 and 1"},
		{"far above", "n,error\n100,1e999\n", "line 2: the error 1e999 is not within 0 and 1"},
		{"decimal comma", "n;error\n100;0,5\n", `line 2: the error "0,5" is no number`},
		{"words", "n,error\n100,low\n", `line 2: the error "low" is no number`},
		{"no samples", "n,error\n0,0.5\n", "line 2: n is 0"},
		{"negative", "n,error\n-5,0.5\n", `line 2: n "-5" is no whole number`},
		{"a fraction", "n,error\n10.5,0.5\n", `line 2: n "10.5" is no whole number`},
		{"huge", "n,error\n99999999999999999999999,0.5\n", "line 2: n 99999999999999999999999 is too large"},
		{"no seed", "n,error,seed\n100,0.5,\n", "line 2: seed is empty"},
		{"seed of words", "n,error,seed\n100,0.5,a\n", `line 2: seed "a" is no whole number`},
		{"twice", "n,error\n100,0.5\n200,0.4\n200,0.3\n", "line 4: n 200 was in line 3 already; what was measured again has another seed"},
		{"seed twice", "n,error,seed\n100,0.5,7\n200,0.4,7\n100,0.3,7\n", "line 4: n 100 with seed 7 was in line 2 already"},
		{"out of order", "n,error\n100,0.5\n400,0.4\n200,0.3\n", "line 4: n is out of order: 200 comes after 400"},
		{"seed out of order", "n,error,seed\n400,0.4,1\n200,0.3,1\n", "line 3: n is out of order: 200 with seed 1 comes after 400"},
		{"a field too many", "n,error\n100,0.5\n200,0.4,7\n", "line 3: it does not have the 2 fields that the header has"},
		{"an open quote", "n,error\n100,0.5\n\"200,0.4\n", "line 3: a quote is not closed"},
		{"a quote inside", "n,error\n1\"00,0.5\n", "line 2: there is a quote inside a field"},
		{"UTF-16", "\xff\xfen\x00", "line 1: the file is UTF-16"},
	} {
		points, err := Read(strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || points != nil {
			t.Errorf("%s: %v, %v; want %s", c.name, points, err, c.want)
		}
		if line := new(LineError); !errors.As(err, &line) {
			t.Errorf("%s: %T", c.name, err)
		}
	}
	if _, err := Read(endless{}); err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("a file without an end: %v", err)
	}
}

// endless is one line of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// FuzzRead checks that what is read is a curve, whatever the file.
func FuzzRead(f *testing.F) {
	f.Add("n,error,seed\n100,0.31,0\n100,0.29,1\n200,0.24,0\n")
	f.Fuzz(func(t *testing.T, text string) {
		points, err := Read(strings.NewReader(text))
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Fatalf("a long error: %v", err)
			}
			return
		}
		for _, p := range points {
			if p.N < 1 || math.IsNaN(p.Error) || p.Error < 0 || p.Error > 1 {
				t.Fatalf("%+v", p)
			}
		}
		if lines := strings.Count(text, "\n") + strings.Count(text, "\r"); len(points) > lines+1 {
			t.Fatalf("%d points of %d lines", len(points), lines)
		}
		if _, err := study.Extrapolate(points, nil); err != nil {
			short, narrow := new(study.ShortError), new(study.NarrowError)
			if !errors.As(err, &short) && !errors.As(err, &narrow) {
				t.Fatal(err) // the reader lets nothing else through
			}
		}
	})
}
