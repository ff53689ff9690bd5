"""ONNX Runtime alone, on tokens and pixels as the folder's files say, and the
checker of the package onnx."""
import json

import numpy as np
import onnx
import onnxruntime
import tokenizers
from PIL import Image

samples = json.load(open("samples.json", encoding="utf-8"))


def write(name, model, inputs):
    onnx.checker.check_model(model, full_check=True)
    labels = [v for _, v in sorted(json.load(open(model.split("/")[0] + "/config.json"))["id2label"].items(), key=lambda kv: int(kv[0]))]
    session = onnxruntime.InferenceSession(model)
    with open(f"{name}@onnxruntime.jsonl", "w") as out:
        for fed in inputs:
            fed = {i.name: fed[i.name] for i in session.get_inputs()}
            [probabilities] = session.run(["probabilities"], fed)
            print(json.dumps(dict(zip(labels, probabilities[0].tolist()))), file=out)


def tokens():
    tokenizer = tokenizers.Tokenizer.from_file("names-hub/tokenizer.json")
    for name in samples["names"]:
        t = tokenizer.encode(name)
        yield {"input_ids": np.array([t.ids]), "attention_mask": np.array([t.attention_mask]), "token_type_ids": np.array([t.type_ids])}


def ids():
    for line in open("ids.jsonl", encoding="utf-8"):
        row = json.loads(line)
        yield {"input_ids": np.array([row["ids"]]), "attention_mask": np.array([row["attention_mask"]]), "token_type_ids": np.array([row["type_ids"]])}


def cropped(images):
    p = json.load(open("images-hub/preprocessor_config.json"))
    w, h, side = p["crop_size"]["width"], p["crop_size"]["height"], p["size"]["shortest_edge"]
    for path in images:
        image = Image.open(path).convert("RGB")
        if min(image.size) != side: # the longer side is cut to whole pixels
            scale = side / min(image.size)
            size = (side, int(side * image.height / image.width)) if image.width <= image.height else (int(side * image.width / image.height), side)
            image = image.resize(size, Image.BICUBIC)
        left, top = (image.width - w) // 2, (image.height - h) // 2
        x = np.asarray(image.crop((left, top, left + w, top + h)), "float32") * p["rescale_factor"]
        x = (x - np.array(p["image_mean"])) / np.array(p["image_std"])
        yield {"pixel_values": x.transpose(2, 0, 1)[None].astype("float32")}


def tensors():
    for i in range(len(samples["tensors"])):
        yield {"pixel_values": np.load(f"tensors/tensors#{i + 1}.npz")["pixel_values"]}


def pixels():
    for path in samples["others"]:
        yield {"pixels": np.asarray(Image.open(path).convert("RGB"))[None]}


write("names", "names-hub/onnx/model.onnx", tokens())
write("names-flat", "names-flat/model.onnx", tokens())
write("ids", "names-hub/onnx/model.onnx", ids())
write("images", "images-hub/onnx/model.onnx", cropped(samples["images"]))
write("images-flat", "images-flat/model.onnx", cropped(samples["images"]))
write("others", "images-hub/onnx/model.onnx", cropped(samples["others"]))
write("tensors", "images-hub/onnx/model.onnx", tensors())
write("pixels", "images-pixels/model.onnx", pixels())
json.dump({"client": "ONNX Runtime, Pillow's pixels", "version": onnxruntime.__version__}, open("@onnxruntime.json", "w"))
