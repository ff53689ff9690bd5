"""Makes sentences.tar.gz: small folders of the library sentence-transformers
with random weights, their graphs, and what the library makes of some texts.

    python generate.py sentences.tar.gz [NAME…]

Made with Python 3.11, torch 2.5.1, transformers 4.57.6, sentence-transformers
5.7.0, optimum 2.1.0 with optimum-onnx 0.1.0, onnx 1.23.2. Each folder NAME is
what the library saves, with the graph as optimum exports it, and has

    NAME/golden/meta.json       {"dim": d, "prompt": what is said to the library
                                or null, "truncate": its truncate_dim or 0}
    NAME/golden/embedding.f32   n×d: what the library makes of the texts, one by
                                one, by its models in PyTorch, not by the graph

and texts.json has the texts. Floats are little-endian.
"""

import gzip
import json
import os
import shutil
import sys
import tarfile
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnx
import torch
from optimum.exporters.onnx import main_export
from transformers import *

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import LayerNorm, Normalize, Pooling, StaticEmbedding
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = [
    "A small bird sings.",
    "The quick brown fox jumps over the lazy dog, and nobody is surprised by that any more.",
    "no",
    "Heute ist schönes Wetter; morgen regnet es, sagt der Bericht, den keiner gelesen hat!",
    "Ünïcödé, 漢字 and emoji 🙂 in one line",
    "Sentences may be much longer than others, so that whoever puts them into one batch has to fill up the rest "
    "with something that does not count, and whoever cuts them off has to know where: at the front or at the end, "
    "before or after the special tokens, and in which of the many files that number stands.",
    "  spaces   around  ",
    "prices rose by 3.5% to $1,234.56 in 2019",
]

WORDS = TEXTS + [
    "query: what is a panda?", "passage: the giant panda is a bear native to south central China",
    "Represent the sentence for retrieval: ", "Instruct: given a question, find the answer",
    "weather today tomorrow bird dog fox sentence batch token file number special front end small quick brown lazy",
]

