"""Writes convnext/, vit/, distilbert/ and resnet/: small backbones with random
weights, in folders as Hugging Face has them.

    python -m venv venv && venv/bin/pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6 transformers==5.24.0 tokenizers==0.23.3
    venv/bin/python generate.py

Networks are those of the library transformers; convnext and distilbert are
exported by PyTorch's newer exporter, vit and resnet by the older one, so that
names of both kinds occur. The vocabulary of distilbert is made of the names in
testdata/emoji/emoji.csv. Nothing is fetched.
"""
import collections
import csv
import json
import os
import warnings

import onnx
import tokenizers
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
EMOJI = os.path.join(HERE, "..", "..", "..", "..", "testdata", "emoji", "emoji.csv")
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


class ConvNext(transformers.ConvNextModel):
    def forward(self, pixel_values):
        y = super().forward(pixel_values)
        return y.last_hidden_state, y.pooler_output


class ViT(transformers.ViTModel):
    def forward(self, pixel_values):
        y = super().forward(pixel_values)
        return y.last_hidden_state, y.pooler_output


class ResNet(transformers.ResNetModel):
    """With the flattening of transformers.ResNetForImageClassification: the
    pooled output alone is N×C×1×1."""

    def forward(self, pixel_values):
        y = super().forward(pixel_values)
        return y.last_hidden_state, torch.flatten(y.pooler_output, 1)


class DistilBert(transformers.DistilBertModel):
    def forward(self, input_ids, attention_mask):
        return super().forward(input_ids, attention_mask).last_hidden_state


