package numpy_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/models/tensor"
)

// A header is the one that NumPy 2.x's numpy.save writes.
func TestHeader(t *testing.T) {
	for _, test := range []struct {
		descr  string
		shape  []int64
		length int
		text   string
	}{
		{"<f4", []int64{0, 1}, 118, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1), }"},
		{"<f4", []int64{120, 384}, 118, "{'descr': '<f4', 'fortran_order': False, 'shape': (120, 384), }"},
		{"<f4", []int64{12345678901234, 1234567890123456}, 118, "{'descr': '<f4', 'fortran_order': False, 'shape': (12345678901234, 1234567890123456), }"},
		{"<i8", []int64{7}, 118, "{'descr': '<i8', 'fortran_order': False, 'shape': (7,), }"},
		{"<f4", []int64{1, 3, 224, 224}, 118, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }"},
	} {
		want := "\x93NUMPY\x01\x00" + string([]byte{byte(test.length), 0}) + test.text + strings.Repeat(" ", test.length-1-len(test.text)) + "\n"
		if got := numpy.Header(test.descr, test.shape...); string(got) != want {
			t.Errorf("%v: %q, want %q", test.shape, got, want)
		}
	}
}

// The same arrays are the same bytes, which numpy.load reads as arrays of these
// names, types, shapes and values:
//
//	{k: (v.dtype, v.shape, v.ravel().tolist()) for k, v in numpy.load("x.npz").items()}
func TestNPZ(t *testing.T) {
	arrays := []tensor.View{
		{Name: "pixel_values", Shape: []int64{1, 2, 1}, F32: []float32{1.5, -2}},
		{Name: "ids", Shape: []int64{1, 3}, I64: []int64{1, -2, 1 << 40}},
		{Name: "types:0", Shape: []int64{2}, I32: []int32{-1, 7}},
	}
	var b bytes.Buffer
	if err := numpy.WriteNPZ(&b, arrays, "made by a test"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(b.Bytes())); got != npzSHA256 {
		t.Errorf("the file has the digest %s", got)
	}
	for _, bad := range []tensor.View{{Name: "a"}, {Name: "a", Shape: []int64{2}, F32: []float32{1}}} {
		if err := numpy.WriteNPZ(&b, []tensor.View{bad}, ""); err == nil || !strings.Contains(err.Error(), "array a") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := numpy.WriteNPZ(&b, nil, strings.Repeat("x", 1<<16)); err == nil {
		t.Error("a comment of 64 KiB was written")
	}
}

// npzSHA256 is the digest of a file that numpy 2.x has read as the test says.
const npzSHA256 = "62babed6f7657a2a7ff380aff9d6d7b2cf6a329a297ed90b2f1c9bc70db2e092"
