"""Writes processors.json: what the library saves for an image processor made
without arguments, by class.

    python processors.py > processors.json

Run with transformers 5.23 (ViTHybrid and EfficientFormer, which it has no more,
with 4.57) and any torch.
"""

import json
import sys

import transformers

CLASSES = """CLIP Bit ChineseCLIP ViTHybrid ViT DeiT Beit Siglip ConvNext EfficientNet
MobileNetV1 MobileNetV2 MobileViT DINOv3ViT Segformer Levit PoolFormer Pvt
EfficientFormer Blip OwlViT""".split()


def saved(name):
    for suffix in ("ImageProcessorPil", "ImageProcessor", "ImageProcessorFast"):
        try:
            cls = getattr(transformers, name + suffix)
            return json.loads(cls().to_json_string())
        except (AttributeError, ImportError):
            continue
    return None


all = {name: saved(name) for name in CLASSES}
json.dump({k: v for k, v in all.items() if v}, sys.stdout, indent=1, sort_keys=True)