D = 32
BERT = dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=128)
ROBERTA = BERT | dict(max_position_embeddings=130, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
LLAMA = dict(hidden_size=D, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
             intermediate_size=48, max_position_embeddings=256)


def randomise(model, seed):
    """Random weights of a size that keeps activations near one, on a grid of
    1/32, so that an archive of them is small."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "embed" in name.lower() and p.dim() > 1:
                q = torch.randn(p.shape, generator=g)
            elif p.dim() > 1 and p.numel() > 1:
                q = 1.5 * torch.randn(p.shape, generator=g) / max(p[0].numel(), 4) ** 0.5
            elif "norm" in name.lower() and name.endswith("weight") and "Gemma" not in type(model).__name__:
                q = 1 + 0.2 * torch.randn(p.shape, generator=g)
            else:
                q = 0.2 * torch.randn(p.shape, generator=g)
            p.copy_((q * 32).round() / 32)
    return model.eval()


BARE = dict(model_input_names=["input_ids", "attention_mask"])

# Tokenizers, trained on the few texts above.


def wordpiece(cls=BertTokenizerFast, lower=True, size=400, **special):
    names = dict(unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]") | special
    t = Tokenizer(models.WordPiece(unk_token=names["unk_token"]))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    first = list(dict.fromkeys([names["pad_token"], names["unk_token"], names["cls_token"], names["sep_token"], names["mask_token"]]))
    if cls is MPNetTokenizerFast:
        first = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"]
    t.train_from_iterator(WORDS, trainers.WordPieceTrainer(vocab_size=size, special_tokens=first))
    c, s = names["cls_token"], names["sep_token"]
    t.post_processor = processors.TemplateProcessing(
        single=f"{c} $A {s}", pair=f"{c} $A {s} $B:1 {s}:1", special_tokens=[(c, t.token_to_id(c)), (s, t.token_to_id(s))])
    t.decoder = decoders.WordPiece()
    return cls(tokenizer_object=t, do_lower_case=lower, model_max_length=128, **names)


def bytelevel(cls=RobertaTokenizerFast, size=420, first=("<s>", "<pad>", "</s>", "<unk>", "<mask>"), regex=None, nfc=False, **names):
    t = Tokenizer(models.BPE())
    if nfc:
        t.normalizer = normalizers.NFC()
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex is None)
    t.pre_tokenizer = byte if regex is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(regex), behavior="isolated"), byte])
    t.train_from_iterator(WORDS, trainers.BpeTrainer(vocab_size=size, special_tokens=list(first), initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.decoder = decoders.ByteLevel()
    if cls is RobertaTokenizerFast:
        t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
        names = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>") | names
    return cls(tokenizer_object=t, **names)


def unigram(cls, template, first, size=260, lower=False, metaspace="always", **names):
    t = Tokenizer(models.Unigram())
    steps = [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    t.normalizer = normalizers.Sequence(([normalizers.Lowercase()] if lower else []) + steps)
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=metaspace)
    unk = names["unk_token"]
    t.train_from_iterator(WORDS, trainers.UnigramTrainer(vocab_size=size, special_tokens=list(first), unk_token=unk))
    ids = [(x, t.token_to_id(x)) for x in set(template.split()) - {"$A"}]
    t.post_processor = processors.TemplateProcessing(single=template, special_tokens=ids)
    t.decoder = decoders.Metaspace()
    return cls(tokenizer_object=t, model_max_length=128, **names)


def spiece_bpe(size=520):
    """As Gemma's: BPE over pieces of SentencePiece, with bytes for what is unknown."""
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    first = ["<pad>", "<eos>", "<bos>", "<unk>"]
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.train_from_iterator(WORDS, trainers.BpeTrainer(vocab_size=size, special_tokens=first + bytes_))
    state = json.loads(t.to_str())
    for x in state["added_tokens"]:
        x["normalized"] = False
    state["added_tokens"] = [x for x in state["added_tokens"] if x["content"] in first]
    t = Tokenizer.from_str(json.dumps(state))
    t.post_processor = processors.TemplateProcessing(single="<bos> $A <eos>", special_tokens=[("<bos>", 2), ("<eos>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>", model_max_length=128, **BARE)


QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def qwen(side):
    t = bytelevel(PreTrainedTokenizerFast, first=("<|endoftext|>", "<|im_start|>", "<|im_end|>"), regex=QWEN, nfc=True,
                  eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=128, padding_side=side, **BARE)
    t.backend_tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)])])
    return t


def xlmr():
    return unigram(XLMRobertaTokenizerFast, "<s> $A </s>", ["<s>", "<pad>", "</s>", "<unk>"], bos_token="<s>", eos_token="</s>",
                   cls_token="<s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>")


def t5():
    return unigram(T5TokenizerFast, "$A </s>", ["<pad>", "</s>", "<unk>"], eos_token="</s>", unk_token="<unk>", pad_token="<pad>", extra_ids=0)


def deberta():
    return unigram(PreTrainedTokenizerFast, "[CLS] $A [SEP]", ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], cls_token="[CLS]", sep_token="[SEP]",
                   unk_token="[UNK]", pad_token="[PAD]")


def albert():
    return unigram(AlbertTokenizerFast, "[CLS] $A [SEP]", ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], lower=True, bos_token="[CLS]",
                   eos_token="[SEP]", cls_token="[CLS]", sep_token="[SEP]", unk_token="<unk>", pad_token="<pad>", mask_token="[MASK]")


def body(cls, config, fields, tokenizer):
    """A maker of a model with its tokenizer."""
    def make(seed):
        t = tokenizer()
        c = config(vocab_size=len(t), **fields)
        c._attn_implementation = "eager"
        return randomise(cls(c), seed), t
    return make


bert = body(BertModel, BertConfig, BERT, wordpiece)
cased = body(BertModel, BertConfig, BERT, lambda: wordpiece(lower=False))


def pool(*modes, **more):
    return lambda d: Pooling(d, modes if len(modes) > 1 else modes[0], **more)


