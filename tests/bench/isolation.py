"""One sick tier, and the rest of the server.

isolation.py LOAD [--rounds N] [--seconds S] [--keep DIR]

A vt-serve with a hot tier of files and a cold one on a second vt-serve, with
tests/tools/flaky.py between the two.  LOAD (tests/bench/load.c) reads hot
objects, first alone, then while clients ask for cold ones from a tier that
refuses connections, that hangs, and that is slow; each several times, in turn.
One JSON line for each: the median of the p99 of hot reads, how that compares
with "undisturbed", and what the cold requests were answered.  The commands are
those of PATH.
"""
import argparse
import atexit
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = 8
arg = argparse.ArgumentParser()
arg.add_argument("load")
arg.add_argument("--rounds", type=int, default=5)
arg.add_argument("--seconds", type=float, default=6)
arg.add_argument("--keep")
arg = arg.parse_args()
arg.load = os.path.abspath(arg.load)
dir = arg.keep or tempfile.mkdtemp(prefix="vt-isolation-")
os.makedirs(dir, exist_ok=True)
started = []


@atexit.register
def tidy():
    for p in started:
        p.kill()
        p.wait()
    if not arg.keep:
        shutil.rmtree(dir, ignore_errors=True)


def serve(name):
    """Start a vt-serve: its URL."""
    log = os.path.join(dir, name + ".log")
    with open(log, "w") as out:
        started.append(subprocess.Popen(
            ["vt-serve", "--data", os.path.join(dir, name), "--listen",
             "127.0.0.1:0", "--admin", "none"], stderr=out))
    for _ in range(1000):
        m = re.search(r"listening on (http://[0-9.:]+)", open(log).read())
        if m:
            return m.group(1)
        time.sleep(0.01)
    sys.stderr.write(open(log).read())
    sys.exit(3)


def credentials(name):
    return os.path.join(dir, name, "credentials")


def tell(text):
    proxy.stdin.write(text + "\n")
    proxy.stdin.flush()
    proxy.stdout.readline()


os.makedirs(os.path.join(dir, "near"))
far = serve("far")
proxy = subprocess.Popen(
    [sys.executable, os.path.join(HERE, "../tools/flaky.py"), far],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL, text=True)
started.append(proxy)
with open(os.path.join(dir, "near", "vaultaire.json"), "w") as f:
    json.dump({"promote": False, "tiers": [
        {"name": "hot", "url": "file:tiers/hot",
         "storage_class": "STANDARD"},
        {"name": "cold", "url": "s3://far", "storage_class": "GLACIER_IR",
         "endpoint": proxy.stdout.readline().strip(), "tries": 2,
         "credentials": credentials("far"), "connect_timeout": "1s",
         "stall_timeout": "2s"}]}, f)
near = serve("near")
text = open(credentials("near")).read()
os.environ["AWS_ENDPOINT_URL"] = near
for name in ("aws_access_key_id", "aws_secret_access_key"):
    os.environ[name.upper()] = re.search(
        name + r" *= *(\S+)", text).group(1)
sys.path.insert(0, os.path.join(HERE, "../s3"))
import raw  # noqa: E402 (it reads the environment)


def request(c, method, target, body=b"", extra=()):
    c.request(method, target, body,
              dict(raw.headers(method, target, extra=extra)))
    r = c.getresponse()
    data = r.read()
    return r, data


def connect(timeout=60):
    return http.client.HTTPConnection(raw.URL.hostname, raw.URL.port,
                                      timeout=timeout)


def hot(*options):
    """The p99 of hot reads, in microseconds."""
    out = subprocess.run(
        [arg.load, "--endpoint", raw.URL.netloc, "--name", "hot", "--path",
         "/bench/hot", "--keys", "1000", "--clients", "16", *options],
        stdout=subprocess.PIPE, text=True)
    if out.returncode != 0:
        sys.exit(3)
    return json.loads(out.stdout)["p99_us"]


class Cold(threading.Thread):
    """A client that asks for cold objects, and waits when it is told to."""

    def __init__(self, stop, seen):
        super().__init__(daemon=True)
        self.stop, self.seen = stop, seen

    def run(self):
        while not self.stop.is_set():
            try:
                r, data = request(connect(), "GET", "/bench/cold%d"
                                  % (id(self) % 20))
                after = r.getheader("Retry-After")
                what = "%d%s" % (r.status, " Retry-After" if after else "")
                if r.status == 200 and data != b"c" * 65536:
                    what = "wrong"
            except (OSError, http.client.HTTPException):
                what, after = "cut", None
            self.seen[what] = self.seen.get(what, 0) + 1
            self.stop.wait(min(float(after or 0.05), 0.2))


def measure(state):
    """One p99, and what cold requests were answered."""
    stop, seen = threading.Event(), {}
    tell("rules " + STATES[state][1])
    if STATES[state][0]:
        tell(STATES[state][0])
    threads = [Cold(stop, seen) for _ in range(CLIENTS)
               if state != "undisturbed"]
    for t in threads:
        t.start()
    if threads:
        time.sleep(1)  # the sickness is at work
    p99 = hot("--seconds", str(arg.seconds))
    stop.set()
    # what hangs is let go
    tell("down")
    for t in threads:
        t.join(60)
    tell("up")
    tell("rules")
    # and the next state begins with a tier that is well
    for _ in range(1200):
        if request(connect(), "GET", "/bench/cold0")[0].status == 200:
            break
        time.sleep(0.1)
    return p99, seen


STATES = {
    "undisturbed": ("", ""),
    "refusing": ("down", ""),
    "hanging": ("", "ANY:all:hold"),
    "slow": ("", "ANY:all:drip=20000"),
}
c = connect()
request(c, "PUT", "/bench")
for i in range(20):
    r, data = request(c, "PUT", "/bench/cold%d" % i, b"c" * 65536,
                      [("x-amz-storage-class", "GLACIER_IR")])
    if r.status != 200:
        sys.stderr.write("cannot put: %s\n" % data)
        sys.exit(3)
hot("--put", "4096", "--count", "1000")
hot("--seconds", "1")
figures = {s: [] for s in STATES}
answers = {s: {} for s in STATES}
for i in range(arg.rounds):
    for s in STATES:
        p99, seen = measure(s)
        figures[s].append(p99)
        for k, n in seen.items():
            answers[s][k] = answers[s].get(k, 0) + n
base = statistics.median(figures["undisturbed"])
for s in STATES:
    p99 = statistics.median(figures[s])
    print(json.dumps({
        "bench": "isolation", "tier": s, "hot_p99_us": p99,
        "runs_us": figures[s], "ratio": round(p99 / base, 2),
        "cold": answers[s]}), flush=True)
sys.exit(1 if any("wrong" in a for a in answers.values()) else 0)
