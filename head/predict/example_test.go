package predict_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models/builtin"
)

// TestMain lets the examples find the runtime library that make fetches, as a
// program finds one beside itself.
func TestMain(m *testing.M) {
	os.Setenv("HEADSTART_RUNTIME", library(new(testing.T)))
	os.Exit(m.Run())
}

// A head file is opened once, and then asked from any number of goroutines.
func ExampleOpen() {
	p, err := predict.Open("../../testdata/older/62d997f/softmax.head.onnx", &predict.Options{Builtin: builtin.FS()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	answers, err := p.Predict(context.Background(), predict.Texts("a small beetle", "right arrow"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range answers {
		fmt.Printf("%s %.2f\n", a.Label, a.Probability)
	}
	// Output:
	// bug 0.78
	// arrow 0.71
}

// Embeddings of a backbone, without a head.
func ExampleOpenBackbone() {
	e, err := predict.OpenBackbone("all-minilm-l6-v2", nil, &predict.Options{Builtin: builtin.FS()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	rows, err := e.Embed(context.Background(), predict.Texts("a cat", "a kitten", "the stock market"))
	if err != nil {
		fmt.Println(err)
		return
	}
	// The rows have length 1, so their product is the cosine.
	cosine := func(a, b []float32) (sum float32) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	fmt.Printf("%d numbers; cat and kitten %.1f, cat and stock market %.1f\n", e.Dim(), cosine(rows[0], rows[1]), cosine(rows[0], rows[2]))
	// Output:
	// 384 numbers; cat and kitten 0.8, cat and stock market 0.1
}

// A service: requests of many clients are put into batches by themselves. A bad
// sample is told from a failure.
func Example_service() {
	p, err := predict.Open("../../testdata/older/62d997f/softmax.head.onnx", &predict.Options{Builtin: builtin.FS()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answers, err := p.Predict(r.Context(), [][]byte{content})
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case answers[0].Err != nil:
			http.Error(w, answers[0].Err.Error(), http.StatusUnprocessableEntity)
		default:
			fmt.Fprintln(w, answers[0].Label)
		}
	}))
	defer server.Close()
	for _, text := range []string{"a ripe peach", ""} {
		response, err := http.Post(server.URL, "text/plain", strings.NewReader(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, _ := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Print(response.StatusCode, " ", string(answer))
	}
	// Output:
	// 200 fruit
	// 422 empty
}
