"""Writes the probabilities of the golden head files with ONNX Runtime, and
checks the files with ONNX's own checker.

    go test ./head/file -run TestGolden -update     (writes the head files)
    python head/file/testdata/generate.py

Versions: onnx 1.23.2, onnxruntime 1.32.0, numpy 2, Python 3.11.
"""
import json
import pathlib

import numpy as np
import onnx
import onnxruntime

here = pathlib.Path(__file__).resolve().parent
for name in ["softmax", "normalized"]:
    path = here / f"{name}.head.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    meta = {p.key: p.value for p in model.metadata_props}
    std = json.loads(meta["headstart.standardization"])
    mean, scale = np.array(std["mean"]), np.array(std["scale"])
    r = np.random.default_rng(0)
    x = (mean + scale * r.standard_normal((12, len(mean)))).astype(np.float32)
    x[0] = 0
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, p = session.run(["logits", "probabilities"], {"features": x})
    z = np.exp(logits - logits.max(1, keepdims=True))
    assert np.abs(z / z.sum(1, keepdims=True) - p).max() < 1e-6
    (here / f"{name}.json").write_text(json.dumps({
        "classes": json.loads(meta["headstart.classes"]),
        "features": [float(v) for v in x.ravel()],
        "probabilities": [float(v) for v in p.ravel()],
    }) + "\n")
