"""Writes more of architectures/*.onnx, and families.json: small models of the
libraries transformers and timm that leave the width of their embedding open
(SigLIP, DINOv3, ViT, EVA), resize a table of positions (DINOv2), gather by
element (DeBERTa) or compute relative positions in each layer (BEiT), and graphs
that ONNX Runtime's optimiser has been through, with the gradients of the modules
themselves.

    python -m venv venv && venv/bin/pip install torch==2.5.1 onnx==1.23.2 onnxruntime==1.32.0 transformers==4.57.6 timm==1.0.31 numpy
    venv/bin/python families.py

Gradients belong to the names that weights have in the ONNX file: a weight is
found by its values, as it is or transposed, or side by side with others.
"""
import json
import os
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
import torch.nn.functional as F
import timm
import transformers as T
from onnx import numpy_helper
from onnxruntime.transformers import optimizer

import architectures
from architectures import HERE, randomise
from generate import CLASSES, SAMPLES, noise, short

VISION = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, image_size=32, patch_size=8)
TEXT = dict(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=16)
DEBERTA = dict(TEXT, relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0, position_biased_input=False)


class First(nn.Module):
    """The first token of a model."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *fed):
        names = ["pixel_values"] if len(fed) == 1 else ["input_ids", "attention_mask"]
        return self.model(**dict(zip(names, fed))).last_hidden_state[:, 0]


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 1, 1), nn.Conv2d(6, 8, 3, 2, 1)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.relu(x + self.b(x))
        return F.leaky_relu(self.c(x), 0.1).mean((2, 3))


class Pyramid(nn.Module):
    """Maps that are resized and added, in the ways of torch.nn.functional."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, 4, 1), nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 8, 1)

    def forward(self, x):
        x = torch.tanh(self.a(x))
        y = torch.tanh(self.b(x))
        up = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False) + F.interpolate(y, size=(8, 8), mode="nearest")
        up = up + F.interpolate(y, size=(8, 8), mode="bicubic", align_corners=True)
        return self.c(torch.tanh(x + up)).mean((2, 3))


class Pooled(First):
    """What a model pools itself."""

    def forward(self, pixels):
        y = self.model(pixels)
        return y if torch.is_tensor(y) else y.pooler_output


def siglip():
    return Pooled(T.SiglipVisionModel(T.SiglipVisionConfig(**VISION)))


def dinov3():
    return Pooled(T.DINOv3ViTModel(T.DINOv3ViTConfig(**VISION, num_register_tokens=2)))


def of_timm(name):
    return lambda: Pooled(timm.create_model(name, num_classes=0, img_size=32, patch_size=8, embed_dim=16, depth=1, num_heads=2))


def dinov2():
    return First(T.Dinov2Model(T.Dinov2Config(**{**VISION, "image_size": 48})))


def beit():
    return First(T.BeitModel(T.BeitConfig(**VISION, use_relative_position_bias=True), add_pooling_layer=False))


def deberta():
    return First(T.DebertaModel(T.DebertaConfig(**DEBERTA)))


def debertav2():
    return First(T.DebertaV2Model(T.DebertaV2Config(**DEBERTA, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True)))


def bert(act):
    return lambda: First(T.BertModel(T.BertConfig(**TEXT, hidden_act=act, attn_implementation="eager"), add_pooling_layer=False))


def clip():
    return First(T.CLIPVisionModel(T.CLIPVisionConfig(**VISION, attn_implementation="eager")))


def export(module, fed, opset, path, fold):
    """As architectures.py does, but where folding would cut weights up."""
    plain = torch.onnx.export
    if not fold:
        torch.onnx.export = lambda *a, **k: plain(*a, **{**k, "do_constant_folding": False})
    try:
        return architectures.export(module, fed, opset, False, path)
    finally:
        torch.onnx.export = plain


def optimise(path, kind):
    """kind: of the transformer that ONNX Runtime's scripts look for; None: the
    optimiser of the runtime alone."""
    if kind is None:
        o = onnxruntime.SessionOptions()
        o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        o.optimized_model_filepath = path
        onnxruntime.InferenceSession(onnx.load(path).SerializeToString(), o, providers=["CPUExecutionProvider"])
    else:
        optimizer.optimize_model(path, model_type=kind, num_heads=2, hidden_size=16, opt_level=1).save_model_to_file(path)
    model = onnx.load(path)
    used = {n.domain for n in model.graph.node} | {""}
    for s in [s for s in model.opset_import if s.domain not in used]:
        model.opset_import.remove(s)
    del model.graph.value_info[:]
    onnx.save(model, path)
    return model


