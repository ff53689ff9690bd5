"""optimum's classes with the pipelines of transformers."""
import csv
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"
from optimum.onnxruntime import ORTModelForImageClassification, ORTModelForSequenceClassification
from transformers import AutoImageProcessor, AutoTokenizer, pipeline

rows = list(csv.DictReader(open("test.csv", encoding="utf-8")))
for layout in ("hub", "flat"):
    folder = f"names-{layout}"
    classify = pipeline("text-classification", model=ORTModelForSequenceClassification.from_pretrained(folder), tokenizer=AutoTokenizer.from_pretrained(folder), top_k=None, truncation=True)
    names = classify([r["name"] for r in rows], batch_size=4)
    folder = f"images-{layout}"
    classify = pipeline("image-classification", model=ORTModelForImageClassification.from_pretrained(folder), image_processor=AutoImageProcessor.from_pretrained(folder, use_fast=False), top_k=1000)
    images = classify([r["image"] for r in rows])
    for name, answers in (("names", names), ("images", images)):
        with open(f"{name}.optimum-{layout}.jsonl", "w") as out:
            for row in answers:
                print(json.dumps({a["label"]: a["score"] for a in row}), file=out)
