"""Makes parity.json.gz: random files of image processors, and what the
reference makes of some images with them.

    python generate.py parity.json.gz [SEED [FILES OF A CLASS [CLASS…]]]

Made with Python 3.11, torch 2.5.1, torchvision 0.20.1, transformers 4.57.6,
timm 1.0.31, open_clip 3.3.0, Pillow 12.2. The reference is the class that computes with Pillow,
also for a file that names its …Fast variant; DINOv3ViT has that variant alone.
Every image is converted to RGB before, as loaders do, and the processor is told
how its channels lie, which it guesses wrong for images that are 1 or 3 pixels
high. PyTorch resizes numbers to other last bits on a machine that does not fuse
products with sums: this one does.

    images  {NAME: base64 of a file}
    cases   [{files: {NAME: content}, error: what the reference says instead,
              images: {NAME: RESULT}}]

RESULT is {"error": …} or {"size": [h, w]} with

    "values"  digest of the float32 values, channels first; or
    "levels"  digest of the uint8 levels before they are normalised, rows of
              RGB; where the reference divides by 255 in another precision, or
    "some"    base64 of float32 values: those at i·max(1, n//61), i < 61
"""

import base64
import gzip
import hashlib
import io
import json
import os
import random
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"

import numpy as np
import transformers
from PIL import Image
from timm.data import create_transform, resolve_data_config
from transformers import AutoImageProcessor

rng = random.Random()


