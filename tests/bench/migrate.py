#!/usr/bin/python3
"""migrate.py BIN DIR SMALL LARGE LARGE_MIB ROUNDS JOBS

Objects from one S3 server to another, both vt-serve on loopback: by vt-migrate
(adopted on the first server, moved by a plan to the second) and by rclone with
as many transfers, one after the other in each round.  SMALL objects of 64 KiB,
then LARGE ones of LARGE_MIB MiB.  JSON lines: seconds, processor seconds, the
largest memory, and the ratio of rclone's time to ours.

s5cmd speaks to one endpoint at a time: it cannot copy between two servers.
"""
import atexit
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time


class Serve:
    def __init__(self, bin_dir, folder):
        self.data = os.path.join(folder, "data")
        os.makedirs(self.data, exist_ok=True)
        err = os.path.join(folder, "err")
        with open(err, "wb") as e:
            self.p = subprocess.Popen(
                [os.path.join(bin_dir, "vt-serve"), "--data", self.data,
                 "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=e, stderr=e)
        atexit.register(self.stop)
        url = None
        while url is None:
            if self.p.poll() is not None:
                sys.exit(open(err).read())
            m = re.search(r"listening on (http://[^ ,]*),", open(err).read())
            url = m and m.group(1)
            time.sleep(0.02)
        self.url = url
        self.credentials = os.path.join(self.data, "credentials")
        self.key = dict(re.findall(r"^(aws_\w+) *= *(\S+)",
                                   open(self.credentials).read(), re.M))

    def env(self):
        return dict(os.environ, AWS_ENDPOINT_URL=self.url, AWS_REGION="us-east-1",
                    AWS_ACCESS_KEY_ID=self.key["aws_access_key_id"],
                    AWS_SECRET_ACCESS_KEY=self.key["aws_secret_access_key"])

    def stop(self):
        if self.p.poll() is None:
            self.p.terminate()
            self.p.wait()


def run(args, env=None, out=None):
    """Seconds, processor seconds, KiB at most; a failure ends all."""
    start = time.monotonic()
    p = subprocess.Popen(args, env=env, stdout=out or subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    if status != 0:
        sys.exit("%s: status %d" % (args[0], status))
    return (time.monotonic() - start, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss)


def fill(folder, count, size):
    os.makedirs(folder)
    block = os.urandom(1 << 20)
    for i in range(count):
        with open(os.path.join(folder, "%06d" % i), "wb") as f:
            f.write(b"%12d" % i)
            left = size - 12
            while left > 0:
                f.write(block[:left])
                left -= len(block)


def main():
    bin_dir, folder = sys.argv[1:3]
    small, large, large_mib, rounds, jobs = map(int, sys.argv[3:])
    # nobody's own settings
    for name in list(os.environ):
        if re.match("AWS_|RCLONE_|https?_proxy", name, re.I):
            del os.environ[name]
    vt = lambda name: os.path.join(bin_dir, name)
    a = Serve(bin_dir, os.path.join(folder, "a"))
    b = Serve(bin_dir, os.path.join(folder, "b"))
    conf = os.path.join(folder, "rclone.conf")
    with open(conf, "w") as f:
        for name, s in (("a", a), ("b", b)):
            f.write("[%s]\ntype = s3\nprovider = Other\nendpoint = %s\n"
                    "access_key_id = %s\nsecret_access_key = %s\n"
                    "region = us-east-1\n" % (
                        name, s.url, s.key["aws_access_key_id"],
                        s.key["aws_secret_access_key"]))
    for what, count, size in (("64 KiB", small, 65536),
                              ("%d MiB" % large_mib, large, large_mib << 20)):
        if count == 0:
            continue
        src = "from-%d" % size
        files = os.path.join(folder, "files")
        fill(files, count, size)
        run([vt("vt-put"), "-q", "-r", "--make-bucket", files,
             "s3://%s/" % src], env=a.env())
        shutil.rmtree(files)
        ours, theirs = [], []
        for n in range(rounds):
            ours.append(migrate(vt, folder, a, b, src, n, jobs, size))
            dst = "rclone-%d-%d" % (size, n)
            run([vt("vt-put"), "-q", "--make-bucket", "/dev/null",
                 "s3://%s/.made" % dst], env=b.env())
            theirs.append(run(
                ["rclone", "--config", conf, "copy", "a:" + src, "b:" + dst,
                 "--transfers", str(jobs), "--checkers", str(jobs),
                 "--s3-no-check-bucket", "--s3-chunk-size", "16M",
                 "--s3-upload-concurrency", "2", "-q"]))
            run(["rclone", "--config", conf, "purge", "b:" + dst, "-q"])
        for name, r in (("vt-migrate", ours), ("rclone", theirs)):
            print(json.dumps({
                "bench": "migrate", "what": "%d x %s" % (count, what),
                "by": name, "connections": jobs,
                "seconds": [round(x[0], 2) for x in r],
                "cpu_seconds": [round(x[1], 2) for x in r],
                "rss_mib": max(x[2] for x in r) >> 10}), flush=True)
        print(json.dumps({
            "bench": "migrate", "what": "%d x %s" % (count, what),
            "ratio": round(statistics.median(
                t[0] / o[0] for o, t in zip(ours, theirs)), 2),
            "goal": 1}), flush=True)
    a.stop()
    b.stop()


def migrate(vt, folder, a, b, src, n, jobs, size):
    c = os.path.join(folder, "c-%d-%d" % (size, n))
    data = os.path.join(c, "data")
    os.makedirs(data)
    for name, s in (("a", a), ("b", b)):
        secret = os.path.join(data, name)
        shutil.copy(s.credentials, secret)
        os.chmod(secret, 0o600)
    run([vt("vt-put"), "-q", "--make-bucket", "/dev/null",
         "s3://to-%d-%d/.made" % (size, n)], env=b.env())
    with open(os.path.join(data, "vaultaire.json"), "w") as f:
        json.dump({"admin": None, "tiers": [
            {"name": "hot", "url": "file:tiers/hot",
             "storage_class": "STANDARD"},
            {"name": "a", "url": "s3://" + src, "endpoint": a.url,
             "credentials": "a", "storage_class": "STANDARD_IA"},
            {"name": "b", "url": "s3://to-%d-%d" % (size, n),
             "endpoint": b.url, "credentials": "b",
             "storage_class": "GLACIER_IR"}]}, f)
    s = Serve(os.path.dirname(vt("x")), c)
    run([vt("vt-put"), "-q", "--make-bucket", "/dev/null", "s3://moved/.made"],
        env=s.env())
    s.stop()
    run([vt("vt-scan"), "-q", "--data", data, "--adopt", "a", "--bucket",
         "moved", "--take-ownership"])
    out = subprocess.run([vt("vt-scan"), "-q", "--data", data], check=True,
                         stdout=subprocess.PIPE).stdout
    plan = os.path.join(c, "plan")
    with open(plan, "w") as f:
        for line in out.splitlines():
            v = json.loads(line)
            if v.get("tier") == "a":
                m = {k: v[k] for k in ("bucket", "key", "version", "seq",
                                       "copy", "size")}
                m.update({"v": 1, "plan": "0", "from": "a", "to": "b"})
                f.write(json.dumps(m) + "\n")
    return run([vt("vt-migrate"), "-q", "--data", data, "-j", str(jobs),
                plan])


if __name__ == "__main__":
    main()
