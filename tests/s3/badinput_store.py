"""The store that bad input leaves as it was, and what a refusal looks like.

SERVE_DIR is the server's folder (its data in data/); it runs with --no-gc.
"""
import datetime
import hashlib
import os
import random
import re
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

import raw
from raw import Conn, headers, sha256, wait_for

DATA = os.environ["SERVE_DIR"] + "/data"
BUCKET = "/kept"
LARGE = 300000          # streamed: over SMALL_BODY_MAX
TABLES = ("bucket", "bucket_doc", "version", "copy", "extent", "blob",
          "inline_data", "version_parts", "upload", "part", "garbage",
          "intent")


def data(n, seed=0):
    return random.Random(n * 7 + seed).randbytes(n)


def ask(*args, **kw):
    return Conn(60).ask(*args, **kw)


def utc(**off):
    return datetime.datetime.now(datetime.timezone.utc) + \
        datetime.timedelta(**off)


# --- the store, and that it is as it was ------------------------------------


def prepare():
    """What the tests try to harm."""
    def put(target, body, extra=()):
        r = ask("PUT", BUCKET + target, body, extra=extra)
        assert r.status == 200, r

    put("", None)
    put("/small", data(100), [("x-amz-meta-who", "me"),
                              ("Content-Type", "text/x-mine")])
    put("/medium", data(20000))
    put("/large", data(LARGE))
    put("/empty", b"")
    put("/dir/%C3%A4%20%25", data(5000))
    r = ask("POST", BUCKET + "/parts?uploads")
    assert r.status == 200, r
    for n, size in ((1, 5 << 20), (2, 1000)):
        put("/parts?partNumber=%d&uploadId=%s" % (n, upload()), data(size))


def upload():
    r = ask("GET", BUCKET + "?uploads")
    return re.search(b"<UploadId>(.*?)</UploadId>", r.body)[1].decode()


def etag(number):
    return hashlib.md5(data((5 << 20, 1000)[number - 1])).hexdigest()


def rows():
    db = sqlite3.connect("file:%s/catalog.db?mode=ro" %
                         urllib.parse.quote(DATA), uri=True)
    try:
        return {t: sorted(db.execute("SELECT * FROM " + t), key=repr)
                for t in TABLES}
    finally:
        db.close()


def files():
    out = {}
    for folder, _, names in os.walk(DATA + "/tiers"):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                out[path[len(DATA):]] = sha256(f.read())
    return out


def picture():
    """Everything a client or a neighbour can see of the store."""
    c = Conn(60)
    out = {"rows": rows(), "files": files()}
    for q in ("?list-type=2", "?versions", "?uploads"):
        r = c.ask("GET", BUCKET + q)
        assert r.status == 200, r
        out[q] = r.body
    out["buckets"] = c.ask("GET", "/").body
    for key in re.findall(b"<Key>(.*?)</Key>", out["?list-type=2"]):
        r = c.ask("GET", BUCKET + "/" + urllib.parse.quote(key))
        assert r.status == 200, r
        for name in ("date", "x-amz-request-id"):
            del r.head[name]
        out[key] = (r.head, sha256(r.body))
    r = c.ask("GET", BUCKET + "/parts?uploadId=" + upload())
    assert r.status == 200, r
    out["parts"] = r.body
    return out


def metric(name):
    with urllib.request.urlopen(os.environ["SERVE_ADMIN"] + "/metrics") as f:
        for line in f.read().decode().split("\n"):
            if line.startswith(name + " "):
                return int(line.split()[1])
    raise KeyError(name)


def settle():
    """Wait for the ends of requests: what they clean up they do after the
    answer."""
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0)


def gc():
    """What the collector found: (blobs, leaked names)."""
    r = subprocess.run(["vt-migrate", "--data", DATA, "--gc",
                        "--ignore-grace"], capture_output=True, text=True,
                       check=False)
    assert r.returncode == 0, r
    found = re.search(r"removed (\d+) blobs .*?, (\d+) leaked", r.stderr)
    return int(found[1]), int(found[2])


def serves():
    """All kinds of requests work, and leave nothing."""
    for n in (10, 20000, LARGE):
        body = data(n, 1)
        r = ask("PUT", BUCKET + "/serves", body)
        assert r.status == 200, r
        r = ask("GET", BUCKET + "/serves")
        assert r.status == 200 and r.body == body, r
    r = ask("DELETE", BUCKET + "/serves")
    assert r.status == 204, r
    settle()
    assert gc() == (2, 0)


def compare(before, after):
    for name in sorted(set(before) | set(after), key=str):
        a, b = before.get(name), after.get(name)
        if a == b:
            continue
        if isinstance(a, dict) and isinstance(b, dict):
            compare(a, b)
        raise AssertionError("%r was %.500r and is %.500r" % (name, a, b))


def unharmed(f):
    before = picture()
    f()
    settle()
    compare(before, picture())
    assert gc() == (0, 0)
    serves()


# --- answers -----------------------------------------------------------------


def element(r, name):
    found = ET.fromstring(r.body).find(name)
    return None if found is None else found.text


def refused(r, status, code, *words):
    """An S3 error document, complete, which has these words in its message
    or its details."""
    assert r is not None, "the connection was cut without an answer"
    assert r.status == status, r
    assert r.head["content-type"] == "application/xml", r
    assert element(r, "Code") == code, r
    assert element(r, "Message").strip(), r
    assert element(r, "RequestId") == r.head["x-amz-request-id"], r
    text = "\n".join(e.text or "" for e in ET.fromstring(r.body)
                     if e.tag not in ("Code", "Resource", "RequestId"))
    for word in words:
        assert word in text, "no %r in %r" % (word, r)


def put(body=b"harm", target=BUCKET + "/small", **kw):
    """An overwrite, which must not happen."""
    return ask("PUT", target, body, **kw)


def change(fields, name, value):
    """Replace a header, after it was signed."""
    return [(n, value if n.lower() == name.lower() else v)
            for n, v in fields]


def send(method, target, fields, body=b""):
    c = Conn(60)
    c.head(method, target, fields)
    c.send(body)
    return c.answer(method)


def signed_put(body=b"harm", target=BUCKET + "/small", **kw):
    return headers("PUT", target, sha256(body),
                   [("Content-Length", str(len(body)))], **kw)


def main(names, plain=()):
    """Run the function argv names, between two pictures unless it is plain."""
    f = names[sys.argv[1]]
    if sys.argv[1] in plain:
        f()
    else:
        unharmed(f)
