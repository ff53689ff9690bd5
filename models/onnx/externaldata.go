package onnx

import (
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// eachTensor calls f with every tensor of a graph and of the graphs in its
// nodes, by the names of initialisers and, for others, of nodes.
func eachTensor(g *pb.GraphProto, f func(name string, t *pb.TensorProto) error) error {
	for _, t := range g.GetInitializer() {
		if err := f(t.GetName(), t); err != nil {
			return err
		}
	}
	for _, t := range g.GetSparseInitializer() {
		for _, part := range []*pb.TensorProto{t.GetValues(), t.GetIndices()} {
			if err := f(t.GetValues().GetName(), part); err != nil {
				return err
			}
		}
	}
	for _, n := range g.GetNode() {
		if err := eachNodeTensor(n, f); err != nil {
			return err
		}
	}
	return nil
}

func eachNodeTensor(n *pb.NodeProto, f func(name string, t *pb.TensorProto) error) error {
	for _, a := range n.GetAttribute() {
		tensors := append([]*pb.TensorProto{a.GetT()}, a.GetTensors()...)
		for _, t := range append([]*pb.SparseTensorProto{a.GetSparseTensor()}, a.GetSparseTensors()...) {
			tensors = append(tensors, t.GetValues(), t.GetIndices())
		}
		for _, t := range tensors {
			if t == nil {
				continue
			}
			if err := f(n.GetName(), t); err != nil {
				return err
			}
		}
		for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
			if err := eachTensor(body, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReadExternal reads the values of m that lie in files of its folder dir into
// m, which then needs no files. Each file must be a regular one that is reached
// without a symbolic link, as CheckExternal demands. On an error a part of the
// values may have been read.
func ReadExternal(m *pb.ModelProto, dir string) error {
	var root *os.Root
	files := make(map[string]*os.File)
	sizes := make(map[string]int64)
	defer func() {
		for _, f := range files {
			f.Close()
		}
		if root != nil {
			root.Close()
		}
	}()
	read := func(t *pb.TensorProto) error {
		x, err := external(t)
		if err != nil {
			return err
		}
		if root == nil {
			if root, err = draft.OpenRoot(dir); err != nil {
				return err
			}
		}
		f := files[x.Path]
		if f == nil {
			if f, sizes[x.Path], err = openLocal(root, x.Path); err != nil {
				return fmt.Errorf("%s: %w", path.Join(dir, x.Path), err)
			}
			files[x.Path] = f
		}
		if size := sizes[x.Path]; x.Length < 0 && x.Offset <= size {
			x.Length = size - x.Offset
		} else if x.Offset > size || x.Length > size-x.Offset {
			return fmt.Errorf("%s: offset %d and length %d lie outside the file of %d bytes", path.Join(dir, x.Path), x.Offset, x.Length, size)
		}
		raw := make([]byte, x.Length)
		if _, err := f.ReadAt(raw, x.Offset); err != nil {
			return fmt.Errorf("%s: %w", path.Join(dir, x.Path), cause(err))
		}
		t.RawData, t.ExternalData, t.DataLocation = raw, nil, nil
		return nil
	}
	visit := func(name string, t *pb.TensorProto) error {
		if t.GetDataLocation() != pb.TensorProto_EXTERNAL {
			return nil
		}
		if err := read(t); err != nil {
			return fmt.Errorf("onnx: external data: tensor %s: %w", quote(name), err)
		}
		return nil
	}
	if err := eachTensor(m.GetGraph(), visit); err != nil {
		return err
	}
	for _, t := range m.GetTrainingInfo() {
		for _, g := range []*pb.GraphProto{t.GetInitialization(), t.GetAlgorithm()} {
			if err := eachTensor(g, visit); err != nil {
				return err
			}
		}
	}
	for _, f := range m.GetFunctions() {
		for _, n := range f.GetNode() {
			if err := eachNodeTensor(n, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	// externalLeast is the least size of a tensor that WriteExternal takes out.
	externalLeast = 1024
	// externalAlign is what its offsets are multiples of, so that a file can be
	// mapped: a page of memory.
	externalAlign = 4096
)

// WriteExternal writes the values of m's larger initialisers to w and lets m
// refer to them there. location is the path of what is written, relative to the
// folder of the model, slash-separated. Tensors that change are copies: a model
// that shares them with m keeps its values. A model that refers to files
// already is refused: ReadExternal comes first, so that the new file is whole.
func WriteExternal(m *pb.ModelProto, location string, w io.Writer) error {
	if _, err := localPath(location); err != nil {
		return fmt.Errorf("onnx: external data: %s: %w", quote(location), err)
	}
	if err := eachTensor(m.GetGraph(), func(name string, t *pb.TensorProto) error {
		if t.GetDataLocation() == pb.TensorProto_EXTERNAL {
			return fmt.Errorf("onnx: external data: tensor %s: %w", quote(name), errExternal)
		}
		return nil
	}); err != nil {
		return err
	}
	at := int64(0)
	for i, t := range m.GetGraph().GetInitializer() {
		if len(t.RawData) < externalLeast {
			continue
		}
		t = shallow(t)
		t.ExternalData = slices.Clone(t.ExternalData)
		m.Graph.Initializer[i] = t
		gap := (externalAlign - at%externalAlign) % externalAlign
		for _, b := range [][]byte{make([]byte, gap), t.RawData} {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("onnx: external data: %s: %w", location, err)
			}
		}
		at += gap
		for _, kv := range [][2]string{
			{"location", location}, {"offset", strconv.FormatInt(at, 10)}, {"length", strconv.Itoa(len(t.RawData))},
		} {
			t.ExternalData = append(t.ExternalData, &pb.StringStringEntryProto{Key: proto.String(kv[0]), Value: proto.String(kv[1])})
		}
		at += int64(len(t.RawData))
		t.RawData, t.DataLocation = nil, pb.TensorProto_EXTERNAL.Enum()
	}
	return nil
}
