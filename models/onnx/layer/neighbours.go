package layer

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Neighbours is what makes scores of the stored rows that are nearest in angle:
// the logarithms of the shares of the classes in their votes, with a share of
// Doubt spread over all classes. With it a Head has neither Weight nor Bias.
type Neighbours struct {
	Scale   []float32 // D, by which rows are divided behind Center
	Rows    []float32 // N×D, of length 1
	Labels  []int64   // N
	Classes int64
	Weights []float32 // N, of the votes; nil: all 1
	K       int64     // how many vote, from 1 to N
	T       float32   // of the votes exp(cosine/T)
	Doubt   float32
	// ClassScale and ClassShift (Classes each) are what scores are multiplied
	// with and what is added; nil: neither.
	ClassScale, ClassShift []float32
}

// What constants of Neighbours are called.
const (
	NeighbourRows    = "neighbours"
	NeighbourLabels  = "neighbour_labels"
	NeighbourWeights = "neighbour_weights"
	NeighbourScale   = "class_scale"
	NeighbourShift   = "class_shift"
)

// check tells what is wrong with n, in an operator set.
func (n *Neighbours) check() error {
	many := int64(len(n.Labels))
	switch {
	case len(n.Scale) == 0 || many == 0 || int64(len(n.Rows)) != many*int64(len(n.Scale)):
		return fmt.Errorf("%d values of %d neighbours with %d features", len(n.Rows), many, len(n.Scale))
	case n.Weights != nil && int64(len(n.Weights)) != many:
		return fmt.Errorf("%d weights of %d neighbours", len(n.Weights), many)
	case int64(len(n.ClassScale)) != int64(len(n.ClassShift)) || n.ClassScale != nil && int64(len(n.ClassScale)) != n.Classes:
		return fmt.Errorf("%d scales and %d shifts of %d classes", len(n.ClassScale), len(n.ClassShift), n.Classes)
	case n.K < 1 || n.K > many || n.Classes < 1 || !(n.T > 0) || !(n.Doubt > 0 && n.Doubt < 1):
		return fmt.Errorf("%d of %d neighbours of %d classes, at a temperature of %v and a doubt of %v", n.K, many, n.Classes, n.T, n.Doubt)
	}
	return nil
}

// leastNeighbours is the first operator set with what Neighbours needs: a
// product without a term that is added, and the largest of which the number is
// an input.
const leastNeighbours = 11

// scores adds the nodes from centered rows to an output.
func (n *Neighbours) scores(b *builder, rows, output string) {
	d, many := int64(len(n.Scale)), int64(len(n.Labels))
	unit := b.normalize(b.node("Div", "scaled_rows", rows, b.floats("scale", n.Scale, d)), "unit")
	const transposed = "transB"
	b.add(onnx.Node("Gemm", []string{unit, b.floats(NeighbourRows, n.Rows, many, d)}, []string{"cosines"}, onnx.IntAttribute(transposed, 1)))
	b.add(onnx.Node("TopK", []string{"cosines", b.ints("neighbour_count", n.K)}, []string{"nearest", "places"}))
	apart := b.node("Sub", "apart", "nearest", b.reduce("ReduceMax", "nearest_of_all", "nearest", 1, true))
	votes := b.node("Exp", "votes", b.node("Div", "exponents", apart, b.floats("vote_temperature", []float32{n.T})))
	if n.Weights != nil {
		votes = b.node("Mul", "weighted_votes", votes, b.node("Gather", "vote_weights", b.floats(NeighbourWeights, n.Weights, many), "places"))
	}
	shares := b.node("Div", "vote_shares", votes, b.reduce("ReduceSum", "all_votes", votes, 1, true))
	of := b.node("Gather", "vote_labels", b.ints(NeighbourLabels, n.Labels...), "places")
	depth := b.store(&pb.TensorProto{Name: proto.String("class_count"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), RawData: onnx.IntTensor("", n.Classes).RawData})
	hot := b.node("OneHot", "vote_classes", of, depth, b.floats("no_yes", []float32{0, 1}, 2))
	// [batch,1,K]·[batch,K,C]
	each := b.node("Reshape", "vote_rows", shares, b.ints("vote_shape", -1, 1, n.K))
	sum := b.node("Reshape", "class_shares", b.node("MatMul", "class_rows", each, hot), b.ints("class_shape", -1, n.Classes))
	sure := b.node("Mul", "sure_shares", sum, b.floats("sure", []float32{1 - n.Doubt}))
	doubted := b.node("Add", "doubted_shares", sure, b.floats("doubt", []float32{n.Doubt / float32(n.Classes)}))
	if n.ClassScale == nil {
		b.node("Log", output, doubted)
		return
	}
	scaled := b.node("Mul", "scaled_scores", b.node("Log", "plain_scores", doubted), b.floats(NeighbourScale, n.ClassScale, n.Classes))
	b.node("Add", output, scaled, b.floats(NeighbourShift, n.ClassShift, n.Classes))
}
