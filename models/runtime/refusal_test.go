package runtime

import (
	"errors"
	"strings"
	"testing"
)

// What ONNX Runtime says of a model that it does not read becomes what is
// wrong and what to do; no place in its sources is left.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		says  string
		want  string
		model bool
		newer bool
	}{
		{"/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&) Unsupported model IR version: 99, max supported IR version: 14",
			"the file is of IR version 99, and this ONNX Runtime reads up to 14: take a newer ONNX Runtime, or export the model again with an older package onnx", true, true},
		{"/onnxruntime_src/core/graph/model_load_utils.h:46 void f(const std::unordered_map<std::__cxx11::basic_string<char>, int>&, int) ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions. Opset 99 is under development and support for this is limited. Current official support for domain ai.onnx is till opset 26.",
			"operator set 99 of ai.onnx, and this ONNX Runtime knows them up to 26: take a newer ONNX Runtime, or export the model again with opset 26 or an older one", true, true},
		{`This is an invalid model. In Node, ("q", Foo, "", -1) : ("g": tensor(float),) -> ("h",) , Error No Op registered for Foo with domain_version of 17`,
			`node "q": operator Foo is not one of operator set 17, nor one`, true, true},
		{"Fatal error: com.microsoft:Foo(-1) is not a registered function/op",
			"operator Foo of domain com.microsoft is not known to this ONNX Runtime", true, true},
		{"This is an invalid model. Error: the graph is not acyclic.",
			"in a circle, so that none can be first: the file is damaged, or was changed by a program that made a mistake: download or export it again", true, false},
		{"Error creating C session: /src/onnxruntime/a.cc:12 bool a::(anonymous namespace)::B(std::function<int(int)>, int) const The shape is wrong (3)", "The shape is wrong (3)", false, false},
		{`D:\a\_work\1\onnxruntime\core\a.cc:12 a::b::C The shape is wrong`, "a::b::C The shape is wrong", false, false},
		{"Error running network: a\nb", "a b", false, false},
	} {
		err := plain(errors.New(test.says))
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), ".cc:") || strings.Contains(err.Error(), ".h:") || strings.Contains(err.Error(), "std::") {
			t.Errorf("%s\nis %q\nwant %q", test.says, err, test.want)
		}
		m, ok := errors.AsType[*ModelError](err)
		if ok != test.model || ok && m.Newer != test.newer {
			t.Errorf("%s: %+v", test.says, m)
		}
	}
}
