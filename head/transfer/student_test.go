package transfer

import (
	"testing"

	"github.com/headstart-ml/headstart/head/study"
)

// asked is a Student of depths, with replicas, whose depths are by name.
func asked(t *testing.T, d *Data, replicas int, depths ...string) (print string, all map[string]study.Depth) {
	t.Helper()
	s, err := NewStudent(d, &Settings{Threads: 2, Replicas: replicas}, depths)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if print, err = s.Fingerprint(); err != nil {
		t.Fatal(err)
	}
	all = map[string]study.Depth{}
	for _, one := range s.Depths() {
		all[one.Name] = one
	}
	return print, all
}

// Notes are shared by studies of other depths; those of tails alone go by how
// these are trained.
func TestNotesDoNotDependOnTheDepths(t *testing.T) {
	d := extracted(t, "convnext")
	print, one := asked(t, d, 0, "head")
	same, several := asked(t, d, 1, "taps", "last:1", "all")
	again, shared := asked(t, d, 2, "head", "taps", "last:1")
	if print != same || print != again {
		t.Errorf("fingerprints %.8s, %.8s and %.8s", print, same, again)
	}
	if one["head"].Settings != several["head"].Settings || several["taps"].Settings != shared["taps"].Settings || several["taps"].Settings == "" {
		t.Error("notes of heads depend on more than heads do")
	}
	if a, b, c := several["last:1"].Settings, shared["last:1"].Settings, several["all"].Settings; a == b || a == c || a == "" {
		t.Errorf("settings of tails: %.8s, with replicas %.8s, of all layers %.8s", a, b, c)
	}
}

// What the layers before a cut take, once, is part of the estimate: of all but
// the head and all layers, before which there is nothing. What a cache holds
// changes no estimate.
func TestFrozenLayersAreEstimated(t *testing.T) {
	d := extracted(t, "convnext")
	_, all := asked(t, d, 0, "taps", "last:1", "half", "all")
	if all["head"].Once != 0 || all["all"].Once != 0 {
		t.Errorf("head %v, all %v", all["head"].Once, all["all"].Once)
	}
	if taps, last, half := all["taps"].Once, all["last:1"].Once, all["half"].Once; !(taps >= last && last > half && half > 0) {
		t.Errorf("taps %v, last:1 %v, half %v", taps, last, half)
	}
	l := opened(t, d, quick(t, "last:1"))
	if err := l.fill(t.Context(), l.Ways()); err != nil {
		t.Fatal(err)
	}
	if _, filled := asked(t, d, 0, "taps", "last:1", "half", "all"); filled["last:1"] != all["last:1"] {
		t.Errorf("%+v with a full cache, %+v without", filled["last:1"], all["last:1"])
	}

	// Texts have no fixed length: what memory cannot hold is computed again.
	texts := extracted(t, "distilbert")
	s, err := NewStudent(texts, &Settings{Threads: 2, Memory: 1 << 12}, []string{"last:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	roomy, err := NewStudent(texts, &Settings{Threads: 2}, []string{"last:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer roomy.Close()
	little, much := s.Depths()[1], roomy.Depths()[1]
	if !(little.Once < much.Once) || !(s.Cost(&little, 100, 20) > roomy.Cost(&much, 100, 20)) {
		t.Errorf("with little memory %v, and %v a lesson; with much %v and %v", little.Once, s.Cost(&little, 100, 20), much.Once, roomy.Cost(&much, 100, 20))
	}
}
