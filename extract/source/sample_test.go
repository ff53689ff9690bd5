package source_test

import (
	"bytes"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// A content in memory is read as one in a file is, without a copy and within
// the limit.
func TestBytes(t *testing.T) {
	content := []byte("a text")
	s := source.Bytes("request 7", content)
	if got := describe(s); got != "request 7|||||a text" || s.Path != "request 7" || s.Weight != 1 || s.Weighted {
		t.Errorf("sample %s: %+v", got, s)
	}
	got, info, err := s.ReadInfo(6)
	if err != nil || info != nil || &got[0] != &content[0] {
		t.Errorf("read %q %v %v, want the very bytes", got, info, err)
	}
	if path, info, err := s.Info(); path != "" || info != nil || err != nil {
		t.Errorf("info %q %v %v", path, info, err)
	}
	if _, err := s.Read(5); err == nil || err.Error() != "6 bytes or more, over the limit of 5" {
		t.Errorf("over the limit: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { s.Read(6) }); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
	if got, err := source.Bytes("", nil).Read(0); err != nil || !bytes.Equal(got, nil) {
		t.Errorf("no bytes: %q %v", got, err)
	}
	var none source.Sample
	if _, err := none.Read(9); err == nil {
		t.Error("a sample without content was read")
	}
	if _, _, err := none.Info(); err == nil {
		t.Error("a sample without content has an info")
	}
}