def dense(out, **more):
    return lambda d: Dense(d, out, **more)


norm = lambda d: Normalize()

# name: (body, the modules behind it, what else: the Transformer's arguments,
# the SentenceTransformer's, how the folder is laid out, what is asked for)
FOLDERS = {
    "bert-mean": (bert, [pool("mean"), norm], {}),
    "bert-cls": (bert, [pool("cls")], {}),
    "bert-max": (bert, [pool("max")], {}),
    "bert-sqrt": (bert, [pool("mean_sqrt_len_tokens")], {}),
    "bert-weighted": (bert, [pool("weightedmean"), norm], {}),
    "bert-last": (bert, [pool("lasttoken"), norm], {}),
    "bert-all": (bert, [pool("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"), norm], {}),
    "bert-mixed-order": (bert, [pool("mean", "cls")], {}),
    "bert-flags": (bert, [pool("max", "mean")], dict(flags=True)),
    "distilbert-dense": (body(DistilBertModel, DistilBertConfig, dict(dim=D, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=128),
                              lambda: wordpiece(DistilBertTokenizerFast)), [pool("mean"), dense(20)], {}),
    "labse": (cased, [pool("cls"), dense(24, bias=False, activation_function=torch.nn.Identity()), norm], {}),
    "bert-two-dense": (bert, [pool("mean"), dense(40, activation_function=torch.nn.GELU()), dense(16, activation_function=torch.nn.SiLU()), norm], {}),
    "bert-norm-between": (bert, [pool("mean"), norm, lambda d: LayerNorm(d), dense(12, activation_function=torch.nn.ReLU())], {}),
    "bert-default-prompt": (bert, [pool("mean"), norm], dict(prompts={"query": "query: ", "passage": "passage: "}, default="query")),
    "bert-prompt-asked": (bert, [pool("cls"), norm], dict(prompts={"query": "query: ", "passage": "passage: "}, prompt="passage")),
    "instructor": (bert, [pool("mean", include_prompt=False), norm], dict(prompts={"r": "Represent the sentence for retrieval: "}, default="r")),
    "instructor-last": (bert, [pool("weightedmean", "max", include_prompt=False)], dict(prompts={"r": "query: "}, default="r")),
    "bert-short": (bert, [pool("mean")], dict(max_length=12)),
    "bert-lower": (cased, [pool("mean")], dict(max_length=24, lower=True)),
    "bert-subfolder": (bert, [pool("mean"), norm], dict(subfolder=True)),
    "bert-matryoshka": (bert, [pool("mean"), norm], dict(truncate=8)),
    "bert-exported-whole": (bert, [pool("mean"), dense(20), norm], dict(whole=True)),
    "roberta": (body(RobertaModel, RobertaConfig, ROBERTA, bytelevel), [pool("mean"), norm], dict(max_length=64)),
    "xlm-roberta": (body(XLMRobertaModel, XLMRobertaConfig, ROBERTA, xlmr), [pool("mean"), norm], dict(prompts={"query": "query: "}, default="query")),
    "mpnet": (body(MPNetModel, MPNetConfig, ROBERTA, lambda: wordpiece(
        MPNetTokenizerFast, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="[UNK]", mask_token="<mask>")),
        [pool("mean"), norm], dict(max_length=100)),
    "modernbert": (body(ModernBertModel, ModernBertConfig, dict(
        hidden_size=D, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, max_position_embeddings=128, global_attn_every_n_layers=2,
        local_attention=16, pad_token_id=1, bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2, reference_compile=False),
        lambda: bytelevel(PreTrainedTokenizerFast, cls_token="<s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>", model_max_length=128, **BARE)),
        [pool("cls"), norm], {}),
    "qwen3": (body(Qwen3Model, Qwen3Config, LLAMA, lambda: qwen("left")), [pool("lasttoken"), norm],
              dict(prompts={"query": "Instruct: given a question, find the answer\nQuery:", "document": ""}, prompt="query")),
    "qwen3-right": (body(Qwen3Model, Qwen3Config, LLAMA, lambda: qwen("right")), [pool("lasttoken"), norm], dict(prompts={"query": "query: "})),
    "embeddinggemma": (body(Gemma3TextModel, Gemma3TextConfig, LLAMA | dict(layer_types=["sliding_attention", "full_attention"], sliding_window=64, query_pre_attn_scalar=8),
                            spiece_bpe), [pool("mean"), dense(48, bias=False, activation_function=torch.nn.Identity()),
                                          dense(D, bias=False, activation_function=torch.nn.Identity()), norm],
                       dict(prompts={"query": "task: search result | query: ", "document": "title: none | text: "}, prompt="query")),
    "gpt2-weighted": (body(GPT2Model, GPT2Config, dict(n_embd=D, n_layer=2, n_head=4, n_positions=128, bos_token_id=0, eos_token_id=0), lambda: bytelevel(
        GPT2TokenizerFast, first=("<|endoftext|>",), bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token="<|endoftext|>", model_max_length=128)),
        [pool("weightedmean")], {}),
    "t5": (body(T5EncoderModel, T5Config, dict(d_model=D, d_kv=8, d_ff=48, num_layers=2, num_heads=4), t5),
           [pool("mean"), dense(24, bias=False, activation_function=torch.nn.Identity()), norm], dict(max_length=64)),
    "deberta-v2": (body(DebertaV2Model, DebertaV2Config, BERT | dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=16,
                                                                     share_att_key=True, norm_rel_ebd="layer_norm", type_vocab_size=0, position_biased_input=False), deberta),
                   [pool("mean"), norm], {}),
    "albert": (body(AlbertModel, AlbertConfig, BERT | dict(embedding_size=16), albert), [pool("mean")], {}),
}


