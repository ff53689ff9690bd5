//go:build cgo && !windows

package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/headstart-ml/headstart/head/study"
)

// kept is a learner whose lessons are kept in a folder, so that a benchmark of
// hours resumes where it was stopped.
type kept struct {
	study.Learner
	folder string // "" keeps nothing
}

func (k *kept) Learn(ctx context.Context, l *study.Lesson) (*study.Learnt, error) {
	if k.folder == "" {
		return k.Learner.Learn(ctx, l)
	}
	sum := sha256.Sum256(fmt.Append(nil, l.Depth.Name, l.Seed, l.Train, l.Test))
	path := filepath.Join(k.folder, hex.EncodeToString(sum[:12]))
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		out := new(study.Learnt)
		return out, gob.NewDecoder(f).Decode(out)
	}
	out, err := k.Learner.Learn(ctx, l)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := gob.NewEncoder(f).Encode(out); err != nil {
		return nil, err
	}
	return out, os.Rename(path+".part", path)
}