def write(folder, name, value):
    path = os.path.join(HERE, folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(value, f, indent=2, ensure_ascii=False)
        f.write("\n")


def randomise(module):
    """Weights that keep activations near their size, each affine part of a
    normalisation and each layer scale different from 1 and 0."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if "embeddings" in name and p.shape[0] == 1:  # a token or positions
                p.normal_(0, 0.5)
            elif "embeddings.weight" in name:
                p.normal_(0, 1)
            elif p.dim() > 1:
                p.normal_(0, (1 / p[0].numel()) ** 0.5)
            elif name.endswith("bias"):
                p.normal_(0, 0.1)
            else:
                p.uniform_(0.6, 1.4)


def statistics(module, fed):
    """Gives each BatchNormalization the statistics of what it is fed."""
    module.train()
    with torch.no_grad():
        for _ in range(20):
            module(*fed)
    module.eval()


def export(module, fed, path, opset, dynamo):
    names = ["last_hidden_state", "pooler_output"]
    y = module(*fed.values())
    outputs = dict(zip(names, (y,) if torch.is_tensor(y) else y))
    for name, v in outputs.items():
        print("%-10s %-17s %-18s mean %6.3f, std %.3f, std between samples %.3f" % (
            os.path.relpath(path, HERE).split(os.sep)[0], name, list(v.shape), v.mean(), v.std(), v.std(0).mean()))
    axes = {k: {0: "batch", **({1: "sequence"} if k == "attention_mask" or k == "input_ids" else {})} for k in fed}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    options = dict(input_names=list(fed), output_names=list(outputs), opset_version=opset)
    if dynamo:
        shapes = tuple({i: torch.export.Dim(d) for i, d in a.items()} for a in axes.values())
        torch.onnx.export(module, tuple(fed.values()), path, dynamo=True, external_data=False, verbose=False, dynamic_shapes=shapes, **options)
    else:
        axes.update({k: {0: "batch"} for k in outputs})
        torch.onnx.export(module, tuple(fed.values()), path, dynamo=False, do_constant_folding=True, dynamic_axes=axes,
                          training=torch.onnx.TrainingMode.PRESERVE, **options)
    model = onnx.load(path)
    # Where each node comes from stays, for names of layers; stacks of calls have
    # the paths of whoever ran this.
    del model.metadata_props[:]
    for part in [model.graph] + list(model.graph.node) + list(model.graph.value_info) + list(model.graph.initializer) + list(model.graph.input) + list(model.graph.output):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            keep = [(p.key, p.value) for p in part.metadata_props if p.key == "namespace" and isinstance(part, onnx.NodeProto)]
            del part.metadata_props[:]
            for key, value in keep:
                part.metadata_props.add(key=key, value=value)
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    print(" " * 10, os.path.getsize(path), "bytes,", sorted({n.op_type for n in model.graph.node}))


def images(n, size):
    return torch.randn(n, 3, size, size)


def processor(folder, size, resize, **levels):
    write(folder, "preprocessor_config.json", dict(
        crop_size=dict(height=size, width=size), do_center_crop=True, do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True,
        image_mean=levels["image_mean"], image_processor_type="CLIPImageProcessor", image_std=levels["image_std"],
        resample=3, rescale_factor=1 / 255, size=resize))


def config(folder, module, architecture):
    c = module.config.to_dict()
    c["architectures"] = [architecture]
    write(folder, "config.json", c)


def convnext():
    torch.manual_seed(1)
    module = ConvNext(transformers.ConvNextConfig(hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 2, 1], image_size=64)).eval()
    randomise(module)
    config("convnext", module, "ConvNextModel")
    processor("convnext", 64, dict(shortest_edge=72), **IMAGENET)
    export(module, dict(pixel_values=images(2, 64)), os.path.join(HERE, "convnext", "onnx", "model.onnx"), 20, True)


def vit():
    torch.manual_seed(2)
    module = ViT(transformers.ViTConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8)).eval()
    randomise(module)
    config("vit", module, "ViTModel")
    processor("vit", 32, dict(height=32, width=32), image_mean=[0.5] * 3, image_std=[0.5] * 3)
    export(module, dict(pixel_values=images(2, 32)), os.path.join(HERE, "vit", "model.onnx"), 17, False)


def resnet():
    torch.manual_seed(3)
    module = ResNet(transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[2, 2, 2, 2], layer_type="basic"))
    randomise(module)
    statistics(module, [images(32, 64)])
    config("resnet", module, "ResNetModel")
    processor("resnet", 64, dict(shortest_edge=72), **IMAGENET)
    export(module, dict(pixel_values=images(2, 64)), os.path.join(HERE, "resnet", "onnx", "model.onnx"), 18, False)


def pieces(texts, size):
    """Special tokens, letters, the commonest words and the commonest endings.
    (The trainer of the library tokenizers breaks ties by chance.)"""
    split = tokenizers.BertWordPieceTokenizer(lowercase=True)
    words = collections.Counter(w for t in texts for w, _ in split.pre_tokenizer.pre_tokenize_str(split.normalizer.normalize_str(t)))
    letters = sorted({c for w in words for c in w})
    endings = collections.Counter()
    for w, n in words.items():
        for k in 2, 3, 4:
            if k < len(w):
                endings["##" + w[-k:]] += n
    commonest = lambda c: sorted(c, key=lambda w: (-c[w], w))
    all = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters]
    all += [w for w in commonest(words) if len(w) > 1][:(size - len(all)) * 3 // 4]
    return all + commonest(endings)[:size - len(all)]


def distilbert():
    torch.manual_seed(4)
    with open(EMOJI, newline="", encoding="utf-8") as f:
        names = [row["name"] for row in csv.DictReader(f)]
    vocabulary = {w: i for i, w in enumerate(pieces(names, 600))}
    positions = 64
    folder = os.path.join(HERE, "distilbert")
    os.makedirs(folder, exist_ok=True)
    words = tokenizers.BertWordPieceTokenizer(vocabulary, lowercase=True)
    words.save(os.path.join(folder, "tokenizer.json"))
    write("distilbert", "tokenizer_config.json", dict(
        cls_token="[CLS]", clean_up_tokenization_spaces=True, do_lower_case=True, mask_token="[MASK]", model_max_length=positions, pad_token="[PAD]",
        sep_token="[SEP]", strip_accents=None, tokenize_chinese_chars=True, tokenizer_class="DistilBertTokenizer", unk_token="[UNK]"))
    write("distilbert", "special_tokens_map.json", dict(cls_token="[CLS]", mask_token="[MASK]", pad_token="[PAD]", sep_token="[SEP]", unk_token="[UNK]"))
    write("distilbert", "modules.json", [
        dict(idx=0, name="0", path="", type="sentence_transformers.models.Transformer"),
        dict(idx=1, name="1", path="1_Pooling", type="sentence_transformers.models.Pooling")])
    write("distilbert", os.path.join("1_Pooling", "config.json"), dict(
        word_embedding_dimension=32, pooling_mode_cls_token=True, pooling_mode_mean_tokens=False, pooling_mode_max_tokens=False, pooling_mode_mean_sqrt_len_tokens=False))
    write("distilbert", "sentence_bert_config.json", dict(max_seq_length=positions, do_lower_case=False))

    module = DistilBert(transformers.DistilBertConfig(vocab_size=len(vocabulary), max_position_embeddings=positions, dim=32, hidden_dim=64, n_layers=3, n_heads=4)).eval()
    randomise(module)
    config("distilbert", module, "DistilBertModel")
    coded = [words.encode(n) for n in ("grinning face", "person in lotus position", "thumbs up")]
    width = max(len(c.ids) for c in coded)
    pad = lambda v: v + [0] * (width - len(v))
    fed = dict(input_ids=torch.tensor([pad(c.ids) for c in coded]), attention_mask=torch.tensor([pad(c.attention_mask) for c in coded]))
    export(module, fed, os.path.join(folder, "model.onnx"), 20, True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for make in convnext, vit, resnet, distilbert:
        make()
