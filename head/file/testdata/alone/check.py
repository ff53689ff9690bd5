"""Loads the files of this folder with scikit-learn and safetensors, by the lines
that `headstart export` prints, and compares what they answer with answers.json.

    pip install scikit-learn==1.9.1 safetensors==0.8.0
    python head/file/testdata/alone/check.py

The files, and answers.json, are written anew by
go test ./head/file -run TestAloneGoldens -update.
"""
import json, os, warnings
import numpy as np

warnings.simplefilter("ignore")
os.chdir(os.path.dirname(os.path.abspath(__file__)))
worst = {}
for name, g in sorted(json.load(open("answers.json")).items()):
    X = np.array(g["Rows"], np.float32).reshape(-1, g["D"])
    want = np.array(g["Answers"]).reshape(len(X), -1)
    for format, lines in (g["Load"] or {}).items():
        place = {"X": X, "np": np}
        code = "\n".join(lines[:-1] if format == "sklearn" else lines)
        exec(code, place)
        head = place["head"]
        if format == "safetensors":
            about = place["about"]
            assert len(json.loads(about["classes"])) == want.shape[1] and all(v.size for v in head.values()), name
            if "logits" not in place:  # of hidden layers, and of rows that are kept, the lines load the tensors alone
                continue
            z = place["logits"]
            if about["link"] == "softmax":
                e = np.exp(z - z.max(1, keepdims=True))
                have = e / e.sum(1, keepdims=True)
            elif about["link"] == "sigmoid":
                have = 1 / (1 + np.exp(-z))
            elif about["link"] == "identity":
                have = z
            else:
                upto = np.hstack([np.zeros((len(z), 1)), 1 / (1 + np.exp(-z)), np.ones((len(z), 1))])
                have = np.maximum(np.diff(upto), 0)
        else:
            have = eval(lines[-1], place)
            have = have[:, 1:] if want.shape[1] == 1 and have.ndim == 2 and have.shape[1] == 2 else have.reshape(want.shape)
            if hasattr(head, "predict_proba"):
                answers = head.predict(X if "normalize" not in lines[-1] else place["normalize"](X))
                if want.shape[1] > 1 and np.ndim(answers) == 1:
                    assert (answers == head.classes_[want.argmax(1)]).all(), name
        scale = np.maximum(1, np.abs(want)) if "predict_proba" not in lines[-1] and format == "sklearn" or format == "safetensors" and place["about"]["link"] == "identity" else 1
        d = float((np.abs(have - want) / scale).max())
        worst[format] = max(worst.get(format, 0), d)
        print(f"{name:12} {format:12} {d:.2g}")
        assert d <= 1e-6, name
print(worst)
