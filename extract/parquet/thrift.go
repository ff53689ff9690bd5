package parquet

import (
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
)

// limit counts the entries of lists. Thrift's decoder believes what lists claim
// to hold and allocates it, so that what it is given is walked through before.
type limit struct {
	left *int
	most int
}

// walk reads one value of type t and takes the entries of its lists from what
// is left.
func (l limit) walk(r thrift.Reader, t thrift.Type, depth int) (err error) {
	const maxDepth = 32
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch t {
	case thrift.TRUE, thrift.FALSE, thrift.I8: // of a list; a field's bool is in its type
		_, err = r.ReadInt8()
	case thrift.I16, thrift.I32, thrift.I64:
		_, err = r.ReadInt64()
	case thrift.DOUBLE:
		_, err = r.ReadFloat64()
	case thrift.BINARY:
		_, err = r.ReadBytes()
	case thrift.LIST, thrift.SET:
		var list thrift.List
		if list, err = r.ReadList(); err != nil {
			return err
		}
		if *l.left -= int(list.Size); *l.left < 0 || list.Size < 0 {
			return fmt.Errorf("over %d list entries", l.most)
		}
		for range list.Size {
			if err := l.walk(r, list.Type, depth+1); err != nil {
				return err
			}
		}
	case thrift.STRUCT:
		for {
			f, err := r.ReadField()
			if err != nil || f.Type == thrift.STOP {
				return err
			}
			if f.Type == thrift.TRUE || f.Type == thrift.FALSE {
				continue
			}
			if err := l.walk(r, f.Type, depth+1); err != nil {
				return err
			}
		}
	default: // Parquet's metadata has no maps
		return fmt.Errorf("a value of type %s", t)
	}
	return err
}
