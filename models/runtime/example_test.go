//go:build cgo && !windows

package runtime_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// A model runs over memory of the caller's: x + (1, 10, 100), of any number of
// rows.
func Example() {
	// Find("") looks in the environment, beside the program and in the system.
	where, err := runtime.Find(firstOf("../../lib/libonnxruntime.*"))
	if err != nil {
		fmt.Println(err)
		return
	}
	library, err := runtime.Open(where.Path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer library.Close()
	model, err := os.ReadFile("testdata/add.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := library.NewSession(model, &runtime.Options{Inputs: []string{"x"}, Outputs: []string{"y"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()

	y := make([]float32, 3)
	err = session.Run(context.Background(),
		[]tensor.View{{Shape: []int64{1, 3}, F32: []float32{1, 2, 3}}},
		[]tensor.View{{Shape: []int64{1, 3}, F32: y}})
	fmt.Println(y, err)
	// Output: [2 12 103] <nil>
}

// firstOf returns the first file of a pattern, "" if there is none.
func firstOf(pattern string) string {
	files, _ := filepath.Glob(pattern)
	return append(files, "")[0]
}