def images():
    """Files of odd sizes and modes."""
    g = np.random.default_rng(5)

    def picture(w, h, channels=3, cell=7):
        small = g.integers(0, 256, (max(2, h // cell), max(2, w // cell), channels), np.uint8)
        planes = [Image.fromarray(small[:, :, c]).resize((w, h), Image.BICUBIC) for c in range(channels)]
        return np.stack([np.asarray(p) for p in planes], 2)

    out = {}

    def keep(name, image, kind="PNG", **options):
        data = io.BytesIO()
        image.save(data, kind, **options)
        out[name] = data.getvalue()

    keep("1x1.png", Image.fromarray(picture(1, 1)))
    keep("1x500.png", Image.fromarray(picture(1, 500)))
    keep("333x2.png", Image.fromarray(picture(333, 2)))
    keep("37x211.png", Image.fromarray(picture(37, 211)))
    keep("640x480.jpg", Image.fromarray(picture(640, 480, cell=40)), "JPEG", quality=80)
    keep("grey.png", Image.fromarray(picture(61, 40, 1)[:, :, 0]))
    keep("palette.png", Image.fromarray(picture(50, 30)).quantize(31))
    keep("alpha.png", Image.fromarray(picture(33, 31, 4), "RGBA"))
    return out


IMAGES = images()


def opened():
    return {name: Image.open(io.BytesIO(data)).convert("RGB") for name, data in IMAGES.items()}


# What files have, by class: (short: whether its size is the shortest edge;
# crop: whether it crops; other keys). A name behind | is a model_type.
CLASSES = {
    "CLIP": (True, True, {}),
    "Bit": (True, True, {}),
    "ChineseCLIP": (False, True, {}),
    "ViT": (False, False, {}),
    "DeiT": (False, True, {}),
    "Beit": (False, True, {"do_reduce_labels": [True, False]}),
    "Siglip": (False, False, {}),
    "ConvNext": (True, False, {"crop_pct": [0.875, 0.9, 0.95, 1.0, 0.5, 0.67, None]}),
    "EfficientNet": (False, True, {"rescale_offset": [True, False], "include_top": [True, False], "rescale_factor": [1 / 127.5, 1 / 255]}),
    "MobileNetV1": (True, True, {}),
    "MobileNetV2": (True, True, {}),
    "MobileViT": (True, True, {"do_flip_channel_order": [True, False]}),
    "Segformer": (False, False, {"do_reduce_labels": [True, False]}),
    "Levit": (True, True, {}),
    "PoolFormer": (True, True, {"crop_pct": [0.875, 0.9, 0.95, 1.0, 0.5, None]}),
    "Pvt": (False, False, {}),
    "Blip": (False, False, {}),
    "DINOv3ViT": (False, False, {}),
    "OwlViT": (False, True, {"rescale": [True, True, False]}),
}
MODEL_TYPES = {
    "CLIP": ["clip"], "Bit": ["bit", "dinov2", "focalnet", "hiera"],
    "ViT": ["vit", "swin", "swinv2", "vit_mae", "vit_msn"], "DeiT": ["deit"], "Beit": ["beit", "data2vec-vision"],
    "ConvNext": ["convnext", "convnextv2", "resnet", "regnet", "cvt", "van"], "MobileNetV2": ["mobilenet_v2"], "MobileViT": ["mobilevit", "mobilevitv2"],
    "OwlViT": ["owlvit"], "Segformer": ["segformer"], "Levit": ["levit"], "PoolFormer": ["poolformer"], "Pvt": ["pvt"], "EfficientNet": ["efficientnet"],
}
MISSING = object()
DIFFERS = {
    "Beit": {"size": {"height": 48, "width": 48}, "do_center_crop": False},
    **{name: {"resample": 3} for name in ("ConvNext", "EfficientNet", "MobileViT", "Pvt")},
}


def one(*choices):
    """One of (weight, value or function) pairs."""
    value = rng.choices([c[1] for c in choices], [c[0] for c in choices])[0]
    return value() if callable(value) else value


def side():
    return rng.choice([1, 7, 16, 31, 32, 40, 48, 63, 64, 80, 97, 101])


def size(short):
    n = side()
    plain = (6, {"shortest_edge": n}) if short else (6, {"height": n, "width": n})
    return one(
        (2, MISSING), plain, (2, n), (2, {"height": n, "width": side()}), (1, {"shortest_edge": n}), (1, [n, n]),
        (0.5, {"longest_edge": n}), (0.5, {"shortest_edge": n, "longest_edge": n + side()}),
        (0.5, {"max_height": n, "max_width": side()}), (0.3, {"height": n}), (0.3, None),
    )


def flag(often):
    return one((5, often), (1, not often), (3, MISSING), (0.2, None))


def three(low, high):
    draw = lambda: round(rng.uniform(low, high), 3)
    return one((5, lambda: [draw(), draw(), draw()]), (3, MISSING), (1, draw), (0.3, lambda: [draw()]), (0.3, None), (1, [0.5, 0.5, 0.5]))


def config(name):
    short, crops, other = CLASSES[name]
    o = {
        "do_resize": one((6, True), (0.5, False), (3, MISSING)),
        "size": size(short),
        "resample": one((3, MISSING), (1, 0), (1, 1), (2, 2), (2, 3), (0.7, 4), (0.7, 5), (0.2, None)),
        "do_rescale": flag(True),
        "rescale_factor": one((3, MISSING), (3, 0.00392156862745098), (1, 1 / 255), (1, 1 / 127.5), (0.5, 1), (0.5, 0.01)),
        "do_normalize": flag(True),
        "image_mean": three(0.0, 0.6),
        "image_std": three(0.2, 0.6),
        "do_convert_rgb": one((3, MISSING), (1, True), (0.3, False), (0.3, None)),
        "data_format": one((8, MISSING), (1, "channels_first"), (0.3, None)),
        "input_data_format": one((12, MISSING), (1, None)),
        "processor_class": one((5, MISSING), (1, "CLIPProcessor")),
        "_processor_class": one((8, MISSING), (1, "ViTProcessor"), (1, None)),
        "_valid_processor_keys": one((8, MISSING), (1, ["images", "do_resize"])),
        "default_to_square": one((12, MISSING), (1, True), (1, False)),
    }
    if crops or rng.random() < 0.1:
        n = side()
        o["do_center_crop"] = flag(True) if crops else rng.choice([True, False])
        o["crop_size"] = one((2, MISSING), (3, n), (5, {"height": n, "width": n}), (2, {"height": n, "width": side()}), (0.4, [n, side()]), (0.2, {"shortest_edge": n}))
    for key, values in other.items():
        if rng.random() < 0.6:
            o[key] = rng.choice(values)
    # Releases disagree on these defaults: files say them.
    for key, value in DIFFERS.get(name, {}).items():
        if o.get(key, MISSING) is MISSING or o[key] is None:
            o[key] = value
    o = {k: v for k, v in o.items() if v is not MISSING}
    files = {"config.json": {}}
    fast = name == "DINOv3ViT"
    suffix = "ImageProcessorFast" if fast else one((4, "ImageProcessor"), (1, "ImageProcessorFast"), (1, "FeatureExtractor"))
    key = one((3, "image_processor_type"), (0 if fast else 1, "feature_extractor_type"))
    if name in MODEL_TYPES and rng.random() < 0.15:
        files["config.json"]["model_type"] = rng.choice(MODEL_TYPES[name])
    else:
        o[key] = name + suffix
    if rng.random() < 0.1:
        files["processor_config.json"] = {"image_processor": o, "processor_class": "CLIPProcessor"}
    else:
        files["preprocessor_config.json"] = o
    return files, o


def processor(name, o):
    """The reference, with Pillow."""
    if name == "DINOv3ViT":
        return transformers.DINOv3ViTImageProcessorFast.from_dict(dict(o))
    o = {k: v for k, v in o.items() if k not in ("image_processor_type", "feature_extractor_type")}
    return getattr(transformers, name + "ImageProcessor").from_dict(o)


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16]


def some(a):
    a = np.ascontiguousarray(a, np.float32).reshape(-1)
    step = max(1, a.size // 61)
    return base64.b64encode(a[::step][:61].astype("<f4").tobytes()).decode()


def case(name):
    files, o = config(name)
    out = {"class": name, "files": files, "images": {}}
    try:
        p = processor(name, o)
    except Exception as e:
        return {**out, "error": str(e)[:80]}
    for label, image in opened().items():
        try:
            if name == "DINOv3ViT":
                a = p([image], return_tensors="pt")["pixel_values"][0].numpy()
                out["images"][label] = {"size": a.shape[1:], "values": digest(a.astype("<f4"))}
            else:
                a = np.asarray(p([image], input_data_format="channels_last")["pixel_values"][0])
                out["images"][label] = {"size": a.shape[1:], "values": digest(a.astype("<f4"))}
        except Exception as e:
            out["images"][label] = {"error": str(e)[:80]}
    return out


def timm_case(_):
    n = side() + 8
    mean = lambda: [round(rng.uniform(0, 0.6), 3) for _ in range(3)]
    cfg = {
        "input_size": one((6, [3, n, n]), (2, [3, n, side() + 8]), (0.3, MISSING), (0.2, None)),
        "test_input_size": one((4, MISSING), (1, [3, n + 32, n + 32])),
        "crop_pct": one((1, MISSING), (5, lambda: rng.choice([0.875, 0.9, 0.95, 1.0, 0.5, 0.94, 0.965])), (0.3, 0), (0.3, None), (0.5, 1.1), (0.5, 1)),
        "test_crop_pct": one((4, MISSING), (1, 1.0)),
        "crop_mode": one((2, MISSING), (2, "center"), (2, "squash"), (2, "border"), (0.3, None), (0.2, "")),
        "interpolation": one((4, "bicubic"), (3, "bilinear"), (1, "nearest"), (1, "lanczos"), (1, "box"), (1, "hamming"), (0.3, "random"), (1, MISSING), (0.3, None), (0.2, "")),
        "mean": one((5, mean), (1, MISSING), (1, [0.485, 0.456, 0.406]), (0.3, None), (0.3, [0.5]), (0.2, [])),
        "std": one((5, lambda: [0.2 + x for x in mean()]), (1, MISSING), (1, [0.229, 0.224, 0.225]), (0.3, None), (0.3, [0.5])),
        "num_classes": 0, "first_conv": "conv1", "fixed_input_size": True,
    }
    cfg = {k: v for k, v in cfg.items() if v is not MISSING}
    out = {"class": "timm", "files": {"config.json": {"architecture": "resnet18", "pretrained_cfg": cfg}}, "images": {}}
    if rng.random() < 0.2 and "input_size" in cfg:
        out["files"] = {"config.json": {"architecture": "resnet18", **cfg}}
    try:
        tr = create_transform(**resolve_data_config({}, pretrained_cfg=cfg))
        if cfg.get("interpolation") == "random":
            raise ValueError("random")
    except Exception as e:
        return {**out, "error": str(e)[:80] or type(e).__name__}
    for label, image in opened().items():
        try:
            a = tr(image).numpy()
            for t in tr.transforms[:-2]:
                image = t(image)
            out["images"][label] = {"size": a.shape[1:], "levels": digest(np.asarray(image)), "some": some(a)}
        except Exception as e:
            out["images"][label] = {"error": str(e)[:80] or type(e).__name__}
    return out


def open_clip_case(_):
    from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

    n = side() + 8
    size = one((6, n), (1, [n, side() + 8]), (0.5, MISSING))
    pre = {
        "mean": one((4, [0.48145466, 0.4578275, 0.40821073]), (2, [0.5, 0.5, 0.5]), (1, [0, 0, 0]), (1, MISSING), (0.3, None)),
        "std": one((4, [0.26862954, 0.26130258, 0.27577711]), (2, [0.5, 0.5, 0.5]), (1, [1, 1, 1]), (1, MISSING), (0.3, None)),
        "interpolation": one((4, "bicubic"), (2, "bilinear"), (0.5, "random"), (1, MISSING)),
        "resize_mode": one((3, "shortest"), (2, "squash"), (2, "longest"), (1, MISSING)),
        "fill_color": one((4, MISSING), (1, 0), (1, 127)),
        "size": one((4, MISSING), (1, 99)),
    }
    pre = {k: v for k, v in pre.items() if v is not MISSING}
    vision = {"layers": 2, "width": 16, "patch_size": 8}
    if size is not MISSING:
        vision["image_size"] = size
    whole = {"model_cfg": {"embed_dim": 12, "vision_cfg": vision, "text_cfg": {}}, "preprocess_cfg": pre}
    if rng.random() < 0.1:
        del whole["preprocess_cfg"]
        pre = {}
    out = {"class": "open_clip", "files": {"open_clip_config.json": whole}, "images": {}}
    cfg = merge_preprocess_dict(merge_preprocess_dict(PreprocessCfg(), pre), {"size": vision.get("image_size", 224)})
    tr = image_transform_v2(PreprocessCfg(**cfg), is_train=False)
    for label, image in opened().items():
        try:
            a = tr(image).numpy()
            for t in tr.transforms[:-2]:
                image = t(image)
            out["images"][label] = {"size": a.shape[1:], "levels": digest(np.asarray(image)), "some": some(a)}
        except Exception as e:
            out["images"][label] = {"error": str(e)[:80] or type(e).__name__}
    return out


OTHERS = {"timm": timm_case, "open_clip": open_clip_case}


def main():
    path, seed, count = (sys.argv[1:] + ["1", "12"][len(sys.argv) - 2:])[:3]
    names = sys.argv[4:]
    rng.seed(int(seed))
    cases = []
    for name in names or [*CLASSES, *OTHERS]:
        cases += [OTHERS.get(name, case)(name) for _ in range(int(count) * (3 if name == "timm" else 1))]
    # Files of which the reference makes nothing are refused, and say little.
    text = json.dumps({"images": {k: base64.b64encode(v).decode() for k, v in IMAGES.items()}, "cases": cases}, separators=(",", ":"))
    with open(path, "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
        z.write(text.encode())


main()
