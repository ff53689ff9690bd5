"""Compares what clients say with what headstart predicts."""
import csv
import glob
import json
import sys

import tokenizers

# transformers.js cuts the special token off the end of a text of more tokens than
# the folder's tokenizer says: of such texts its answers are not compared.
tokenizer = tokenizers.Tokenizer.from_file("names-hub/tokenizer.json")
most = tokenizer.truncation["max_length"]
tokenizer.no_truncation()
too_long = {i for i, r in enumerate(csv.DictReader(open("test.csv", encoding="utf-8"))) if len(tokenizer.encode(r["name"]).ids) > most}
failed = False
for name, tolerance in (("names", 1e-4), ("images", 1e-3)):
    want = list(csv.DictReader(open(f"{name}.csv", encoding="utf-8")))
    for path in sorted(glob.glob(f"{name}.*.jsonl")) + sorted(glob.glob(f"{name}-*.csv")):
        if path.endswith(".csv"):
            have = [{k[2:]: float(v) for k, v in r.items() if k.startswith("p:")} for r in csv.DictReader(open(path, encoding="utf-8"))]
        else:
            have = [json.loads(line) for line in open(path, encoding="utf-8")]
        if len(have) != len(want):
            print(f"{path}: {len(have)} answers for {len(want)} samples")
            failed = True
            continue
        skipped = too_long if "transformers.js" in path and name == "names" else set()
        worst, at = 0.0, 0
        for i, (w, h) in enumerate(zip(want, have)):
            if i in skipped:
                continue
            for column, value in w.items():
                if column.startswith("p:"):
                    d = abs(float(value) - h.get(column[2:], 2.0))
                    if not d <= worst:
                        worst, at = d, i
        ok = worst <= tolerance
        failed = failed or not ok
        print(f"{path}: {len(want) - len(skipped)} samples, probabilities within {worst:.2g}" + (f", {len(skipped)} of more than {most} tokens left out" if skipped else "") + ("" if ok else f": sample {at} differs by more than {tolerance:g}"))
sys.exit(failed)
