"""Writes what the reference makes of texts and images: the embeddings that
parity_test.go compares headstart's own with.

    python generate.py

Needs numpy, onnxruntime, Pillow 12.2 (13 changed the order of the passes of
its resize) and tokenizers; the versions that were used stand in manifest.json.
Texts are taken from extract/text/testdata, images from extract/image/testdata
and testdata/emoji.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import PIL
import tokenizers
from PIL import Image, ImageOps
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
BUILTIN = ROOT / "models" / "builtin"
assert PIL.__version__.startswith("12.2"), PIL.__version__

options = ort.SessionOptions()
options.intra_op_num_threads = 1


def texts():
    """Every 20th of the tokenizer's goldens that is one line of a table."""
    all_texts = [json.loads(line).get("text", "") for line in gzip.open(ROOT / "extract/text/testdata/golden.jsonl.gz", "rt", encoding="utf-8")]
    keep = [t for t in all_texts if t.strip() and not set(t) & set("\r\n\0") and len(t) < 4000]
    return sorted(set(keep[::20]))


def embed_texts(all_texts):
    tokenizer = Tokenizer.from_file(str(BUILTIN / "all-minilm-l6-v2/tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    session = ort.InferenceSession(str(BUILTIN / "all-minilm-l6-v2/onnx/model.onnx"), options)
    rows = []
    for text in all_texts:
        ids = np.array([tokenizer.encode(text).ids])
        hidden = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0][0]
        mean = hidden.mean(0)
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows, "<f4")


def images():
    emoji = sorted((ROOT / "testdata/emoji/images").glob("*.png"))[::45]
    fixtures = sorted(p for p in (ROOT / "extract/image/testdata/images").iterdir() if p.suffix in (".png", ".jpg"))
    return [p.relative_to(ROOT).as_posix() for p in emoji + fixtures]


def pixels(path):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    w, h = image.size
    w, h = (256, int(256 * h / w)) if w <= h else (int(256 * w / h), 256)
    image = image.resize((w, image.size[1]), Image.BICUBIC).resize((w, h), Image.BICUBIC)
    x, y = (w - 224) // 2, (h - 224) // 2
    crop = np.asarray(image.crop((x, y, x + 224, y + 224)))
    return ((crop / 255.0 - 0.5) / 0.5).astype(np.float32).transpose(2, 0, 1)


def embed_images(paths):
    session = ort.InferenceSession(str(BUILTIN / "efficientnet-lite0/onnx/model.onnx"), options)
    return np.concatenate([session.run(None, {"pixel_values": pixels(ROOT / p)[None]})[0] for p in paths]).astype("<f4")


def main():
    t, i = texts(), images()
    (HERE / "texts.f32").write_bytes(embed_texts(t).tobytes())
    (HERE / "images.f32").write_bytes(embed_images(i).tobytes())
    versions = {"numpy": np.__version__, "onnxruntime": ort.__version__, "pillow": PIL.__version__, "tokenizers": tokenizers.__version__}
    with open(HERE / "manifest.json", "w", encoding="utf-8") as f:
        json.dump({"versions": versions, "texts": t, "images": i}, f, ensure_ascii=False, indent=0)
        f.write("\n")
    print(len(t), "texts", len(i), "images", versions)


if __name__ == "__main__":
    main()
