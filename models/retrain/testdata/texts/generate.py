"""Writes models.tar.gz and gradients.json: small text models of many families
with random weights, as optimum and torch.onnx export them, and the gradients of
a first step of retraining behind each, by PyTorch.

    python generate.py [NAME…]

Of a graph that is run node by node (interpreter.py of package grad) autograd
gives the gradients in float64; that it computes what the library's own model
does is checked. The ids are those of SAMPLES, of unequal length. Head, targets
and directions are those of models/folder/testdata/hub/gradients.py.

Made with Python 3.11, torch 2.5.1, transformers 4.57.6, optimum 2.1.0 with
optimum-onnx 0.1.0, onnx 1.23.2, onnxruntime 1.32.0.
"""
import gzip
import io
import json
import os
import sys
import tarfile
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import transformers as T
from optimum.exporters.onnx import main_export

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "onnx", "grad", "testdata"))
from generate import noise  # noqa: E402
from interpreter import Graph  # noqa: E402

CLASSES, DIRECTIONS = 5, 6
IDS = np.array([[4, 17, 3, 29, 8, 11], [9, 21, 5, 7, 0, 0], [2, 30, 14, 6, 12, 0], [25, 13, 0, 0, 0, 0]], np.int64)
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0]], np.int64)

BERT = dict(vocab_size=40, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24, max_position_embeddings=64, pad_token_id=0)
DECODER = dict(vocab_size=40, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, head_dim=8, intermediate_size=24, max_position_embeddings=64, pad_token_id=0)
TOWER = dict(vocab_size=40, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24, max_position_embeddings=64, bos_token_id=1, eos_token_id=30, pad_token_id=0)
DEBERTA = dict(relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0, position_biased_input=False)

# name: model, operator set
MODELS = {
    "bert": (lambda: T.BertModel(T.BertConfig(**BERT)), 17),
    "roberta": (lambda: T.RobertaModel(T.RobertaConfig(**BERT)), 17),
    "xlm-roberta": (lambda: T.XLMRobertaModel(T.XLMRobertaConfig(**BERT)), 14),
    "mpnet": (lambda: T.MPNetModel(T.MPNetConfig(**BERT)), 17),
    "distilbert": (lambda: T.DistilBertModel(T.DistilBertConfig(vocab_size=40, dim=16, n_layers=3, n_heads=2, hidden_dim=24, max_position_embeddings=64)), 17),
    "electra": (lambda: T.ElectraModel(T.ElectraConfig(embedding_size=8, **BERT)), 17),
    "deberta-v2": (lambda: T.DebertaV2Model(T.DebertaV2Config(**BERT, **DEBERTA, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True)), 17),
    "albert": (lambda: T.AlbertModel(T.AlbertConfig(**BERT, embedding_size=8)), 17),
    "t5": (lambda: T.T5EncoderModel(T.T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=24, num_layers=3, num_heads=2, feed_forward_proj="gated-gelu", relative_attention_num_buckets=8)), 17),
    "modernbert": (lambda: T.ModernBertModel(T.ModernBertConfig(**{**BERT, "num_hidden_layers": 4}, global_attn_every_n_layers=3, local_attention=4, reference_compile=False)), 17),
    "gpt-neox": (lambda: T.GPTNeoXModel(T.GPTNeoXConfig(**BERT)), 17),
    "qwen3": (lambda: T.Qwen3Model(T.Qwen3Config(**DECODER)), 17),
    "gemma3": (lambda: T.Gemma3TextModel(T.Gemma3TextConfig(**DECODER, sliding_window=4, query_pre_attn_scalar=8, layer_types=["sliding_attention", "full_attention", "sliding_attention"])), 17),
    "clip-text": (lambda: T.CLIPTextModelWithProjection(T.CLIPTextConfig(**TOWER, projection_dim=16)), 17),
    "siglip-text": (lambda: T.SiglipTextModel(T.SiglipTextConfig(**{**TOWER, "max_position_embeddings": 64}, projection_size=16)), 17),
}
# Tensors between layers that share weights, or a table of position biases.
# Behind a cut there the gradient is that of the uses behind it.
CUTS = {
    "mpnet": ["/encoder/layer.%d/output/LayerNorm/LayerNormalization_output_0" % i for i in range(2)],
    "t5": ["/model/encoder/block.%d/layer.1/Add_output_0" % i for i in range(2)],
    "deberta-v2": ["/encoder/layer.%d/output/LayerNorm/LayerNormalization_output_0" % i for i in range(2)],
    "albert": ["/encoder/albert_layer_groups.0/albert_layers.0/attention/LayerNorm_%d/LayerNormalization_output_0" % i for i in (1, 2)],
}
OUTPUTS = {"clip-text": "text_embeds", "siglip-text": "pooler_output"}