def samples(text):
    n = 2
    if text:
        ids = ((noise(n * 10, 1).astype(np.float64) + 1) / 2 * 50).astype(np.int64).reshape(n, 10)
        mask = (np.arange(10)[None, :] < (10 - 3 * np.arange(n))[:, None]).astype(np.int64)
        return dict(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
    return dict(pixel_values=torch.from_numpy(noise(n * 3 * 32 * 32, 1).reshape(n, 3, 32, 32) * np.float32(2)))


def assigned(parameters, arrays):
    """The gradients by the names of the file."""
    found, left = {}, dict(parameters)
    values = {k: p.detach().numpy() for k, p in left.items()}
    for theirs, a in arrays.items():
        for ours, v in values.items():
            grad = left[ours].grad
            if a.shape == v.shape and np.array_equal(a, v):
                found[theirs] = (grad, [ours])
            elif a.ndim == 2 and a.shape == v.T.shape and np.array_equal(a, v.T):
                found[theirs] = (grad.T, [ours])
            elif a.size == v.size > 1 and np.array_equal(a.ravel(), v.ravel()):
                found[theirs] = (grad.reshape(a.shape), [ours])
    # Query, key and value side by side.
    for theirs, a in arrays.items():
        if theirs in found or a.shape[-1:] != (48,):
            continue
        parts = []
        for part in np.split(a, 3, -1):
            for ours, v in values.items():
                if a.ndim == 2 and v.shape == part.T.shape and np.array_equal(v, part.T):
                    parts.append((left[ours].grad.T, ours))
                elif a.ndim == 1 and v.shape == part.shape and np.array_equal(v, part):
                    parts.append((left[ours].grad, ours))
        if len(parts) == 3:
            found[theirs] = (torch.cat([g for g, _ in parts], -1), [o for _, o in parts])
    missing = set(values) - {o for _, all in found.values() for o in all}
    # What the result does not depend on has no gradient.
    missing = {m for m in missing if left[m].grad is not None and left[m].grad.abs().max() > 0}
    assert not missing, missing
    return {k: g for k, (g, _) in found.items() if g is not None}


def case(name, make, opset, text=False, kind="", fold=True):
    torch.manual_seed(0)
    module = make().eval()
    randomise(module)
    fed = samples(text)
    name = "%s-%d" % (name, opset)
    path = os.path.join(HERE, "architectures", name + ".onnx")
    model = export(module, fed, opset, path, fold)
    if kind != "":
        model = optimise(path, kind)
    y = module(*fed.values())
    n, d = y.shape
    head = dict(weight=torch.from_numpy(noise(CLASSES * d, 2).reshape(CLASSES, d) / np.float32(np.sqrt(d))).requires_grad_(),
                bias=torch.from_numpy(noise(CLASSES, 3)).requires_grad_())
    target = torch.from_numpy((noise(n * CLASSES, 4).reshape(n, CLASSES) + 1) / np.float32(8 * n))
    loss = -(F.log_softmax(F.linear(y, head["weight"], head["bias"]), -1) * target).sum()
    loss.backward()
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    arrays.update({n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"})
    found = {"head.weight": head["weight"].grad, "head.bias": head["bias"].grad, **assigned(module.named_parameters(), arrays)}
    weights = []
    for theirs, g in found.items():
        grad = g.contiguous().numpy().ravel()
        index = sorted(set(((np.abs(noise(SAMPLES, 5 + len(weights))) * (grad.size - 1)).astype(int)).tolist() + [int(np.abs(grad).argmax())]))
        weights.append(dict(name=theirs, norm=short(np.linalg.norm(grad.astype(np.float64))), max=short(np.abs(grad).max()),
                            index=index, value=[short(v) for v in grad[index]]))
    print(name, os.path.getsize(path), len(weights), sorted({n.domain + ":" + n.op_type for n in model.graph.node if n.domain or n.op_type in ("Resize", "GatherElements")}))
    return dict(backbone=name, cut="", shape=list(next(iter(fed.values())).shape), loss=short(loss.item()), weights=weights)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cases = [
        case("siglip", siglip, 17, fold=False), case("dinov3", dinov3, 17, fold=False),
        case("timm-vit", of_timm("vit_tiny_patch16_224"), 17, fold=False), case("timm-siglip", of_timm("vit_base_patch16_siglip_224"), 17, fold=False),
        case("timm-eva", of_timm("eva02_tiny_patch14_224"), 17, fold=False),
        case("dinov2", dinov2, 14, fold=False), case("dinov2", dinov2, 18, fold=False), case("beit", beit, 17, fold=False), case("pyramid", Pyramid, 13),
        case("deberta", deberta, 17, text=True, fold=False), case("debertav2", debertav2, 17, text=True, fold=False),
        case("bert-fused", bert("gelu"), 14, text=True, kind="bert"), case("bert-fast", bert("gelu_new"), 14, text=True, kind="bert"),
        case("clip-fused", clip, 14, kind="clip"), case("convolutions-fused", Convolutions, 14, kind=None),
    ]
    text = json.dumps(dict(torch=torch.__version__, onnx=onnx.__version__, onnxruntime=onnxruntime.__version__, transformers=T.__version__, timm=timm.__version__, numpy=np.__version__,
                           cases=cases), separators=(",", ":"))
    text = text.replace('{"name"', '\n{"name"').replace('{"backbone"', '\n{"backbone"')
    with open(os.path.join(HERE, "families.json"), "w") as f:
        f.write(text + "\n")