def texts(folder, model, extra):
    """What the library makes of the texts, one by one."""
    said = dict(prompt_name=extra["prompt"]) if extra.get("prompt") else {}
    rows = [model.encode([t], convert_to_numpy=True, truncate_dim=extra.get("truncate"), **said)[0] for t in TEXTS]
    os.makedirs(os.path.join(folder, "golden"))
    np.stack(rows).astype("<f4").tofile(os.path.join(folder, "golden", "embedding.f32"))
    with open(os.path.join(folder, "golden", "meta.json"), "w") as f:
        json.dump({"dim": len(rows[0]), "prompt": extra.get("prompt"), "truncate": extra.get("truncate") or 0}, f)


def export(model, kind, source, target, library="transformers"):
    """The graph, as optimum exports it, or, of encoders that it exports only with
    their decoders, as PyTorch does."""
    if kind == "t5":
        class Tokens(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, input_ids, attention_mask):
                return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

        ids = torch.ones((2, 9), dtype=torch.long)
        axes = {0: "batch_size", 1: "sequence_length"}
        torch.onnx.export(Tokens(), (ids, ids), target, input_names=["input_ids", "attention_mask"], output_names=["last_hidden_state"],
                          dynamic_axes={"input_ids": axes, "attention_mask": axes, "last_hidden_state": axes}, opset_version=18, dynamo=False)
        return
    with tempfile.TemporaryDirectory() as work:
        main_export(source, work, task="feature-extraction", library_name=library, do_validation=False, opset=18)
        shutil.copy(os.path.join(work, "model.onnx"), target)


