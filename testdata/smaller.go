// Smaller writes a folder with the built-in image backbone for pictures of
// another size: its graph takes any, only the declared dimensions say 224.
//
//	go run testdata/smaller.go SIZE FOLDER
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

func main() {
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(size, folder string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	const name = "efficientnet-lite0/"
	files := map[string][]byte{}
	for _, f := range []string{"config.json", "preprocessor_config.json", "onnx/model.onnx"} {
		if files[f], err = fs.ReadFile(builtin.FS(), name+f); err != nil {
			return err
		}
	}
	m, err := onnx.Decode(files["onnx/model.onnx"])
	if err != nil {
		return err
	}
	in := m.GetGraph().GetInput()[0]
	dims := in.GetType().GetTensorType().GetShape().GetDim()
	*in = *onnx.TensorValue(in.GetName(), pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: dims[0].GetDimParam()}, onnx.Dim{Size: 3}, onnx.Dim{Size: int64(n)}, onnx.Dim{Size: int64(n)})
	m.Graph.ValueInfo = nil
	if files["onnx/model.onnx"], err = onnx.Encode(m); err != nil {
		return err
	}
	pre := string(files["preprocessor_config.json"])
	pre = strings.NewReplacer("224", size, "256", size).Replace(pre) // the whole picture, no crop
	files["preprocessor_config.json"] = []byte(pre)
	for f, data := range files {
		path := filepath.Join(folder, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
