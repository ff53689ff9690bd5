"""Writes small backbones with random weights into FOLDER/NAME/model.onnx, as
PyTorch's two exporters write them, for HEADSTART_BACKBONES. What an exporter or
an operator set cannot do is said and left out.

    python models/onnx/testdata/exports.py FOLDER

Versions: torch 2.15, transformers 5.24, timm 1.0.31, onnxscript 0.7, Python 3.11.
"""
import pathlib
import shutil
import sys
import warnings

import timm
import torch
import transformers as tf

warnings.filterwarnings("ignore")
torch.manual_seed(0)
out = pathlib.Path(sys.argv[1])


class Features(torch.nn.Module):
    def __init__(s, m, how):
        super().__init__()
        s.m, s.how = m, how

    def forward(s, *a):
        return s.how(s.m, *a)


def text(m, ids, mask, types=None):
    more = {} if types is None else {"token_type_ids": types}
    return m(input_ids=ids, attention_mask=mask, **more).last_hidden_state


def plain(m, x): return m(x)
def pooled(m, x): return m(x).pooler_output
def tokens(m, x): return m(x).last_hidden_state


BERT = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, vocab_size=60, max_position_embeddings=40)
EAGER = BERT | {"attn_implementation": "eager"}
VIT = dict(num_classes=0, embed_dim=32, depth=3, num_heads=4)
# name: how it is made, how features come out of it, inputs (of texts) or side (of images)
MODELS = {
    "bert": (lambda: tf.BertModel(tf.BertConfig(**BERT), add_pooling_layer=False), text, 3),
    "bert-eager": (lambda: tf.BertModel(tf.BertConfig(**EAGER), add_pooling_layer=False), text, 3),
    "roberta": (lambda: tf.RobertaModel(tf.RobertaConfig(**BERT), add_pooling_layer=False), text, 2),
    "distilbert": (lambda: tf.DistilBertModel(tf.DistilBertConfig(dim=32, n_layers=3, n_heads=4, hidden_dim=48, vocab_size=60, max_position_embeddings=40)), text, 2),
    "mpnet": (lambda: tf.MPNetModel(tf.MPNetConfig(**EAGER), add_pooling_layer=False), text, 2),
    "vit-hf": (lambda: tf.ViTModel(tf.ViTConfig(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=8), add_pooling_layer=False), tokens, 32),
    "convnext-hf": (lambda: tf.ConvNextModel(tf.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 2, 1])), pooled, 32),
    "resnet-hf": (lambda: tf.ResNetModel(tf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic")), pooled, 32),
    "resnet": (lambda: timm.create_model("resnet10t", num_classes=0), plain, 32),
    "mobilenetv3": (lambda: timm.create_model("mobilenetv3_small_050", num_classes=0), plain, 32),
    "mobilenetv2": (lambda: timm.create_model("mobilenetv2_050", num_classes=0), plain, 32),
    "efficientnet-lite0": (lambda: timm.create_model("efficientnet_lite0", num_classes=0), plain, 32),
    "efficientnet-tf": (lambda: timm.create_model("tf_efficientnet_lite0", num_classes=0), plain, 32),
    "convnext": (lambda: timm.create_model("convnext_atto", num_classes=0, depths=(1, 1, 2, 1), dims=(8, 16, 24, 32)), plain, 32),
    "vit": (lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, **VIT), plain, 32),
    "dinov2": (lambda: timm.create_model("vit_small_patch14_dinov2", img_size=28, **VIT), plain, 28),
    "swin": (lambda: timm.create_model("swin_tiny_patch4_window7_224", num_classes=0, embed_dim=8, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8)), plain, 224),
    "regnet": (lambda: timm.create_model("regnety_002", num_classes=0), plain, 32),
    "mobilevit": (lambda: timm.create_model("mobilevit_xxs", num_classes=0), plain, 32),
}


def export(folder, make, how, n, opset, dynamo):
    m = Features(make(), how).eval()
    if how is text:
        inputs = tuple(torch.ones(2, 9, dtype=torch.long) for _ in range(n))
        names, open_dims = ["input_ids", "attention_mask", "token_type_ids"][:n], {0: "batch", 1: "sequence"}
    else:
        inputs, names, open_dims = (torch.randn(2, 3, n, n),), ["pixel_values"], {0: "batch"}
    settings = dict(input_names=names, output_names=["features"], opset_version=opset, dynamo=dynamo)
    if dynamo:
        dims = {i: torch.export.Dim(name, min=2, max=32) for i, name in open_dims.items()}
        settings |= dict(dynamic_shapes=(tuple(dims for _ in inputs),), external_data=False, verbose=False)
    else:
        settings |= dict(dynamic_axes={name: open_dims for name in names + ["features"]})
    torch.onnx.export(m, inputs, str(folder / "model.onnx"), **settings)


for name, (make, how, n) in MODELS.items():
    for opset, dynamo in (9, False), (11, False), (13, False), (17, False), (18, True), (23, True):
        if (name, opset) == ("mpnet", 11):
            continue  # it gets a Min of integers, which this operator set does not have
        folder = out / f"{name}-{'dynamo' if dynamo else 'script'}-{opset}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            export(folder, make, how, n, opset, dynamo)
            print(folder.name)
        except Exception as e:
            shutil.rmtree(folder)
            print(folder.name, "left out:", type(e).__name__, str(e).split("\n")[0][:120])
