#!/usr/bin/env python3
"""Puts extract/text beside Hugging Face tokenizers, on one thread.

    python3 bench/tokens.py [TURNS [NAME…]]      (make peers)

The texts are the comments, strings and code of Python's own library, in pieces of
some hundred bytes, 12 MB of them. The tokenizers are trained on a part of them:
WordPiece as BERT has it, byte-level BPE with the regexes of GPT-2, Llama 3 and
Qwen 2, and Unigram as XLM-R has it. tokenizers is asked for ids without offsets
(encode_batch_fast), which is the fastest that it can do. Each turn both sides have a
tokenizer that has not seen a text before, since both keep words that they have seen;
loading it is not counted. Both sides alternate; figures are CPU seconds, the least of
the turns. All ids are compared."""
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = Path(__file__).resolve().parent.parent
SIZE = 12 << 20
GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
QWEN2 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
ROW = "| %-28s | %6s | %8s | %8s | %6s |"


def corpus():
    """Returns texts of some hundred bytes."""
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        try:
            content = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        lines = content.split("\n")
        for i in range(0, len(lines), 12):
            text = "\n".join(lines[i:i + 12]).strip()
            if text:
                texts.append(text)
                size += len(text.encode())
        if size > SIZE:
            return texts
    return texts


def byte_level(pattern, vocabulary, ignore_merges=False):
    t = Tokenizer(models.BPE())
    if pattern == GPT2:
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        t.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ])
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())

    def finish(t):
        t.model.ignore_merges = ignore_merges
    return t, trainer, finish


def tokenizers():
    """Returns tokenizers to be trained, by name."""
    bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    bert.normalizer = normalizers.BertNormalizer()
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    yield "WordPiece (BERT)", bert, trainers.WordPieceTrainer(vocab_size=30000, show_progress=False, special_tokens=["[UNK]"]), None
    yield "BPE (GPT-2)", *byte_level(GPT2, 40000)
    yield "BPE (Llama 3)", *byte_level(LLAMA3, 40000, True)
    yield "BPE (Qwen 2)", *byte_level(QWEN2, 40000)
    roberta = Tokenizer(models.Unigram())
    roberta.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    roberta.pre_tokenizer = pre_tokenizers.Metaspace()
    yield "Unigram (XLM-R)", roberta, trainers.UnigramTrainer(vocab_size=8000, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]), None


def cpu(run):
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    keep = os.environ.get("HEADSTART_TOKENIZERS")
    texts = corpus()
    size = sum(len(t.encode()) for t in texts)
    print(f"{len(texts)} texts, {size / 1e6:.1f} MB")
    print(ROW % ("tokenizer", "tokens", "ours s", "HF s", "ratio"))
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(keep or folder)
        (folder / "texts.json").write_text(json.dumps(texts))
        binary = folder / "text.test"
        subprocess.run(["go", "test", "-c", "-o", binary, "./extract/text"], cwd=ROOT, check=True)
        for name, t, trainer, finish in tokenizers():
            if sys.argv[2:] and not any(part in name for part in sys.argv[2:]):
                continue
            path = folder / (name.split()[0] + name.split("(")[1].strip(")").replace(" ", "") + ".json")
            if not path.exists():
                t.train_from_iterator(texts[::40 if "Unigram" in name else 3], trainer)
                if finish:
                    finish(t)
                t.save(str(path))
            ours, theirs = [], []
            env = dict(os.environ, GOMAXPROCS="1", HEADSTART_PEER=str(path), HEADSTART_TEXTS=str(folder / "texts.json"))
            peer = subprocess.Popen([binary, "-test.run", "^TestPeer$", "-test.timeout", "0"], cwd=ROOT / "extract/text", env=env,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            ids = None
            for turn in range(turns):
                t = Tokenizer.from_file(str(path))
                peer.stdin.write("\n")
                peer.stdin.flush()
                answer = json.loads(peer.stdout.readline())
                seconds, encodings = cpu(lambda: t.encode_batch_fast(texts))
                ours.append(answer["Seconds"])
                theirs.append(seconds)
                ids = [e.ids for e in encodings]
            peer.stdin.close()
            peer.wait()
            flat = 0xCBF29CE484222325
            for one in ids:
                for i in one:
                    flat = (flat ^ i) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
            if flat != answer["Digest"]:
                sys.exit(f"{name}: ids differ")
            print(ROW % (name, f"{sum(map(len, ids)) / 1e6:.2f} M", f"{min(ours):.2f}", f"{min(theirs):.2f}", f"{min(theirs) / min(ours):.2f}"))


main()
