// Command hugot has hugot classify all samples, with ONNX Runtime or, without
// the build tag ORT, in Go alone. It runs in the folder of samples.json:
//
//	hugot [LIBRARY]
//
// LIBRARY is the folder that libonnxruntime.so lies in.
package main

import (
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	_ "image/png"
	"os"
	"runtime/debug"

	"github.com/knights-analytics/hugot"
	"github.com/knights-analytics/hugot/pipelines"
	"github.com/knights-analytics/hugot/util/imageutil"
)

func main() {
	client, name, open := "hugot-go", "hugot in pure Go", func() (*hugot.Session, error) { return hugot.NewGoSession() }
	if len(os.Args) > 1 {
		client, name, open = "hugot", "hugot with ONNX Runtime", func() (*hugot.Session, error) { return ort(os.Args[1]) }
	}
	failed := false
	for _, part := range []func(*hugot.Session, string) error{texts, images} {
		if err := run(open, part, client); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %.300v\n", name, err)
			failed = true
		}
	}
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/knights-analytics/hugot" {
				version = m.Version
			}
		}
	}
	write("@"+client+".json", map[string]string{"client": name, "version": version})
	if failed {
		os.Exit(1)
	}
}

// run opens a session for a part of the work; of a graph that it cannot compute
// hugot may panic.
func run(open func() (*hugot.Session, error), part func(*hugot.Session, string) error, client string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	s, err := open()
	if err != nil {
		return err
	}
	defer s.Destroy()
	return part(s, client)
}

func samples(key string) []string {
	data, err := os.ReadFile("samples.json")
	if err != nil {
		panic(err)
	}
	all := map[string][]string{}
	if err := json.Unmarshal(data, &all); err != nil {
		panic(err)
	}
	return all[key]
}

func write(path string, rows ...map[string]string) {
	f, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	for _, row := range rows {
		if err := json.NewEncoder(f).Encode(row); err != nil {
			panic(err)
		}
	}
}

// scores writes answers.
func scores(path string, rows []map[string]float32) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	e := json.NewEncoder(f)
	for _, row := range rows {
		if err := e.Encode(row); err != nil {
			return err
		}
	}
	return f.Close()
}

// batches calls f with four samples at a time.
func batches(all []string, f func([]string) error) error {
	for len(all) > 0 {
		n := min(4, len(all))
		if err := f(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func texts(s *hugot.Session, client string) error {
	classify, err := hugot.NewPipeline(s, hugot.TextClassificationConfig{
		ModelPath: "names-flat", Name: "names",
		Options: []hugot.TextClassificationOption{pipelines.WithSoftmax(), pipelines.WithMultiLabel()}, // of every class, not of the best one alone
	})
	if err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	var rows []map[string]float32
	if err := batches(samples("names"), func(some []string) error {
		out, err := classify.RunPipeline(some)
		if err != nil {
			return fmt.Errorf("texts: %w", err)
		}
		for _, classes := range out.ClassificationOutputs {
			row := map[string]float32{}
			for _, c := range classes {
				row[c.Label] = c.Score
			}
			rows = append(rows, row)
		}
		return nil
	}); err != nil {
		return err
	}
	return scores("names@"+client+".jsonl", rows)
}

// ground draws an image with 8 bits a channel; hugot's steps take no other.
func ground(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, _, err := image.Decode(f)
	if err != nil {
		return nil, err
	}
	dst := image.NewRGBA(m.Bounds())
	draw.Draw(dst, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return dst, nil
}

func images(s *hugot.Session, client string) error {
	var p struct {
		Size struct {
			Shortest int `json:"shortest_edge"`
		} `json:"size"`
		Crop struct{ Width, Height int } `json:"crop_size"`
		Mean [3]float32                  `json:"image_mean"`
		Std  [3]float32                  `json:"image_std"`
	}
	data, err := os.ReadFile("images-flat/preprocessor_config.json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	crop := imageutil.CenterCropStep(p.Crop.Width, p.Crop.Height)
	normal := pipelines.WithNormalizationSteps[*pipelines.ImageClassificationPipeline](imageutil.RescaleStep(), imageutil.PixelNormalizationStep(p.Mean, p.Std))
	for _, set := range []struct {
		name  string
		steps []imageutil.PreprocessStep
	}{
		{"images", []imageutil.PreprocessStep{crop}},
		{"others", []imageutil.PreprocessStep{imageutil.ResizeStep(p.Size.Shortest), crop}},
	} {
		classify, err := hugot.NewPipeline(s, hugot.ImageClassificationConfig{
			ModelPath: "images-flat", Name: set.name,
			Options: []hugot.ImageClassificationOption{
				pipelines.WithTopK(1000), normal, pipelines.WithPreprocessSteps[*pipelines.ImageClassificationPipeline](set.steps...),
			},
		})
		if err != nil {
			return fmt.Errorf("%s: %w", set.name, err)
		}
		var rows []map[string]float32
		if err := batches(samples(set.name), func(some []string) error {
			var pictures []image.Image
			for _, path := range some {
				m, err := ground(path)
				if err != nil {
					return err
				}
				pictures = append(pictures, m)
			}
			out, err := classify.RunWithImages(pictures)
			if err != nil {
				return fmt.Errorf("%s: %w", set.name, err)
			}
			for _, classes := range out.Predictions {
				row := map[string]float32{}
				for _, c := range classes {
					row[c.Label] = c.Score
				}
				rows = append(rows, row)
			}
			return nil
		}); err != nil {
			return err
		}
		if err := scores(set.name+"@"+client+".jsonl", rows); err != nil {
			return err
		}
	}
	return nil
}
