"""Runs the programs of a Markdown file as they are printed there, in a folder that
has what they name, and looks in what they print for the largest of the
probabilities that headstart predicts (or, of vectors, for anything).

    snippets.py FILE.md FOLDER [EXPECTED…]

FOLDER has the exported folders and samples under the names of FILE.md;
node_modules, hugot's module and browser.mjs are taken from the working
directory. EXPECTED are numbers, one of which a program must print. A program is
a fenced block: sh, python, js, html (a page in headless Chromium, with CHROMIUM),
go, and rust with the toml before it. Blocks of other languages are not run, and
are counted; so are a block of sh that shows how a head was made, and lines of Go
that are not a program."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

here = pathlib.Path.cwd()
source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
expected = [float(v) for v in sys.argv[3:]]
without = os.environ.get("CLIENTS_WITHOUT", "").split()
environment = dict(os.environ, PATH=os.environ["HEADSTART_BIN"] + os.pathsep + os.environ["PATH"], HF_HUB_OFFLINE="1")


def node(code):
    (folder / "snippet.mjs").write_text(code, encoding="utf-8")
    return ["node", "snippet.mjs"]


def page(code):
    (folder / "snippet.html").write_text(code, encoding="utf-8")
    return ["node", str(here / "browser.mjs"), os.environ["CHROMIUM"], "snippet.html", "900"]


def go(code):
    module = here / "hugot-snippet"
    shutil.rmtree(module, ignore_errors=True)
    module.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copy(pathlib.Path(os.environ["HUGOT_MODULE"]) / name, module)
    (module / "main.go").write_text(code, encoding="utf-8")
    subprocess.run(["go", "build", "-tags", "ORT", "-o", "hugot-snippet", "."], cwd=module, check=True, env=dict(environment, CGO_ENABLED="1", CGO_LDFLAGS=f"-L{here / 'tokenizers'}"))
    return [str(module / "hugot-snippet")]


def rust(code):
    crate = here / "rust-snippet"
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "snippet"\nversion = "0.1.0"\nedition = "2024"\n\n' + manifest, encoding="utf-8")
    (crate / "src" / "main.rs").write_text(code, encoding="utf-8")
    subprocess.run(["cargo", "build", "--quiet"], cwd=crate, check=True, env=environment)
    return [str(crate / "target" / "debug" / "snippet")]


languages = {"sh": lambda code: ["sh", "-euc", code], "python": lambda code: [sys.executable, "-c", code], "js": node, "html": page, "go": go, "rust": rust}
needs = {"js": "node", "html": "browser", "go": "hugot", "rust": "rust"}
if not (folder / "node_modules").exists() and (here / "node_modules").exists():
    (folder / "node_modules").symlink_to(here / "node_modules")
ran, left, failed, manifest, heading = 0, [], False, "", ""
for found in re.finditer(r"^(#+ [^\n]*)$|^```(\w*)\n(.*?)^```$", source.read_text(encoding="utf-8"), re.M | re.S):
    title, language, code = found.groups()
    if title:
        heading = title.lstrip("# ")
    elif code is None:
        continue
    elif language == "toml":
        manifest = code
    elif language not in languages:
        if language:
            left.append(language)
    elif heading == "How it was made" or re.search(r"^headstart (export|train-head) ", code, re.M) or needs.get(language) in without or language == "go" and not code.startswith("package "):
        left.append(language)
    else:
        said = None
        try:
            run = subprocess.run(languages[language](code), cwd=folder, env=environment, capture_output=True, text=True, timeout=1200)
            said = run.stdout if run.returncode == 0 else None
            wrong = "" if run.returncode == 0 else run.stderr[-1500:]
        except (OSError, subprocess.SubprocessError) as e:
            wrong = str(e)
        if said is not None:
            numbers = [float(v) for v in re.findall(r"-?\d+\.\d+(?:e[-+]?\d+)?", said)]
            vectors = re.search(r"SentenceTransformer|feature-extraction|^headstart extract", code, re.M) and "headstart predict" not in code
            if not said.strip() and not vectors or expected and not vectors and not any(abs(v - e) <= 1e-3 for v in numbers for e in expected):
                wrong = f"it prints {said[-500:]!r}, where {expected} was expected"
        if wrong:
            failed = True
            print(f"FAILED: {source}, {heading}, {language}: {wrong}\n{code}", file=sys.stderr)
        ran += 1
print(f"{source.name} of {source.parent.name}: {ran} programs ran as printed" + (f", not run: {', '.join(left)}" if left else ""))
sys.exit(failed or ran == 0)
