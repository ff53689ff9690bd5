"""ONNX Runtime alone, on tokens and pixels as the folder's files say, and the
checker of the package onnx."""
import csv
import json

import numpy as np
import onnx
import onnxruntime
import tokenizers
from PIL import Image

rows = list(csv.DictReader(open("test.csv", encoding="utf-8")))
for name, model in (("names", "names-hub/onnx/model.onnx"), ("images", "images-flat/model.onnx")):
    onnx.checker.check_model(model, full_check=True)
    labels = json.load(open(f"{name}-hub/config.json"))["id2label"]
    session = onnxruntime.InferenceSession(model)
    with open(f"{name}.onnxruntime.jsonl", "w") as out:
        for row in rows:
            if name == "names":
                t = tokenizers.Tokenizer.from_file("names-hub/tokenizer.json").encode(row["name"])
                fed = {"input_ids": t.ids, "attention_mask": t.attention_mask, "token_type_ids": t.type_ids}
                fed = {i.name: np.array([fed[i.name]]) for i in session.get_inputs()}
            else:
                p = json.load(open("images-flat/preprocessor_config.json"))
                w, h = p["crop_size"]["width"], p["crop_size"]["height"]
                image = Image.open(row["image"])
                left, top = (image.width - w) // 2, (image.height - h) // 2
                x = np.asarray(image.crop((left, top, left + w, top + h)), "float32") * p["rescale_factor"]
                x = (x - np.array(p["image_mean"])) / np.array(p["image_std"])
                fed = {"pixel_values": x.transpose(2, 0, 1)[None].astype("float32")}
            [probabilities] = session.run(["probabilities"], fed)
            print(json.dumps({labels[str(i)]: float(v) for i, v in enumerate(probabilities[0])}), file=out)
