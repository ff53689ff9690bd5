package simd

import "testing"

// each runs a test with each set of instructions that this machine has.
func each(t *testing.T, test func(t *testing.T)) { from(t, Portable, test) }

// vectors runs a test with each set of vector instructions.
func vectors(t *testing.T, test func(t *testing.T)) {
	if Most() == Portable {
		t.Skip("this machine has no vector instructions that are known here")
	}
	from(t, AVX2, test)
}

func from(t *testing.T, least Instructions, test func(t *testing.T)) {
	for i := least; i <= Most(); i++ {
		t.Run(i.String(), func(t *testing.T) {
			defer Limit(i)()
			test(t)
		})
	}
}

// A limit lowers what is used, never beyond what the machine has, and goes.
func TestLimit(t *testing.T) {
	if Active() != Most() {
		t.Fatalf("%v is used, the machine has %v", Active(), Most())
	}
	restore := Limit(Portable)
	if Active() != Portable {
		t.Errorf("%v is used below a limit of none", Active())
	}
	Limit(AVX512 + 1)()
	Limit(-1)()
	if Active() != Portable {
		t.Errorf("%v is used after limits that have gone", Active())
	}
	restore()
	if Active() != Most() {
		t.Errorf("%v is used without a limit, the machine has %v", Active(), Most())
	}
	each(t, func(t *testing.T) {
		if t.Name() != "TestLimit/"+Active().String() {
			t.Errorf("%v is used in %s", Active(), t.Name())
		}
	})
}
