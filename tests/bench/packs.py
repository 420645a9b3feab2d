"""Many small objects packed, and what that does to the bill.

packs.py [--objects N] [--bytes N] [--days N] [--keep DIR]

Puts N objects (100,000 of 10 KiB) into a vt-serve of its own, has vt-plan
--packs plan for them as if nobody had read them for so many days (365), has
vt-migrate carry the plan out, and says what is billed before and after, as a
JSON line: bytes, requests, dollars a month.  "alone" is what moving them to the
same tier one by one would come to.  Then reads members, one request each, and
opens every pack with tar alone: all must equal what was put.  Status 1 when one
does not.  The commands are those of PATH.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

arg = argparse.ArgumentParser()
arg.add_argument("--objects", type=int, default=100000)
arg.add_argument("--bytes", type=int, default=10240)
arg.add_argument("--days", type=int, default=365)
arg.add_argument("--keep")
arg = arg.parse_args()
dir = arg.keep or tempfile.mkdtemp(prefix="vt-packs-")
os.makedirs(dir, exist_ok=True)
os.chdir(dir)


def say(text):
    print("packs:", text, file=sys.stderr, flush=True)


def check(good, what):
    if not good:
        say(what)
        sys.exit(1)


def run(*args, **more):
    return subprocess.run(args, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=True,
                          **more)


def make_files():
    """Lines of a log: they shrink to about a third, as such things do."""
    rnd = random.Random(1)
    for i in range(arg.objects):
        folder = "src/%03d" % (i // 1000)
        if i % 1000 == 0:
            os.makedirs(folder)
        lines, size = [], 0
        while size < arg.bytes:
            lines.append("%d GET /item/%x?user=%x 200 %d\n" % (
                i, rnd.getrandbits(48), rnd.getrandbits(40),
                rnd.getrandbits(16)))
            size += len(lines[-1])
        with open("%s/%06d" % (folder, i), "w") as f:
            f.write("".join(lines)[:arg.bytes])


def serve():
    err = open("serve.err", "w")
    p = subprocess.Popen(["vt-serve", "--data", "data", "--listen",
                          "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                         stderr=err)
    while True:
        found = re.search(r"listening on (http://[^ ,]*),.* data in",
                          open("serve.err").read())
        if found:
            break
        if p.poll() is not None:
            sys.exit(open("serve.err").read())
        time.sleep(0.02)
    keys = dict(re.findall(r"^(aws_\w+) *= *(.*)$",
                           open("data/credentials").read(), re.M))
    os.environ.update(AWS_ENDPOINT_URL=found[1], AWS_REGION="us-east-1",
                      AWS_ACCESS_KEY_ID=keys["aws_access_key_id"],
                      AWS_SECRET_ACCESS_KEY=keys["aws_secret_access_key"])
    return p


def aged_scan(name):
    """What vt-scan tells, as if so many days had gone by since."""
    now = time.time()
    then = time.strftime("%FT%TZ", time.gmtime(now - arg.days * 86400))
    until = time.strftime("%FT%TZ", time.gmtime(now))
    scan = subprocess.Popen(["vt-scan", "-q", "--data", "data"],
                            stdout=subprocess.PIPE, text=True)
    with open(name, "w") as out:
        for line in scan.stdout:
            r = json.loads(line)
            r.update(mtime=then, copy_since=then, covered_from=then,
                     covered_to=until, covered_days=arg.days, reads=0)
            print(json.dumps(r), file=out)
    check(scan.wait() == 0, "vt-scan failed")


def bill(stderr):
    return float(re.search(r"\bbill (?:is )?([0-9.]+) dollars", stderr)[1])


def stored(tier):
    sizes = [os.path.getsize(os.path.join(d, f)) for d, _, fs
             in os.walk("data/tiers/" + tier) for f in fs]
    return len(sizes), sum(sizes)


def alone():
    """Of one object on cold: dollars a month, bytes billed, dollars a PUT."""
    key = json.loads(open("scan").readline())["key"]
    text = run("vt-plan", "--explain", "small/" + key, "scan").stdout
    row = re.search(r"^  cold +([0-9.e-]+)", text, re.M)
    prices = json.load(open(os.path.join(
        os.path.dirname(os.path.abspath(__file__)),
        "../../scripts/prices/aws-us-east-1.json")))
    cold = prices["classes"]["GLACIER_IR"]
    return (float(row[1]), max(cold["min_size_bytes"]["value"], arg.bytes),
            cold["put_1000"]["usd"] / 1000)


def pack_and_bill():
    aged_scan("scan")
    with open("plan", "w") as out:
        p = subprocess.run(["vt-plan", "--packs", "scan"], stdout=out,
                           stderr=subprocess.PIPE, text=True, check=True)
    before = bill(p.stderr)
    one, least, put = alone()
    say("\n" + p.stderr.strip())
    moves = [json.loads(l) for l in open("plan")]
    members = sum(m.get("action") == "pack-member" for m in moves)
    check(members == arg.objects, "%d of them are planned for packs" %
          members)
    start = time.monotonic()
    with open("results", "w") as out:
        subprocess.run(["vt-migrate", "-q", "--data", "data", "plan"],
                       stdout=out, check=True)
    seconds = time.monotonic() - start
    results = [json.loads(l) for l in open("results")]
    check(all(r["status"] == "moved" for r in results), "not all moved")
    aged_scan("packed")
    after = bill(subprocess.run(
        ["vt-plan", "packed"], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=True).stderr)
    packs, size = stored("cold")
    print(json.dumps({
        "bench": "packs", "objects": arg.objects, "object_bytes": arg.bytes,
        "hot": {"bytes_billed": arg.objects * arg.bytes,
                "usd_month": before},
        "alone": {"bytes_billed": arg.objects * least,
                  "puts": arg.objects, "puts_usd": round(put * arg.objects, 6),
            "usd_month":
                  float("%.6g" % (one * arg.objects))},
        "packed": {"packs": packs, "bytes_billed": size, "puts": packs,
                   "puts_usd": round(put * packs, 6), "usd_month": after},
        "seconds": round(seconds, 2),
        "objects_per_second": int(arg.objects / seconds)}), flush=True)
    check(packs < arg.objects / 20, "%d packs are many" % packs)
    check(after < before and after < one * arg.objects,
          "packing saves nothing")


def read_members():
    rnd = random.Random(2)
    keys = [rnd.randrange(arg.objects) for _ in range(20)]
    for i in keys:
        name = "%03d/%06d" % (i // 1000, i)
        got = subprocess.run(["vt-get", "s3://small/" + name, "-"],
                             stdout=subprocess.PIPE, check=True).stdout
        check(got == open("src/" + name, "rb").read(), name + " differs")
    return len(keys)


def count_reads(expected):
    gets = [json.loads(l) for l in open("data/access.jsonl")
            if '"GetObject"' in l or "GET.OBJECT" in l]
    gets = [g for g in gets if g.get("tier") == "cold"]
    requests = sum(g["backend_requests"] for g in gets)
    print(json.dumps({"bench": "packs_read", "reads": len(gets),
                      "backend_requests": requests}), flush=True)
    check(len(gets) == expected and requests == expected,
          "a read is not one request")


def open_packs():
    os.mkdir("tar")
    files = [os.path.join(d, f) for d, _, fs in os.walk("data/tiers/cold")
             for f in fs]
    for f in files:
        p = subprocess.run(["tar", "--zstd", "-xf", f, "-C", "tar"],
                           stderr=subprocess.PIPE, text=True)
        check(p.returncode == 0 and p.stderr == "", "tar: " + p.stderr)
    shutil.rmtree("tar/.vt")
    p = subprocess.run(["diff", "-rq", "src", "tar"])
    check(p.returncode == 0, "what tar unpacks differs")
    print(json.dumps({"bench": "packs_tar", "packs": len(files),
                      "files_equal": arg.objects}), flush=True)


say("%d objects of %d bytes in %s" % (arg.objects, arg.bytes, dir))
make_files()
server = serve()
try:
    run("vt-put", "--quiet", "--recursive", "--make-bucket", "src",
        "s3://small/")
    pack_and_bill()
    reads = read_members()
finally:
    server.terminate()
    server.wait()
count_reads(reads)
open_packs()
if not arg.keep:
    os.chdir("/")
    shutil.rmtree(dir)
