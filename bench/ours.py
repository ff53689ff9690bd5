"""Our side of a comparison, and turns in which sides are measured."""
import os
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETS = ["portable", "AVX2", "AVX-512"]


class Ours:
    """A test of a package, as a process that answers lines with numbers.

    Its first line is "ready" and words of its own.
    """

    def __init__(self, package, test="TestPeer", **env):
        self.package, self.test = package, test
        self.env = dict(os.environ, HEADSTART_PEER="1", **env)

    def __enter__(self):
        with tempfile.TemporaryDirectory() as folder:
            binary = str(Path(folder) / "peer")
            subprocess.run(["go", "test", "-c", "-o", binary, "./" + self.package], cwd=ROOT, check=True)
            self.process = subprocess.Popen(
                [binary, "-test.run", "^%s$" % self.test, "-test.timeout", "0"], cwd=ROOT / self.package, env=self.env,
                text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            ready = self.process.stdout.readline().split()
        if ready[:1] != ["ready"]:
            raise SystemExit("%s: our side did not start: %s" % (self.package, " ".join(ready) + self.process.stdout.read()))
        self.ready = ready[1:]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def sets(self):
        """The sets of instructions that there are, if it is ready with the largest."""
        return SETS[:SETS.index(self.ready[0]) + 1]

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)

    def ask(self, *words):
        self.tell(*words)
        line = self.process.stdout.readline()
        try:
            numbers = [float(v) for v in line.split()]
        except ValueError:
            numbers = []
        if not numbers:
            raise SystemExit("%s: our side: %s" % (self.package, line + self.process.stdout.read()))
        return numbers


def cpu(step, times):
    """CPU seconds of a step, which is done some times."""
    before = time.process_time()
    for _ in range(times):
        step()
    return (time.process_time() - before) / times


def least(turns, often, rare):
    """The least of what each side measures; those that are rare have three turns."""
    out = {}
    for turn in range(turns):
        for name, measure in (often | rare if turn < 3 else often).items():
            out[name] = min(measure(), out.get(name, float("inf")))
    return out
