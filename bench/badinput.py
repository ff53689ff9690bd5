#!/usr/bin/env python3
"""Gives hostile sources to bin/headstart and prints, for each, the exit code,
seconds, peak memory in MiB and the last line that it says:

    python3 bench/badinput.py bin/headstart

Inputs are made in a temporary folder (about 3 GB). Needs a system with FIFOs."""
import gzip
import io
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile

binary = os.path.abspath(sys.argv[1])
ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = 60  # of the Parquet file
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
                    "53de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082")


def varint(n):
    b = b""
    while n > 127:
        b += bytes([n & 127 | 128])
        n >>= 7
    return b + bytes([n])


def tar(name, members):
    with tarfile.open(name, "w") as t:
        for m, content in members:
            info = m if isinstance(m, tarfile.TarInfo) else tarfile.TarInfo(m)
            info.size = len(content or b"")
            t.addfile(info, io.BytesIO(content or b""))


def link(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def make():
    pathlib.Path("img.png").write_bytes(PNG)
    pathlib.Path("outside.png").write_bytes(PNG)
    os.makedirs("t")
    pathlib.Path("t/leaves.csv").write_text("image,label\n../outside.png,a\n/etc/passwd,b\n")
    tar("dots.tar", [("../../evil.png", PNG), ("a/1.png", PNG)])
    tar("links.tar", [(link("a/l.png", tarfile.SYMTYPE, "/etc/passwd"), None), (link("a/d.png", tarfile.CHRTYPE), None),
                      (link("a/h.png", tarfile.LNKTYPE, "../x"), None), ("a/1.png", PNG)])
    with gzip.open("bomb.txt.gz", "wb", 9) as z:
        for _ in range(4096):
            z.write(bytes(1 << 20))
    with gzip.open("bomb.jsonl.gz", "wb", 9) as z:
        z.write(b'{"text":"')
        for _ in range(2048):
            z.write(b"a" * (1 << 20))
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as z, z.open("a/1.png", "w", force_zip64=True) as m:
        for _ in range(2048):
            m.write(bytes(1 << 20))
    good = (ROOT / "extract/parquet/testdata/pyarrow_none.parquet").read_bytes()
    pathlib.Path("lying.parquet").write_bytes(good[:-8] + struct.pack("<I", 0x7fffffff) + b"PAR1")
    # The number of rows of its row group, a zig-zag varint, becomes 2^38.
    rows = varint(2 * ROWS)
    at = good.rindex(b"\x16" + rows, 0, -8)
    footer = struct.unpack("<I", good[-8:-4])[0]
    more = varint(2 << 38)
    pathlib.Path("billions.parquet").write_bytes(
        good[:at + 1] + more + good[at + 1 + len(rows):-8] + struct.pack("<I", footer + len(more) - len(rows)) + b"PAR1")
    pathlib.Path("deep.jsonl").write_text('{"text":' + "[" * 100_000 + "]" * 100_000 + '}\n{"text":"fine"}\n')
    with open("long.csv", "w") as f:
        f.write("text,label\na,b\n")
        for _ in range(1024):
            f.write("a" * (1 << 20))
        f.write("\nc,d\n")
    pathlib.Path("nul.csv").write_bytes(b"text,label\na\0b,c\nd,e\n")
    pathlib.Path("nul.txt").write_bytes(b"a\0b\nfine\n")
    n = 10 ** 6
    pathlib.Path("wide.csv").write_text(",".join(["text"] + [f"c{i}" for i in range(n)]) + "\n" + ",".join(["x"] * (n + 1)) + "\n")
    os.mkfifo("pipe.png")
    s = socket.socket(socket.AF_UNIX)
    s.bind("sock.png")
    os.makedirs("loop/a")
    pathlib.Path("loop/a/1.png").write_bytes(PNG)
    os.symlink("..", "loop/a/up")
    os.makedirs("odd/a")
    pathlib.Path("odd/a/1.png").write_bytes(PNG)
    os.mkfifo("odd/a/pipe.png")
    s2 = socket.socket(socket.AF_UNIX)
    s2.bind("odd/a/sock.png")
    pathlib.Path("paths.csv").write_text("image,label\npipe.png,a\nsock.png,b\nimg.png,c\n")
    s.close()
    s2.close()


if len(sys.argv) > 2:
    os.chdir(sys.argv[2])
    make()
    sys.exit()
here = pathlib.Path(tempfile.mkdtemp())
# In a process of its own: the peak of a program counts from that of the
# process that starts it, which must be small.
subprocess.run([sys.executable, os.path.abspath(__file__), binary, str(here)], check=True)
os.chdir(here)
cases = [
    ("a path that leaves the root", "t/leaves.csv"), ("tar members with ..", "dots.tar"), ("tar links and devices", "links.tar"),
    ("gzip bomb, zeros", "bomb.txt.gz"), ("gzip bomb, JSON of 2 GiB", "bomb.jsonl.gz"), ("zip bomb", "bomb.zip"),
    ("Parquet, lying footer", "lying.parquet"), ("Parquet, 2^38 rows", "billions.parquet"),
    ("JSON nested 10^5 deep", "deep.jsonl"), ("a CSV line of 1 GiB", "long.csv"), ("NUL in a table", "nul.csv"), ("NUL in lines", "nul.txt"),
    ("10^6 columns", "wide.csv"), ("a FIFO in a table", "paths.csv"), ("a socket as source", "sock.png"),
    ("/dev/zero", "/dev/zero"), ("a folder linked to its parent", "loop"), ("FIFO and socket in a folder", "odd"),
]
env = {**os.environ, "HEADSTART_CACHE": str(here / "cache")}
print("| input | exit | s | MiB | says |\n|---|---|---|---|---|")
for what, source in cases:
    # A process of its own per case, so that peaks are its alone.
    start = time.time()
    p = subprocess.Popen([binary, "extract", "--quiet", "--out", "x.features", source], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    timer = threading.Timer(120, p.kill)
    timer.start()
    said = p.stderr.read().decode(errors="replace").strip().splitlines()
    _, status, use = os.wait4(p.pid, 0)
    timer.cancel()
    reason = said[-1] if said else ""
    if os.path.exists("x.quarantine.jsonl"):
        reason += " · " + pathlib.Path("x.quarantine.jsonl").read_text().splitlines()[0][:150]
        os.remove("x.quarantine.jsonl")
    if os.path.exists("x.features"):
        os.remove("x.features")
    print(f"| {what} | {os.waitstatus_to_exitcode(status)} | {time.time() - start:.1f} | {use.ru_maxrss / 1024:.0f} | {reason[:300]} |", flush=True)
shutil.rmtree(here)
