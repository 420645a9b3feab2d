#!/usr/bin/python3
"""tiers.py [OPTION...] TIERS.json DIR

Real files through vt-serve and across its tiers: put under their names, moved
by plans from tier to tier round by round, read whole and by random ranges all
the while and once more at the end.  Each byte, ETag, header, time and the
order of versions must be what was stored.

TIERS.json is the list of tiers of a vaultaire.json, the first of them where
objects are put; DIR is made anew, and removed when all is well.

  --files N       so many of the files found (1000)
  --from PATH     look for them there (/usr)
  --max-size N    none larger, in bytes (200000000)
  --total N       no more bytes in all (4000000000)
  --rounds N      of moves (3)
  --jobs N        moves at once (8)
  --readers N     threads that read meanwhile (4)
  --seed N        of all that is random (1)
"""
import getopt
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time

import boto3
import botocore.config

BUCKET = "soak"


class Soak:
    def __init__(self, tiers, folder, o):
        self.tiers, self.dir, self.o = tiers, folder, o
        self.random = random.Random(o["seed"])
        self.known = {}         # (key, version) -> what it must be
        self.order = {}         # key -> versions, oldest first
        self.bad = []
        self.reads = self.ranges = self.moved = 0
        self.lock = threading.Lock()

    # --- the server -------------------------------------------------------

    def start(self):
        data = os.path.join(self.dir, "data")
        os.makedirs(data)
        config = {"tiers": self.tiers, "price_file": "aws-us-east-1.json",
                  "admin": None, "grace": "1h", "promote": False}
        with open(os.path.join(data, "vaultaire.json"), "w") as f:
            json.dump(config, f, indent=1)
        err = os.path.join(self.dir, "serve.err")
        with open(err, "wb") as e:
            self.server = subprocess.Popen(
                ["vt-serve", "--data", data, "--listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=e, stderr=e)
        url = None
        while url is None:
            if self.server.poll() is not None:
                sys.exit("vt-serve did not start:\n" + open(err).read())
            m = re.search(r"listening on (http://[^ ,]*),", open(err).read())
            url = m and m.group(1)
            time.sleep(0.05)
        keys = dict(re.findall(r"^(aws_\w+) *= *(\S+)",
                               open(os.path.join(data, "credentials")).read(),
                               re.M))
        self.data = data
        self.s3 = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1",
            aws_access_key_id=keys["aws_access_key_id"],
            aws_secret_access_key=keys["aws_secret_access_key"],
            config=botocore.config.Config(
                max_pool_connections=64, retries={"max_attempts": 8},
                s3={"addressing_style": "path"}))

    def stop(self):
        self.server.terminate()
        if self.server.wait(120) != 0:
            self.bad.append("vt-serve ended with %d" % self.server.returncode)

    # --- files in ---------------------------------------------------------

    def find(self):
        found = []
        for root, dirs, names in os.walk(self.o["from"]):
            dirs.sort()
            for n in sorted(names):
                p = os.path.join(root, n)
                if os.path.islink(p) or not os.path.isfile(p):
                    continue
                size = os.path.getsize(p)
                if size <= self.o["max_size"]:
                    found.append((size, p))
        # the smallest and the largest are always among them
        found.sort()
        few = found[:20] + found[-8:]
        rest = self.random.sample(found, min(len(found),
                                             self.o["files"] - len(few)))
        chosen, total = [], 0
        for size, p in dict.fromkeys(few + rest):
            if total + size <= self.o["total"]:
                total += size
                chosen.append((size, p))
        return chosen

    def put(self, path, number):
        body = open(path, "rb").read()
        key = path.lstrip("/")
        meta = {"mtime": "%.6f" % os.path.getmtime(path), "n": str(number)}
        if len(body) > 24 << 20:
            version, etag = self.put_parts(key, body, meta)
        else:
            r = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body,
                                   Metadata=meta,
                                   ContentType="application/x-soak")
            version, etag = r["VersionId"], r["ETag"]
        h = self.s3.head_object(Bucket=BUCKET, Key=key, VersionId=version)
        with self.lock:
            self.known[key, version] = {
                "size": len(body), "etag": etag, "meta": meta,
                "sha": hashlib.sha256(body).hexdigest(), "path": path,
                "mtime": h["LastModified"], "type": "application/x-soak"}
            self.order.setdefault(key, []).append(version)
        if h["ETag"] != etag or h["Metadata"] != meta:
            self.bad.append("%s: HEAD after PUT differs" % key)

    def put_parts(self, key, body, meta):
        u = self.s3.create_multipart_upload(
            Bucket=BUCKET, Key=key, Metadata=meta,
            ContentType="application/x-soak")["UploadId"]
        parts, at = [], 0
        while at < len(body):
            n = 8 << 20
            r = self.s3.upload_part(Bucket=BUCKET, Key=key, UploadId=u,
                                    PartNumber=len(parts) + 1,
                                    Body=body[at:at + n])
            parts.append({"PartNumber": len(parts) + 1, "ETag": r["ETag"]})
            at += n
        r = self.s3.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=u,
            MultipartUpload={"Parts": parts})
        return r["VersionId"], r["ETag"]

    def put_all(self):
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        files = self.find()
        jobs = list(enumerate(p for _, p in files))
        # some keys get a second and a third version
        again = self.random.sample(jobs, max(1, len(jobs) // 50))
        for batch in (jobs, again, again):
            self.each(batch, lambda j: self.put(j[1], j[0]))
        return len(files), sum(s for s, _ in files)

    def each(self, items, work, threads=8):
        items = iter(items)
        failed = []

        def run():
            while True:
                with self.lock:
                    item = next(items, None)
                if item is None:
                    return
                try:
                    work(item)
                except Exception as e:      # every failure is a finding
                    failed.append("%s: %s" % (item, e))
                    return
        t = [threading.Thread(target=run) for _ in range(threads)]
        for x in t:
            x.start()
        for x in t:
            x.join()
        self.bad += failed

    # --- reading ----------------------------------------------------------

    def whole(self, key, version):
        k = self.known[key, version]
        r = self.s3.get_object(Bucket=BUCKET, Key=key, VersionId=version)
        body = r["Body"].read()
        self.reads += 1
        if hashlib.sha256(body).hexdigest() != k["sha"]:
            self.bad.append("%s %s: other bytes" % (key, version))
        for got, want in ((r["ETag"], k["etag"]), (r["Metadata"], k["meta"]),
                          (r["LastModified"], k["mtime"]),
                          (r["ContentLength"], k["size"]),
                          (r["ContentType"], k["type"])):
            if got != want:
                self.bad.append("%s %s: %r and not %r" % (key, version, got,
                                                          want))

    def range(self, key, version, rnd):
        k = self.known[key, version]
        if k["size"] == 0:
            return
        first = rnd.randrange(k["size"])
        last = min(k["size"] - 1, first + rnd.randrange(1 << 20))
        r = self.s3.get_object(Bucket=BUCKET, Key=key, VersionId=version,
                               Range="bytes=%d-%d" % (first, last))
        body = r["Body"].read()
        self.ranges += 1
        with open(k["path"], "rb") as f:
            f.seek(first)
            if f.read(last - first + 1) != body:
                self.bad.append("%s %s %d-%d: other bytes" % (
                    key, version, first, last))

    def read_some(self, done, number):
        rnd = random.Random(self.o["seed"] * 1000 + number)
        versions = sorted(self.known)
        while not done.is_set() and len(self.bad) < 10:
            key, version = rnd.choice(versions)
            try:
                if rnd.random() < 0.3:
                    self.whole(key, version)
                else:
                    self.range(key, version, rnd)
            except Exception as e:
                self.bad.append("%s %s: %s" % (key, version, e))

    def listed(self):
        got, marker = {}, {}
        while True:
            r = self.s3.list_object_versions(Bucket=BUCKET, **marker)
            for v in r.get("Versions", []):
                got.setdefault(v["Key"], []).insert(0, v["VersionId"])
            if not r["IsTruncated"]:
                break
            marker = {"KeyMarker": r["NextKeyMarker"],
                      "VersionIdMarker": r["NextVersionIdMarker"]}
        if got != self.order:
            self.bad.append("the listing of versions differs")

    # --- moving -----------------------------------------------------------

    def scan(self):
        out = subprocess.run(["vt-scan", "-q", "--data", self.data],
                             check=True, stdout=subprocess.PIPE).stdout
        return [json.loads(x) for x in out.splitlines()
                if json.loads(x).get("kind", "version") == "version"]

    def move(self, round_number):
        names = [t["name"] for t in self.tiers]
        plan = []
        for v in self.scan():
            to = self.random.choice([n for n in names if n != v["tier"]])
            plan.append({"v": 1, "plan": "%016x" % round_number,
                         "bucket": v["bucket"], "key": v["key"],
                         "version": v["version"], "seq": v["seq"],
                         "copy": v["copy"], "from": v["tier"], "to": to,
                         "size": v["size"]})
        path = os.path.join(self.dir, "plan")
        with open(path, "w") as f:
            for m in plan:
                f.write(json.dumps(m) + "\n")
        out = subprocess.run(
            ["vt-migrate", "-q", "--data", self.data, "-j",
             str(self.o["jobs"]), path], stdout=subprocess.PIPE)
        for line in out.stdout.splitlines():
            r = json.loads(line)
            if r["status"] == "moved":
                self.moved += 1
            else:
                self.bad.append("%s: %s" % (r["key"], line.decode()))
        if out.returncode != 0:
            self.bad.append("vt-migrate ended with %d" % out.returncode)

    def run(self):
        start = time.monotonic()
        self.start()
        try:
            files, total = self.put_all()
            print("put %d versions of %d files, %.1f MB: %.0f s" % (
                len(self.known), files, total / 1e6,
                time.monotonic() - start), flush=True)
            for n in range(self.o["rounds"]):
                if self.bad:
                    break
                done = threading.Event()
                readers = [threading.Thread(target=self.read_some,
                                            args=(done, n * 100 + i))
                           for i in range(self.o["readers"])]
                for t in readers:
                    t.start()
                self.move(n)
                done.set()
                for t in readers:
                    t.join()
                print("round %d: %d moves, %d whole reads, %d ranges" % (
                    n + 1, self.moved, self.reads, self.ranges), flush=True)
            self.each(sorted(self.known), lambda kv: self.whole(*kv))
            self.listed()
        finally:
            self.stop()
        print("%d moves, %d whole reads, %d ranges, %d findings: %.0f s" % (
            self.moved, self.reads, self.ranges, len(self.bad),
            time.monotonic() - start))
        for b in self.bad[:20]:
            print("  " + b)
        if not self.bad:
            shutil.rmtree(self.dir)
        return 1 if self.bad else 0


def main():
    o = {"files": 1000, "from": "/usr", "max_size": 200000000,
         "total": 4000000000, "rounds": 3, "jobs": 8, "readers": 4, "seed": 1}
    names = [n.replace("_", "-") + "=" for n in o]
    try:
        opts, args = getopt.getopt(sys.argv[1:], "h", names + ["help"])
    except getopt.GetoptError as e:
        sys.exit("tiers.py: %s" % e)
    for name, value in opts:
        if name in ("-h", "--help"):
            print(__doc__)
            return 0
        name = name[2:].replace("-", "_")
        o[name] = value if name == "from" else int(value)
    if len(args) != 2:
        sys.exit(__doc__)
    with open(args[0]) as f:
        tiers = json.load(f)
    shutil.rmtree(args[1], ignore_errors=True)
    os.makedirs(args[1])
    return Soak(tiers, args[1], o).run()


if __name__ == "__main__":
    sys.exit(main())
