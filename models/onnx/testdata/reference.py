"""Fills a folder with the test models of the ONNX package, for
HEADSTART_ONNX_MODELS: those that lie in the package (onnx/backend/test/data)
and those that it makes of each operator, with inputs and expected outputs.

    python models/onnx/testdata/reference.py FOLDER

Versions: onnx 1.23.2, Python 3.11.
"""
import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

warnings.filterwarnings("ignore")
out = pathlib.Path(sys.argv[1])
shutil.copytree(pathlib.Path(onnx.__file__).parent / "backend/test/data", out / "package", dirs_exist_ok=True)
for case in collect_testcases(None):
    folder = out / case.kind / case.name
    (folder / "test_data_set_0").mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    for kind, declared, values in ("input", case.model.graph.input, inputs), ("output", case.model.graph.output, outputs):
        for i, (d, v) in enumerate(zip(declared, values)):
            if d.type.HasField("tensor_type"):
                t = v if isinstance(v, onnx.TensorProto) else numpy_helper.from_array(np.asarray(v), d.name)
                t.name = d.name
                (folder / "test_data_set_0" / f"{kind}_{i}.pb").write_bytes(t.SerializeToString())
