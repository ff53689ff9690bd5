package parquet

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// AppendText appends a value of a column as text to dst. It reports false where
// the value stands for a missing one: NaN, as pandas has it.
type AppendText func(dst, value []byte) ([]byte, bool)

// Text returns what writes the values of the column n as text: strings and
// bytes as they are, booleans as true and false, numbers as Python and JSON
// write them, dates and times in UTC as pandas does. An error says what the
// column holds that has no such text.
func (n *Node) Text() (AppendText, error) {
	if n.Group() {
		return nil, fmt.Errorf("it holds %s", n.TypeName())
	}
	logical := n.element.LogicalType.Value
	switch t := logical.(type) {
	case *format.TimeType, *format.BsonType, *format.Float16Type, *format.VariantType, *format.GeometryType, *format.GeographyType:
		return nil, fmt.Errorf("it holds values of the kind %s", logical)
	case *format.TimestampType:
		if t.Unit.Value == nil {
			return nil, errors.New("it holds times of no unit")
		}
		return n.instants(t.Unit.Value.Duration(), t.IsAdjustedToUTC)
	case *format.UUIDType:
		if n.Type == format.FixedLenByteArray && n.Length == 16 {
			return appendUUID, nil
		}
	case *format.DecimalType:
		return n.decimals(int(t.Scale))
	}
	switch {
	case n.converted(deprecated.TimeMillis), n.converted(deprecated.TimeMicros), n.converted(deprecated.Interval), n.converted(deprecated.Bson):
		return nil, fmt.Errorf("it holds values of the kind %v", n.element.ConvertedType.V)
	case n.converted(deprecated.Decimal):
		return n.decimals(int(n.element.Scale.V))
	case n.converted(deprecated.TimestampMillis):
		return n.instants(time.Millisecond, false)
	case n.converted(deprecated.TimestampMicros):
		return n.instants(time.Microsecond, false)
	}
	switch n.Type {
	case format.Boolean:
		return func(dst, v []byte) ([]byte, bool) { return strconv.AppendBool(dst, v[0] != 0), true }, nil
	case format.Int32:
		_, date := logical.(*format.DateType)
		if date || n.converted(deprecated.Date) {
			return func(dst, v []byte) ([]byte, bool) {
				return time.Unix(int64(int32(binary.LittleEndian.Uint32(v)))*86400, 0).UTC().AppendFormat(dst, time.DateOnly), true
			}, nil
		}
		if n.unsigned() {
			return func(dst, v []byte) ([]byte, bool) {
				return strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint32(v)), 10), true
			}, nil
		}
		return func(dst, v []byte) ([]byte, bool) {
			return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(v))), 10), true
		}, nil
	case format.Int64:
		if n.unsigned() {
			return func(dst, v []byte) ([]byte, bool) {
				return strconv.AppendUint(dst, binary.LittleEndian.Uint64(v), 10), true
			}, nil
		}
		return func(dst, v []byte) ([]byte, bool) {
			return strconv.AppendInt(dst, int64(binary.LittleEndian.Uint64(v)), 10), true
		}, nil
	case format.Float:
		return func(dst, v []byte) ([]byte, bool) {
			return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(v))), 32)
		}, nil
	case format.Double:
		return func(dst, v []byte) ([]byte, bool) {
			return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(v)), 64)
		}, nil
	case format.ByteArray, format.FixedLenByteArray:
		return func(dst, v []byte) ([]byte, bool) { return append(dst, v...), true }, nil
	}
	return nil, fmt.Errorf("it holds values of the kind %s", n.Type)
}

// unsigned says whether the integers of a column have no sign.
func (n *Node) unsigned() bool {
	if t, ok := n.element.LogicalType.Value.(*format.IntType); ok {
		return !t.IsSigned
	}
	c := n.element.ConvertedType
	return c.Valid && c.V >= deprecated.Uint8 && c.V <= deprecated.Uint64
}

// appendFloat writes x in the fewest digits that make the same number again, as
// Python's repr does.
func appendFloat(dst []byte, x float64, bits int) ([]byte, bool) {
	switch {
	case math.IsNaN(x):
		return dst, false
	case math.IsInf(x, 1):
		return append(dst, "inf"...), true
	case math.IsInf(x, -1):
		return append(dst, "-inf"...), true
	}
	if a := math.Abs(x); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(dst, x, 'e', -1, bits), true
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', -1, bits)
	if !slices.Contains(dst[from:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst, true
}

func appendUUID(dst, v []byte) ([]byte, bool) {
	for i, part := range [][]byte{v[:4], v[4:6], v[6:8], v[8:10], v[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst, true
}

// instants is the Text of numbers of a unit since 1970.
func (n *Node) instants(unit time.Duration, utc bool) (AppendText, error) {
	if n.Type != format.Int64 {
		return nil, fmt.Errorf("it holds times of the kind %s", n.TypeName())
	}
	perSecond := int64(time.Second / unit)
	return func(dst, v []byte) ([]byte, bool) {
		x := int64(binary.LittleEndian.Uint64(v))
		seconds, rest := x/perSecond, x%perSecond
		if rest < 0 {
			seconds, rest = seconds-1, rest+perSecond
		}
		form := time.DateTime
		switch nanoseconds := rest * int64(unit); {
		case nanoseconds == 0:
		case nanoseconds%1000 == 0:
			form += ".000000"
		default:
			form += ".000000000"
		}
		dst = time.Unix(seconds, rest*int64(unit)).UTC().AppendFormat(dst, form)
		if utc {
			dst = append(dst, "+00:00"...)
		}
		return dst, true
	}, nil
}

// decimals is the Text of integers that have scale digits behind the point.
func (n *Node) decimals(scale int) (AppendText, error) {
	const most = 1000 // digits; Spark and Arrow have up to 76
	if scale < 0 || scale > most || n.Length > most {
		return nil, fmt.Errorf("it holds decimals of %d digits behind the point", scale)
	}
	whole := func(v []byte) *big.Int { return new(big.Int).SetInt64(int64(binary.LittleEndian.Uint64(v))) }
	switch n.Type {
	case format.Int32:
		whole = func(v []byte) *big.Int { return new(big.Int).SetInt64(int64(int32(binary.LittleEndian.Uint32(v)))) }
	case format.Int64:
	case format.FixedLenByteArray, format.ByteArray:
		whole = func(v []byte) *big.Int { // two's complement, most significant byte first
			v = v[:min(len(v), most)]
			x := new(big.Int).SetBytes(v)
			if len(v) > 0 && v[0] >= 0x80 {
				x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
			}
			return x
		}
	default:
		return nil, fmt.Errorf("it holds decimals of the kind %s", n.TypeName())
	}
	return func(dst, v []byte) ([]byte, bool) {
		x := whole(v)
		if x.Sign() < 0 {
			dst = append(dst, '-')
		}
		digits := x.Abs(x).Append(nil, 10)
		if pad := scale + 1 - len(digits); pad > 0 {
			digits = append(slices.Repeat([]byte{'0'}, pad), digits...)
		}
		dst = append(dst, digits[:len(digits)-scale]...)
		if scale > 0 {
			dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
		}
		return dst, true
	}, nil
}
