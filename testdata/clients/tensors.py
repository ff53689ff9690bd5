"""Writes the tensors of headstart preprocess as JavaScript reads them: one after
the other, float32."""
import json

import numpy as np

images = json.load(open("samples.json", encoding="utf-8"))["tensors"]
with open("tensors.f32", "wb") as f:
    for i in range(len(images)):
        f.write(np.load(f"tensors/tensors#{i + 1}.npz")["pixel_values"].astype("<f4").tobytes())
