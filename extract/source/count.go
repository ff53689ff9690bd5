package source

import (
	"bufio"
	"bytes"
	"context"
	"io"
)

// counted opens a file once more and returns what f counts in it, or -1.
func counted(ctx context.Context, path string, f func(in *bufio.Reader) (int, error)) int {
	in, err := openStream(path, nil)
	if err != nil {
		return -1
	}
	defer in.close()
	in.dropBOM()
	n, err := f(bufio.NewReaderSize(&until{ctx, in}, 64<<10))
	if err != nil {
		return -1
	}
	return n
}

// until is a reader that fails when ctx ends.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// countRecords counts the records of a table, its header among them, without
// parsing them: the lines that are not empty, but for those inside quotes. In a
// table that is not what it should be, it counts otherwise than the reading
// does.
func countRecords(in *bufio.Reader) (int, error) {
	n, quoted, some := 0, false, false // some: the line has a byte
	for {
		part, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return 0, err
		}
		if bytes.Count(part, []byte{'"'})%2 == 1 {
			quoted = !quoted
		}
		if err != bufio.ErrBufferFull {
			part = bytes.TrimSuffix(bytes.TrimSuffix(part, []byte("\n")), []byte("\r"))
		}
		some = some || len(part) > 0
		if some && (err == nil && !quoted || err == io.EOF) {
			n, some = n+1, false
		}
		if err == io.EOF {
			return n, nil
		}
	}
}

// countLines counts lines; the last one may go without its end.
func countLines(in *bufio.Reader) (int, error) {
	n, open := 0, false
	for {
		part, err := in.ReadSlice('\n')
		switch {
		case err == nil:
			n, open = n+1, false
			continue
		case err == bufio.ErrBufferFull:
			open = true
			continue
		case err != io.EOF:
			return 0, err
		}
		if open || len(part) > 0 {
			n++
		}
		return n, nil
	}
}