def randomise(model, seed):
    """Random weights of a size that keeps activations near one, on a grid of
    1/32, so that an archive of them is small."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1:
                q = torch.randn(p.shape, generator=g) / max(p[0].numel(), 4) ** 0.5
                if "embed" in name.lower():
                    q = 4 * q
            elif "norm" in name.lower() and name.endswith("weight") and "gemma" not in type(model).__name__.lower():
                q = 1 + 0.2 * torch.randn(p.shape, generator=g)
            else:
                q = 0.2 * torch.randn(p.shape, generator=g)
            p.copy_((q * 32).round() / 32)
    return model.eval()


class Out(torch.nn.Module):
    def __init__(self, model, name, mask):
        super().__init__()
        self.model, self.name, self.mask = model, name, mask

    def forward(self, input_ids, attention_mask=None):
        fed = {"attention_mask": attention_mask} if self.mask else {}
        if getattr(self.model.config, "use_cache", False) and self.model.config.model_type != "t5":
            fed["use_cache"] = False
        return getattr(self.model(input_ids=input_ids, **fed), self.name)


def plain(model, path, opset, output, mask):
    """The graph of torch.onnx."""
    if hasattr(model, "set_attn_implementation"):
        model.set_attn_implementation("eager")
    ids, names = (torch.from_numpy(IDS), torch.from_numpy(MASK)), ["input_ids", "attention_mask"]
    if not mask:
        ids, names = ids[:1], names[:1]
    axes = {n: {0: "batch", 1: "tokens"} for n in names}
    axes[output] = {0: "batch"} if output != "last_hidden_state" else {0: "batch", 1: "tokens"}
    torch.onnx.export(Out(model, output, mask).eval(), ids, path, input_names=names, output_names=[output], dynamic_axes=axes, opset_version=opset)


def export(name, model, path, opset):
    output = OUTPUTS.get(name, "last_hidden_state")
    if name not in PLAIN:
        with tempfile.TemporaryDirectory() as src, tempfile.TemporaryDirectory() as out:
            model.save_pretrained(src)
            with open(os.path.join(src, "preprocessor_config.json"), "w") as f:
                f.write("{}")
            main_export(src, out, task="feature-extraction", opset=opset, do_validation=False, no_post_process=False, library_name="transformers")
            m = onnx.load(os.path.join(out, "model.onnx"))
            onnx.save(m, path)
    else:
        plain(model, path, opset, output, name != "siglip-text")
    m = onnx.load(path)
    del m.metadata_props[:]
    for n in m.graph.node:
        n.doc_string = ""
    onnx.save(m, path)
    return m


PLAIN = {"siglip-text", "clip-text", "t5"}


def fed(graph):
    all = {"input_ids": torch.from_numpy(IDS), "attention_mask": torch.from_numpy(MASK), "token_type_ids": torch.zeros(IDS.shape, dtype=torch.int64),
           "position_ids": torch.arange(IDS.shape[1])[None, :].repeat(len(IDS), 1)}
    return {i.name: all[i.name] for i in graph.input}


def case(name, root):
    make, opset = MODELS[name]
    torch.manual_seed(0)
    model = randomise(make(), 300 + list(MODELS).index(name))
    path = os.path.join(root, name + ".onnx")
    with torch.no_grad():
        module = Out(model, OUTPUTS.get(name, "last_hidden_state"), name != "siglip-text")
        want = module(torch.from_numpy(IDS), torch.from_numpy(MASK)).to(torch.float64)
    onnx_model = export(name, model, path, opset)
    found = first(name, Graph(onnx_model), want)
    for cut in CUTS.get(name, []):
        g = Graph(onnx_model)
        with torch.no_grad():
            at = g.run(fed(g.graph))[cut]
        found.setdefault("cuts", {})[cut] = first(name, g, want, {cut: at})
    print(name, os.path.getsize(path), len(found["weights"]), "weights, loss %.3f" % found["loss"], sorted({(n.domain + ":" if n.domain else "") + n.op_type for n in onnx_model.graph.node}), flush=True)
    return found


def first(name, g, want, at={}):
    output = OUTPUTS.get(name, "last_hidden_state")
    y = g.run({**fed(g.graph), **at})[output]
    m = torch.from_numpy(MASK).to(torch.float64)
    if y.dim() == 3:  # what is no token may be anything
        off = ((y - want) * m[:, :, None]).abs().max()
        y = (y * m[:, :, None]).sum(1) / m.sum(1, keepdim=True)
    else:
        off = (y - want).abs().max()
    assert off < 1e-4 * want.abs().max(), (name, off)
    n, d = y.shape
    scale = 2.0 ** -round(np.log2(y.detach().norm().item() / n ** 0.5))
    weight = (scale * torch.from_numpy(noise(CLASSES * d, 2)).reshape(CLASSES, d).to(torch.float64)).requires_grad_()
    bias = torch.from_numpy(noise(CLASSES, 3)).to(torch.float64).requires_grad_()
    loss = F.cross_entropy(F.linear(y, weight, bias), torch.arange(n) % CLASSES)
    loss.backward()
    weights = {}
    for key, w in sorted({"head.weight": weight, "head.bias": bias, **g.weights}.items()):
        if w.grad is not None:
            grad = w.grad.numpy().ravel()
            weights[key] = dict(norm=short(np.linalg.norm(grad)), along=[short(float(grad @ noise(grad.size, 100 + k).astype(np.float64))) for k in range(DIRECTIONS)])
    return dict(loss=short(loss.item()), scale=scale, output=output, dim=d, weights=weights)


def short(v):
    return float("%.9g" % v)


def main():
    torch.set_num_threads(1)
    only = sys.argv[1:]
    with tempfile.TemporaryDirectory() as root:
        cases = {}
        for name in MODELS:
            if not only or name in only:
                cases[name] = case(name, root)
        text = json.dumps(cases, separators=(",", ":"))
        with open(os.path.join(HERE, "gradients.json"), "w") as f:
            f.write(text.replace('},"', '},\n"') + "\n")
        target = os.path.join(HERE, "models.tar.gz")
        with open(target, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as z, tarfile.open(fileobj=z, mode="w") as tar:
            for file in sorted(os.listdir(root)):
                info = tarfile.TarInfo(file)
                with open(os.path.join(root, file), "rb") as f:
                    data = f.read()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        print(os.path.getsize(target), "bytes")


main()
