"""sentence-transformers on an export of --embedder, beside what headstart makes of
the same texts. Argument: the folder."""
import json
import os
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import sentence_transformers

folder = sys.argv[1]
names = json.load(open("samples.json", encoding="utf-8"))["names"]
headstart = os.path.join(os.environ["HEADSTART_BIN"], "headstart")
subprocess.run([headstart, "extract", "--quiet", "--text", "name", "--label", "label", "--replace", "--out", "embeddings.features", "test.csv"], check=True)
subprocess.run([headstart, "cache", "export", "--quiet", "embeddings.features", "--format", "npy", "--out", "embeddings.npy"], check=True)
want = np.load("embeddings.npy").astype("float32")
have = sentence_transformers.SentenceTransformer(folder, backend="onnx").encode(names)
worst = float(np.abs(want - have).max())
print(f"sentence-transformers {sentence_transformers.__version__}: {len(names)} embeddings of {have.shape[1]} numbers, within {worst:.1g}")
sys.exit(not (want.shape == have.shape and worst <= 1e-4))
