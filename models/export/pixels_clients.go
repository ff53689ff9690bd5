package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// pixelClients says how a folder is loaded whose graph prepares images itself.
func (f *Folder) pixelClients(dir string) []Client {
	own := Client{Name: "headstart", Load: "headstart predict " + word(dir) + " SOURCE"}
	runtime := Client{
		Name: "onnxruntime", Load: "onnxruntime.InferenceSession(" + literal(dir+"/"+f.modelFile()) + ")",
		Note: "takes pixels, uint8 [1,H,W,3], of one image at a time: decoded, " + f.given() + "; resizing, cropping and normalising are in the graph",
	}
	if len(f.Branches) > 1 {
		f.branchNotes(&own, &runtime, nil)
	}
	if f.Card.Unsure {
		runtime.note(unsureNote)
	}
	if len(f.Branches) > 1 {
		f.branchNotes(&own, &runtime, nil)
	}
	none := "feeds tensors of its own resizing, which this graph does not take; an export without --input pixels is for it"
	return []Client{own, runtime, {"transformers.js", "", none}, {"optimum", "", none}, {"hugot", "", none}}
}

// given says what an image must be, as the contract reads image files.
func (f *Folder) given() string {
	c := f.Fed.Contract.(*models.ImageSpec)
	said := "upright (turned as its EXIF orientation says)"
	if c.EXIF == "ignore" {
		said = "as it is stored (its EXIF orientation ignored)"
	}
	if said += ", in red, green and blue"; c.Alpha == "" || c.Alpha == "drop" {
		said += ", transparency dropped"
	} else {
		said += ", what is transparent laid on " + c.Alpha
	}
	if c.Grey16 == "scale" {
		said += ", 16-bit grey scaled to 8 bits"
	}
	return said
}

// pixelSnippets are programs that load such a folder.
func (f *Folder) pixelSnippets(b *bytes.Buffer) {
	c := f.Fed.Contract.(*models.ImageSpec)
	output := layer.Probabilities
	if f.Link == layer.Identity {
		output = layer.Value
	}
	open, turn, rotate := `ImageOps.exif_transpose(Image.open("photo.jpg"))`, ", ImageOps", ".rotate()"
	if c.EXIF == "ignore" {
		open, turn, rotate = `Image.open("photo.jpg")`, "", ""
	}
	var flat []string
	removed := ".removeAlpha()"
	if c.Alpha != "" && c.Alpha != "drop" {
		ground, colour := "(255, 255, 255)", "white"
		if c.Alpha != "white" {
			ground, colour = "("+c.Alpha+")", "rgb("+c.Alpha+")"
		}
		flat = []string{`image = image.convert("RGBA")`, `image = Image.alpha_composite(Image.new("RGBA", image.size, ` + ground + "), image)"}
		removed = `.flatten({ background: "` + colour + `" })`
	}
	model, config := literal(f.Card.Title+"/"+f.modelFile()), literal(f.Card.Title+"/config.json")
	show := func(what, language string, lines ...string) {
		fmt.Fprintf(b, "%s:\n\n```%s\n%s\n```\n\n", what, language, strings.Join(lines, "\n"))
	}
	program := []string{"import json, numpy as np, onnxruntime", "from PIL import Image" + turn, "model = onnxruntime.InferenceSession(" + model + ")", "image = " + open}
	show("Python, `pip install onnxruntime numpy pillow`", "python", slices.Concat(program, flat, []string{
		fmt.Sprintf(`answers, = model.run([%q], {%q: np.asarray(image.convert("RGB"))[None]})`, output, levelsInput),
		`names = json.load(open(` + config + `, encoding="utf-8"))["id2label"]`,
		"print({names[str(i)]: float(p) for i, p in enumerate(answers[0])})",
	})...)
	show("JavaScript, `npm install onnxruntime-node sharp`", "js",
		`import { readFile } from "node:fs/promises";`, `import * as ort from "onnxruntime-node";`, `import sharp from "sharp";`,
		"const model = await ort.InferenceSession.create("+model+");",
		`const image = sharp("photo.jpg")`+rotate+removed+`.toColourspace("srgb").raw();`,
		"const { data, info } = await image.toBuffer({ resolveWithObject: true });",
		fmt.Sprintf(`const %s = new ort.Tensor("uint8", new Uint8Array(data), [1, info.height, info.width, 3]);`, levelsInput),
		fmt.Sprintf("const { %s } = await model.run({ %s });", output, levelsInput),
		"const names = JSON.parse(await readFile("+config+`, "utf8")).id2label;`,
		fmt.Sprintf("console.log(Object.fromEntries([...%s.data].map((p, i) => [names[i], p])));", output))
}