def make(name, root):
    make_body, behind, extra = FOLDERS[name]
    model, tokenizer = make_body(list(FOLDERS).index(name))
    folder = os.path.join(root, name)
    with tempfile.TemporaryDirectory() as work:
        model.save_pretrained(work)
        tokenizer.save_pretrained(work)
        first = Transformer(work, max_seq_length=extra.get("max_length"), do_lower_case=extra.get("lower", False),
                            model_kwargs={"attn_implementation": "eager"})
        d, modules = D, [first]
        for i, make_module in enumerate(behind):
            m = make_module(d)
            if isinstance(m, Pooling):
                d = m.pooling_output_dimension
            elif isinstance(m, Dense):
                d = m.out_features
            modules.append(randomise(m, 100 + i))
        library = SentenceTransformer(modules=modules, device="cpu", prompts=extra.get("prompts"), default_prompt_name=extra.get("default"))
        library.save(folder)
        if extra.get("max_length") or extra.get("lower"):
            tokenizer.save_pretrained(folder)  # what the library has changed stands in its own file
            edit(os.path.join(folder, "sentence_bert_config.json"), lambda c: c.update(
                max_seq_length=extra.get("max_length"), do_lower_case=extra.get("lower", False)))
        texts(folder, SentenceTransformer(folder, device="cpu", model_kwargs={"attn_implementation": "eager"}), extra)
        os.makedirs(os.path.join(folder, "onnx"))
        whole = extra.get("whole")
        export(model, name, folder if whole else work, os.path.join(folder, "onnx", "model.onnx"), "sentence_transformers" if whole else "transformers")
    for file in ("model.safetensors", "README.md", "vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json"):
        if os.path.exists(os.path.join(folder, file)):
            os.remove(os.path.join(folder, file))
    if extra.get("subfolder"):
        inner = os.path.join(folder, "0_Transformer")
        os.makedirs(inner)
        for file in ("config.json", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"):
            shutil.move(os.path.join(folder, file), inner)
        edit(os.path.join(folder, "modules.json"), lambda m: m[0].update(path="0_Transformer"))
    if extra.get("flags"):
        def flags(c):
            modes = c.pop("pooling_mode")
            for flag, mode in {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
                               "weightedmean_tokens": "weightedmean", "lasttoken": "lasttoken"}.items():
                c["pooling_mode_" + flag] = mode in modes
            c["word_embedding_dimension"] = c.pop("embedding_dimension")
        edit(os.path.join(folder, "1_Pooling", "config.json"), flags)


def edit(path, change):
    with open(path) as f:
        content = json.load(f)
    change(content)
    with open(path, "w") as f:
        json.dump(content, f)


def static(name, root, graph):
    """A table of a vector for each token."""
    folder = os.path.join(root, name)
    t = wordpiece()
    table = randomise(torch.nn.Embedding(len(t), 24), 7)
    first = StaticEmbedding(t, embedding_weights=table.weight.detach().numpy())
    library = SentenceTransformer(modules=[first] + ([Normalize()] if graph else []), device="cpu")
    library.save(folder)
    texts(folder, SentenceTransformer(folder, device="cpu"), {})
    for file in ("README.md",):
        os.remove(os.path.join(folder, file))
    if not graph:
        return
    os.remove(os.path.join(folder, "model.safetensors"))
    os.makedirs(os.path.join(folder, "onnx"))
    torch.onnx.export(first.embedding.eval(), (torch.tensor([1, 2, 3, 4, 5]), torch.tensor([0, 2])), os.path.join(folder, "onnx", "model.onnx"),
                      input_names=["input_ids", "offsets"], output_names=["embeddings"], opset_version=14, dynamo=False,
                      dynamic_axes={"input_ids": {0: "num_tokens"}, "offsets": {0: "batch_size"}, "embeddings": {0: "batch_size"}})


def main():
    target, only = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, "texts.json"), "w") as f:
            json.dump(TEXTS, f)
        for name in FOLDERS:
            if not only or name in only:
                make(name, root)
                print(name, "done", flush=True)
        for name, graph in {"static": False, "static-graph": True}.items():
            if not only or name in only:
                static(name, root, graph)
                print(name, "done", flush=True)
        keep(root, target)


def keep(root, target):
    """One archive, the same bytes each time for the same files."""
    with open(target, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as z, tarfile.open(fileobj=z, mode="w") as tar:
        for place, folders, files in os.walk(root):
            folders.sort()
            for file in sorted(files):
                path = os.path.join(place, file)
                info = tarfile.TarInfo(os.path.relpath(path, root))
                info.size = os.path.getsize(path)
                with open(path, "rb") as f:
                    tar.addfile(info, f)
    print(os.path.getsize(target), "bytes")


main()
