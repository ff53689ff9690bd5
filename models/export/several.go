package export

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// headOutputs are what a head may give.
var headOutputs = []string{layer.Logits, layer.Probabilities, layer.Value, Steps}

// Free returns a backbone in which the names of a head's outputs are free, and
// the new names of its tensors by the old. It is not changed.
func Free(backbone *pb.ModelProto) (*pb.ModelProto, map[string]string, error) {
	return onnx.Rename(backbone, headOutputs...)
}

// Branch is one of several heads on one backbone.
type Branch struct {
	// Name begins the names of its outputs: NAME_logits, NAME_probabilities and
	// so on. See Names.
	Name string
	Head *Head
	// Backbone is the one that all have, see Free, its very nodes, with what
	// joins the taps of this head, see Gather.
	Backbone *pb.ModelProto
}

// Names makes names of heads of what they are called: letters, digits, "_", "."
// and "-", each another one, with a number behind what is there already, and
// none whose outputs are called as those of another one.
func Names(called []string) []string {
	taken := make(map[string]bool)
	for _, output := range headOutputs {
		taken[output] = true
	}
	var all []string
	for _, name := range called {
		name = strings.Map(func(r rune) rune {
			if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r)) {
				return r
			}
			return '_'
		}, name)
		if name == "" {
			name = "head"
		}
		fresh := name
		clash := func(output string) bool { return taken[fresh+"_"+output] }
		for i := 2; slices.ContainsFunc(headOutputs, clash); i++ {
			fresh = fmt.Sprintf("%s_%d", name, i)
		}
		for _, output := range headOutputs {
			taken[fresh+"_"+output] = true
		}
		all = append(all, fresh)
	}
	return all
}

// FuseAll returns the backbone base, see Free, with several heads behind it:
// one pass of the backbone serves all. The outputs are those of the first head
// under their plain names, in the order of Serve, which clients look for, and
// then those of each head, the first too, with its name and "_" before them.
// The metadata are those of Fuse of the first head; those of each head are
// returned beside it, by their names without what all begin with. Feed makes
// the inputs.
func FuseAll(base *pb.ModelProto, heads []Branch, kind models.Modality) (m *pb.ModelProto, metadata []map[string]string, err error) {
	own := &shared{nodes: make(map[*pb.NodeProto]bool), stored: make(map[*pb.TensorProto]bool), made: make(map[string]bool)}
	for _, t := range base.GetGraph().GetInitializer() {
		own.stored[t] = true
	}
	for _, v := range base.GetGraph().GetInput() {
		own.made[v.GetName()] = true
	}
	for _, n := range base.GetGraph().GetNode() {
		own.nodes[n] = true
		for _, o := range n.GetOutput() {
			own.made[o] = true
		}
	}
	var parts []*pb.GraphProto
	var need, order []string
	var first *pb.ModelProto
	for _, h := range heads {
		fused, err := Fuse(h.Backbone, h.Head)
		if err != nil {
			return nil, nil, err
		}
		if fused, err = outputs(fused, h.Head.Link, kind); err != nil {
			return nil, nil, fmt.Errorf("export: %w", err)
		}
		if first == nil {
			first = fused
		}
		meta := make(map[string]string)
		for _, e := range fused.MetadataProps {
			meta[strings.TrimPrefix(e.GetKey(), props)] = e.GetValue()
		}
		metadata = append(metadata, meta)
		part, reads := own.apart(fused, h.Name+"_")
		for _, in := range reads {
			if !slices.Contains(need, in) {
				need = append(need, in)
			}
		}
		parts = append(parts, part)
	}
	m, err = onnx.Prune(base, need...)
	if err != nil {
		return nil, nil, fmt.Errorf("export: %w", err)
	}
	add := func(part *pb.GraphProto) error {
		fused, names, err := onnx.Append(m, part)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		for _, v := range part.Output {
			if name := v.GetName(); names[name] != name {
				return fmt.Errorf("export: the backbone has a tensor %.80q already", name)
			}
			order = append(order, v.GetName())
		}
		m = fused
		return nil
	}
	plain := new(pb.GraphProto)
	for i, part := range parts {
		if err := add(part); err != nil {
			return nil, nil, err
		}
		if i > 0 {
			continue
		}
		for k, v := range first.Graph.Output {
			plain.Node = append(plain.Node, onnx.Node("Identity", []string{part.Output[k].GetName()}, []string{v.GetName()}))
			plain.Output = append(plain.Output, v)
		}
	}
	of := len(order)
	if err := add(plain); err != nil {
		return nil, nil, err
	}
	order = append(slices.Clone(order[of:]), order[:of]...)
	if m, err = onnx.Prune(m, order...); err != nil {
		return nil, nil, fmt.Errorf("export: %w", err)
	}
	m.MetadataProps, m.TrainingInfo = slices.Clone(first.MetadataProps), nil
	return m, metadata, nothingBeside(m)
}

// shared is what heads have of their backbone.
type shared struct {
	nodes  map[*pb.NodeProto]bool
	stored map[*pb.TensorProto]bool
	made   map[string]bool // by inputs and nodes
}

// apart returns what is in a fused model beside its backbone, with a prefix
// before the names of its outputs, and the backbone's tensors that it reads.
func (b *shared) apart(fused *pb.ModelProto, prefix string) (part *pb.GraphProto, reads []string) {
	part = new(pb.GraphProto)
	to, own := make(map[string]string), make(map[string]bool)
	for _, v := range fused.Graph.GetOutput() {
		to[v.GetName()] = prefix + v.GetName()
		part.Output = append(part.Output, &pb.ValueInfoProto{Name: proto.String(prefix + v.GetName()), Type: v.Type})
	}
	named := func(list []string) []string {
		list = slices.Clone(list)
		for i, name := range list {
			if to[name] != "" {
				list[i] = to[name]
			}
		}
		return list
	}
	for _, t := range fused.Graph.GetInitializer() {
		if !b.stored[t] {
			part.Initializer = append(part.Initializer, t)
			own[t.GetName()] = true
		}
	}
	for _, n := range fused.Graph.GetNode() {
		if b.nodes[n] {
			continue
		}
		for _, in := range n.GetInput() {
			if !own[in] && b.made[in] && !slices.Contains(reads, in) {
				reads = append(reads, in)
			}
		}
		for _, o := range n.GetOutput() {
			own[o] = true
		}
		part.Node = append(part.Node, &pb.NodeProto{
			Name: proto.String(prefix + n.GetName()), OpType: n.OpType, Domain: n.Domain, Attribute: n.Attribute, Input: named(n.Input), Output: named(n.Output),
		})
	}
	return part, reads
}

// OutputsOf lists the outputs of a head with a link, as Serve has them of
// texts.
func OutputsOf(link layer.Link) []string {
	switch link {
	case layer.Identity:
		return []string{layer.Logits, layer.Value}
	case layer.Cumulative:
		return []string{layer.Logits, layer.Probabilities, Steps}
	}
	return []string{layer.Logits, layer.Probabilities}
}

// BranchCard is what the model card says of one of several heads.
type BranchCard struct {
	Name     string
	Link     layer.Link
	Classes  []string
	Rounding string // what rounding the weights changes, "" if nothing
}
