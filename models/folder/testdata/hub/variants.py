"""Makes variants.tar.gz: backbone folders with several files of one model, with
a graph that takes one sample, and with one that draws random numbers.

    python variants.py variants.tar.gz

Made with what generate.py was made with, and ONNX Runtime 1.32.0. The variants
are those that the conversion script of transformers.js makes: float16 with
float32 inputs and outputs, and dynamic quantisation of the weights to int8 and
to uint8. VARIANT.f32 in golden/ is what ONNX Runtime gives of each probe image
by itself with onnx/VARIANT.onnx, pooled; the rest is as in generate.py.
"""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16
from transformers import (MobileViTConfig, MobileViTImageProcessor, MobileViTModel, ConvNextImageProcessor, ResNetConfig, ResNetModel, SwinConfig,
                          SwinModel, ViTConfig, ViTImageProcessor, ViTMAEConfig, ViTMAEModel, ViTModel)

from generate import IMAGENET, S, VIT, cls, export, gap, golden, keep, processed, probes, randomise, short, square


def variants(root, name, model, processor, seed, vector):
    """A folder as transformers.js has it."""
    torch.manual_seed(0)
    model = randomise(model, seed)
    out = os.path.join(root, name)
    export(model, processor, out)
    processor.save_pretrained(out)
    pixels = processed(out)
    with torch.no_grad():
        golden(out, pixels, vector(model(pixels)))
    os.makedirs(os.path.join(out, "onnx"))
    plain = os.path.join(out, "onnx", "model.onnx")
    os.rename(os.path.join(out, "model.onnx"), plain)
    half = convert_float_to_float16(onnx.load(plain), keep_io_types=True, disable_shape_infer=True)
    onnx.save(half, plain.replace("model", "model_fp16"))
    for word, kind in {"quantized": QuantType.QInt8, "uint8": QuantType.QUInt8}.items():
        quantize_dynamic(plain, plain.replace("model", "model_" + word), weight_type=kind, extra_options={"EnableSubgraph": True})
    for word in ("model", "model_fp16", "model_quantized", "model_uint8"):
        session = ort.InferenceSession(os.path.join(out, "onnx", word + ".onnx"))
        rows = [session.run(["last_hidden_state"], {"pixel_values": np.asarray(p[None], np.float32)})[0] for p in pixels]

        class Output:
            last_hidden_state = torch.tensor(np.concatenate(rows).astype(np.float32))

        np.asarray(vector(Output), "<f4").tofile(os.path.join(out, "golden", word + ".f32"))


def one(root, name, model, processor, seed, vector, size=S):
    """A graph that was traced with one sample and no dynamic axes."""
    torch.manual_seed(0)
    model = randomise(model, seed, size)
    if hasattr(model, "set_attn_implementation"):
        model.set_attn_implementation("eager")
    out = os.path.join(root, name)
    os.makedirs(out)
    model.config.save_pretrained(out)
    processor.save_pretrained(out)
    pixels = processed(out)

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values):
            return self.model(pixel_values).last_hidden_state

    torch.onnx.export(Hidden().eval(), (pixels[:1],), os.path.join(out, "model.onnx"), input_names=["pixel_values"], output_names=["last_hidden_state"], opset_version=17)
    with torch.no_grad():
        golden(out, pixels, vector(model(pixels)))


def masked(root):
    """ViTMAE as optimum exports it: it shuffles the patches by noise that the
    graph draws."""
    torch.manual_seed(0)
    model = randomise(ViTMAEModel(ViTMAEConfig(**VIT)), 310)
    processor = ViTImageProcessor(size=square(S))
    out = os.path.join(root, "vit-mae")
    export(model, processor, out)
    processor.save_pretrained(out)
    model.config.save_pretrained(out)


def main():
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "probes"))
        for name, data in probes().items():
            with open(os.path.join(root, "probes", name), "wb") as f:
                f.write(data)
        variants(root, "vit", ViTModel(ViTConfig(**VIT), add_pooling_layer=False), ViTImageProcessor(size=square(S)), 300, cls)
        variants(root, "resnet", ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")), ConvNextImageProcessor(size=short(S), crop_pct=0.875, resample=3), 301, gap)
        one(root, "vit-one", ViTModel(ViTConfig(**VIT), add_pooling_layer=False), ViTImageProcessor(size=square(S)), 302, cls)
        one(root, "swin-one", SwinModel(SwinConfig(image_size=S, patch_size=2, embed_dim=8, depths=[2, 1], num_heads=[1, 2], window_size=4)), ViTImageProcessor(size=square(S), **IMAGENET), 303, lambda out: out.last_hidden_state.mean(1))
        one(root, "mobilevit-one", MobileViTModel(MobileViTConfig(image_size=64, hidden_sizes=[8, 12, 16], neck_hidden_sizes=[4, 4, 4, 8, 8, 8, 16], num_attention_heads=2)), MobileViTImageProcessor(size=short(72), crop_size=64), 304, gap, 64)
        masked(root)
        keep(root, sys.argv[1])


main()
