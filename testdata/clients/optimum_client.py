"""optimum's classes with the pipelines of transformers, and alone on tensors."""
import importlib.metadata
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from optimum.onnxruntime import ORTModelForImageClassification, ORTModelForSequenceClassification
from transformers import AutoImageProcessor, AutoTokenizer, pipeline

samples = json.load(open("samples.json", encoding="utf-8"))


def write(name, rows):
    with open(f"{name}@optimum.jsonl", "w") as out:
        for row in rows:
            print(json.dumps(row), file=out)


def pairs(answers):
    return [{a["label"]: a["score"] for a in row} for row in answers]


def shares(model, rows):
    for fed in rows:
        p = model(**{k: torch.tensor(v) for k, v in fed.items()}).logits.softmax(-1)[0].tolist()
        yield {model.config.id2label[i]: v for i, v in enumerate(p)}


for suffix, layout in (("", "hub"), ("-flat", "flat")):
    folder = f"names-{layout}"
    model = ORTModelForSequenceClassification.from_pretrained(folder)
    classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder), top_k=None, truncation=True)
    write("names" + suffix, pairs(classify(samples["names"], batch_size=4)))
    if not suffix:
        rows = map(json.loads, open("ids.jsonl", encoding="utf-8"))
        write("ids", shares(model, ({"input_ids": [r["ids"]], "attention_mask": [r["attention_mask"]], "token_type_ids": [r["type_ids"]]} for r in rows)))
    folder = f"images-{layout}"
    model = ORTModelForImageClassification.from_pretrained(folder)
    classify = pipeline("image-classification", model=model, image_processor=AutoImageProcessor.from_pretrained(folder, use_fast=False), top_k=1000)
    write("images" + suffix, pairs(classify(samples["images"])))
    if not suffix:
        write("others", pairs(classify(samples["others"])))
        write("tensors", shares(model, ({"pixel_values": np.load(f"tensors/tensors#{i + 1}.npz")["pixel_values"]} for i in range(len(samples["tensors"])))))
versions = [importlib.metadata.version(name) for name in ("optimum-onnx", "transformers", "onnxruntime")]
json.dump({"client": "optimum-onnx", "version": "%s, transformers %s, ONNX Runtime %s" % tuple(versions)}, open("@optimum.json", "w"))
