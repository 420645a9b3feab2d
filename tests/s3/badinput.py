"""Bad input: each gets a clear error and leaves the store as it was.

python3 badinput.py NAME: runs the function of that name between two pictures
of the store, which must be equal: listings, every object byte by byte, the
rows of the catalog, the files under tiers/.  The collector must find nothing
to do then, and the server must serve.  SERVE_DIR is the server's folder (its
data in data/), SERVE_PID its process; it runs with --no-gc.

The functions disk_..., for a full disk, and the few of OWN take no pictures.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
import zlib

import raw
from raw import Conn, chunked, headers, sha256, wait_for

DATA = os.environ["SERVE_DIR"] + "/data"
BUCKET = "/kept"
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKED_TRAILER = CHUNKED + "-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
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
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0, 30)


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


# --- heads ---------------------------------------------------------------------


def request_lines():
    """No HTTP at all, or not quite: no answer, or one that says no."""
    host = b"Host: " + raw.URL.netloc.encode() + b"\r\n"
    for text in (b"\r\n\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
                 bytes(1000), b"GET\r\n\r\n", b"GET /kept\r\n\r\n",
                 b"GET  HTTP/1.1\r\n" + host + b"\r\n",
                 b"/kept GET HTTP/1.1\r\n" + host + b"\r\n",
                 b"DELETE /kept/small HTTP/9.9\r\n" + host + b"\r\n",
                 b"DELETE /kept/small FTP/1.1\r\n" + host + b"\r\n",
                 b"DELETE kept/small HTTP/1.1\r\n" + host + b"\r\n",
                 b"DELETE /kept/small HTTP/1.1\r\nHost\r\n\r\n",
                 b"DELETE /kept/small HTTP/1.1\r\n: x\r\n" + host + b"\r\n",
                 b"PUT /kept/small HTTP/1.1\r\n" + host +
                 b"Content-Length: -1\r\n\r\n",
                 b"PUT /kept/small HTTP/1.1\r\n" + host +
                 b"Content-Length: 4x\r\n\r\nharm",
                 b"PUT /kept/small HTTP/1.1\r\n" + host +
                 b"Content-Length: 99999999999999999999\r\n\r\nharm",
                 b"PUT /kept/small HTTP/1.1\r\n" + host +
                 b"Transfer-Encoding: chunked\r\n\r\nzz\r\nharm\r\n0\r\n\r\n"):
        c = Conn()
        c.send(text)
        c.sock.shutdown(1)
        r = c.answer()
        assert r is None or (400 <= r.status < 600 and r.body), (text, r)
        assert c.ended(), text


def methods():
    """Signed well, and nothing S3 has."""
    for method, target in (("BREW", BUCKET + "/small"), ("PATCH", BUCKET),
                           ("POST", BUCKET + "/small"),
                           ("PUT", BUCKET + "/small?uploads")):
        r = ask(method, target, b"")
        refused(r, 405, "MethodNotAllowed")
    for query in ("acl", "policy", "replication", "encryption"):
        r = ask("PUT", BUCKET + "?" + query, b"<x/>")
        assert r.status in (400, 405, 501), r
        assert element(r, "Message").strip(), r


def broken_headers():
    """A header that two readers could take differently."""
    for line, words in ((b"x-amz-meta-a\x01: b\r\n", "header"),
                        (b"x-amz-meta a: b\r\n", "header")):
        c = Conn()
        head = "".join("%s: %s\r\n" % f for f in signed_put())
        c.send(b"PUT /kept/small HTTP/1.1\r\n" + head.encode() + line +
               b"\r\nharm")
        refused(c.answer(), 400, "BadRequest", words)
        assert c.ended()


def escapes():
    """Targets that decode to nothing, or to less than they are."""
    for bad in ("/kept/sm%", "/kept/sm%4", "/kept/sm%zzall", "/kept/small%00",
                "/%00kept/small", "/kept%/small"):
        refused(put(target=bad), 400, "InvalidURI", "path")
        refused(ask("DELETE", bad), 400, "InvalidURI", "path")
    for bad in ("prefix=%zz", "prefix=%00", "%=1", "prefix=a%2"):
        refused(ask("GET", BUCKET + "?" + bad), 400, "InvalidURI", "query")
    for bad in ("/kept/sm%zzall", "/kept/small%00", "%00", "kept", "/"):
        r = ask("PUT", BUCKET + "/new", extra=[("x-amz-copy-source", bad)])
        refused(r, 400, "InvalidArgument", "copy")


def header_sizes():
    """All headers: 12 KiB.  Past what a connection holds, libmicrohttpd says
    no itself."""
    for extra in ([("x-noise", "n" * 13000)],
                  [("x-%d" % i, "n" * 130) for i in range(100)]):
        r = send("PUT", BUCKET + "/small", signed_put() + extra, b"harm")
        refused(r, 400, "RequestHeaderSectionTooLarge", "12288")
    for extra in ([("x-noise", "n" * 200000)],
                  [("x-%d" % i, "") for i in range(3000)]):
        c = Conn()
        try:
            c.head("PUT", BUCKET + "/small", signed_put() + extra)
            r = c.answer()
        except (BrokenPipeError, ConnectionResetError):
            r = None
        assert r is None or (r.status == 431 and r.body), r
    # The target: 8 KiB.
    r = ask("GET", BUCKET + "?prefix=" + "p" * 8200)
    refused(r, 400, "MaxMessageLengthExceeded", "target", "8192 bytes")
    r = ask("GET", BUCKET + "?" + "&".join("a%d" % i for i in range(129)))
    refused(r, 400, "InvalidURI", "129", "128")


def keys():
    """A key: 1,024 bytes, however they are written."""
    longest = BUCKET + "/" + "k" * 1024
    assert put(target=longest).status == 200
    assert ask("DELETE", longest).status == 204
    for key in ("k" * 1025, "%C3%A4" * 512 + "k", "k" * 7000):
        target = BUCKET + "/" + key
        for r in (put(target=target), put(data(LARGE), target=target),
                  ask("POST", target + "?uploads"), ask("GET", target),
                  ask("PUT", target,
                      extra=[("x-amz-copy-source", "/kept/small")]),
                  ask("DELETE", target)):
            refused(r, 400, "KeyTooLongError", "1,024")
    r = delete("<Delete><Object><Key>%s</Key></Object></Delete>" %
               ("k" * 1025))
    assert r.status == 200 and b"<Code>KeyTooLongError</Code>" in r.body, r
    for name in ("b", "b" * 64, "UPPER", "a_b", "1.2.3.4", "-ab", "a..b"):
        refused(ask("PUT", "/" + name), 400, "InvalidBucketName", name)


def metadata():
    """2,048 bytes of names and values."""
    def fields(n):
        return [("x-amz-meta-a", "v" * 1000), ("x-amz-meta-b", "v" * n)]

    most = 2048 - 2 - 1000
    r = put(target=BUCKET + "/meta", extra=fields(most))
    assert r.status == 200, r
    assert ask("DELETE", BUCKET + "/meta").status == 204
    for n in (most + 1, 8000):
        for r in (put(extra=fields(n)), put(data(LARGE), extra=fields(n)),
                  ask("POST", BUCKET + "/new?uploads", extra=fields(n)),
                  ask("PUT", BUCKET + "/small", extra=fields(n) +
                      [("x-amz-copy-source", "/kept/small"),
                       ("x-amz-metadata-directive", "REPLACE")])):
            refused(r, 400, "MetadataTooLarge", "2,048")
    tags = "&".join("k%d=v" % i for i in range(11))
    refused(put(extra=[("x-amz-tagging", tags)]), 400, "BadRequest", "10")
    refused(put(extra=[("x-amz-tagging", "k=" + "v" * 257)]), 400,
            "InvalidTag", "TagValue")


def parameters():
    """Numbers that are none, names nobody knows."""
    for query, code, word in (
            ("list-type=2&max-keys=some", "InvalidArgument", "max-keys"),
            ("list-type=2&max-keys=-1", "InvalidArgument", "max-keys"),
            ("list-type=2&encoding-type=base64", "InvalidArgument",
             "encoding"),
            ("list-type=2&continuation-token=%25", "InvalidArgument",
             "token"),
            ("uploads&max-uploads=x", "InvalidArgument", "max-uploads")):
        refused(ask("GET", BUCKET + "?" + query), 400, code, word)
    for number in ("0", "10001", "x", "-1", ""):
        r = put(target=BUCKET + "/parts?partNumber=%s&uploadId=%s" %
                (number, upload()))
        refused(r, 400, "InvalidArgument", "10000")
    for target in ("/parts?partNumber=1&uploadId=none",
                   "/other?partNumber=1&uploadId=" + upload()):
        refused(put(target=BUCKET + target), 404, "NoSuchUpload")
    refused(ask("DELETE", BUCKET + "/small?versionId=none"), 400,
            "InvalidArgument", "version")
    refused(put(extra=[("x-amz-storage-class", "FLOPPY")]), 400,
            "InvalidStorageClass", "FLOPPY")
    refused(put(extra=[("x-amz-acl", "whatever")]), 400, "InvalidArgument")
    r = ask("GET", BUCKET + "/small", extra=[("Range", "bytes=100-")])
    refused(r, 416, "InvalidRange")
    refused(ask("PUT", "/none/small", b"harm"), 404, "NoSuchBucket", "none")


# --- who asks ------------------------------------------------------------------


def signatures():
    """Not signed, or not so."""
    refused(send("PUT", BUCKET + "/small",
                 [("Host", raw.URL.netloc), ("Content-Length", "4")],
                 b"harm"), 403, "AccessDenied", "not signed")
    for body in (b"harm", data(LARGE)):
        fields = signed_put(body, secret="wrong")
        r = send("PUT", BUCKET + "/small", fields, body)
        refused(r, 403, "SignatureDoesNotMatch", raw.KEY)
        # What was signed here, for whoever looks for the difference.
        assert element(r, "StringToSign").startswith("AWS4-HMAC-SHA256\n"), r
        assert element(r, "CanonicalRequest").startswith("PUT\n/kept/"), r
        assert raw.SECRET.encode() not in r.body, r
    fields = dict(signed_put())
    good = fields["Authorization"]
    for bad in (good[:-1] + ("0" if good[-1] != "0" else "1"),
                good[:-64] + "0" * 64, good[:-2], good[:-64] + "z" * 64):
        r = send("PUT", BUCKET + "/small",
                 change(fields.items(), "Authorization", bad), b"harm")
        refused(r, 403, "SignatureDoesNotMatch")
    # Signed for another key, method, header, payload.
    for method, target, name, value in (
            ("PUT", "/kept/medium", "", ""),
            ("DELETE", "/kept/small", "", ""),
            ("PUT", "/kept/small?tagging", "", ""),
            ("PUT", "/kept/small", "Host", "elsewhere"),
            ("PUT", "/kept/small", "x-amz-content-sha256",
             "UNSIGNED-PAYLOAD")):
        r = send(method, target, change(signed_put(), name, value), b"harm")
        refused(r, 403, "SignatureDoesNotMatch")
    # A header that counts and is not covered.
    r = send("PUT", BUCKET + "/small", signed_put() +
             [("x-amz-acl", "private")], b"harm")
    refused(r, 403, "AccessDenied", "x-amz-acl")


def credentials():
    """Malformed, unknown, of another age."""
    fields = signed_put()
    good = dict(fields)["Authorization"]
    key, rest = raw.KEY, good.partition(" ")[2]
    day = good.partition("/")[2][:8]
    for bad, status, code, word in (
            (good.replace(key, "VTNOSUCHKEY"), 403, "InvalidAccessKeyId",
             "VTNOSUCHKEY"),
            (good.replace(day, "20200101"), 400,
             "AuthorizationHeaderMalformed", "20200101"),
            (good.replace("/s3/", "/ec2/"), 400,
             "AuthorizationHeaderMalformed", "'s3'"),
            (good.replace("us-east-1", "eu-north-1"), 403,
             "SignatureDoesNotMatch", ""),
            (good.replace("Credential=", "Credentials="), 400,
             "AuthorizationHeaderMalformed", "Credential"),
            (good.partition(", Signature")[0], 400,
             "AuthorizationHeaderMalformed", "Signature"),
            (good.replace("/aws4_request", ""), 400,
             "AuthorizationHeaderMalformed", "AKID"),
            (good.replace("host;", "", 1), 403, "AccessDenied", "host"),
            ("AWS4-HMAC-SHA1 " + rest, 400, "InvalidRequest",
             "AWS4-HMAC-SHA256"),
            ("AWS4-HMAC-SHA256", 400, "AuthorizationHeaderMalformed",
             "Credential"),
            ("AWS %s:c2lnbmF0dXJl" % key, 400, "InvalidRequest",
             "AWS4-HMAC-SHA256"),
            ("Basic dXNlcjpwYXNz", 400, "InvalidArgument", "Authorization"),
            ("", 400, "InvalidArgument", "Authorization")):
        r = send("PUT", BUCKET + "/small",
                 change(fields, "Authorization", bad), b"harm")
        refused(r, status, code, word)
    r = send("PUT", BUCKET + "/small", fields + [("Authorization", good)],
             b"harm")
    refused(r, 400, "InvalidArgument", "authorization")
    r = put(extra=[("x-amz-security-token", "token")])
    refused(r, 400, "InvalidToken", "token")
    r = send("PUT", BUCKET + "/small",
             [f for f in fields if f[0] != "x-amz-date"], b"harm")
    refused(r, 403, "AccessDenied", "x-amz-date")
    r = send("PUT", BUCKET + "/small", change(fields, "x-amz-date", "today"),
             b"harm")
    refused(r, 403, "AccessDenied", "x-amz-date")


def skew():
    """An hour early, an hour late: by the real clock, whatever the server's
    is (the caller moves it)."""
    for hours in (-1, 1):
        for body in (b"harm", data(LARGE)):
            r = put(body, when=utc(hours=hours))
            refused(r, 403, "RequestTimeTooSkewed", "900000")
            sent = element(r, "RequestTime")
            here = element(r, "ServerTime")
            off = [datetime.datetime.fromisoformat(t.replace("Z", "+00:00"))
                   for t in (sent, here)]
            seconds = (off[0] - off[1]).total_seconds()
            assert abs(seconds - hours * 3600) < 60, r
            assert abs((off[1] - utc()).total_seconds()) < 60, r


def presign(method, target, expires, when=None, secret=None, extra=()):
    when = when or utc()
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    scope = "/".join([stamp[:8], raw.REGION, "s3", "aws4_request"])
    path, _, query = target.partition("?")
    params = [p.partition("=")[::2] for p in query.split("&") if p]
    params += [("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
               ("X-Amz-Credential", raw.KEY + "/" + scope),
               ("X-Amz-Date", stamp), ("X-Amz-Expires", str(expires)),
               ("X-Amz-SignedHeaders", "host")] + list(extra)
    query = "&".join("%s=%s" % (n, urllib.parse.quote(v, safe="-_.~"))
                     for n, v in sorted(params))
    canonical = "\n".join([method, path, query, "host:" + raw.URL.netloc, "",
                           "host", "UNSIGNED-PAYLOAD"])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      sha256(canonical.encode())])
    sig = raw.mac(raw.signing_key(stamp[:8], secret), text).hex()
    return path + "?" + query + "&X-Amz-Signature=" + sig


def by_url(method, url, body=b""):
    return send(method, url, [("Host", raw.URL.netloc),
                              ("Content-Length", str(len(body)))], body)


def presigned_times():
    """A URL that is over, not begun, or never was one."""
    url = presign("GET", BUCKET + "/small", 60)
    assert by_url("GET", url).body == data(100)
    for method, body in (("PUT", b"harm"), ("PUT", data(LARGE)),
                         ("DELETE", b""), ("GET", b"")):
        url = presign(method, BUCKET + "/small", 60, utc(minutes=-5))
        r = by_url(method, url, body)
        refused(r, 403, "AccessDenied", "expired")
        assert element(r, "X-Amz-Expires") == "60", r
        assert element(r, "Expires") < element(r, "ServerTime"), r
        url = presign(method, BUCKET + "/small", 60, utc(hours=1))
        refused(by_url(method, url, body), 403, "AccessDenied",
                "not yet valid")
    for expires, word in ((0, "greater than 0"), (-1, "greater than 0"),
                          ("soon", "greater than 0"), (604801, "604800"),
                          (10 ** 30, "greater than 0")):
        r = by_url("DELETE", presign("DELETE", BUCKET + "/small", expires))
        refused(r, 400, "AuthorizationQueryParametersError", word)


def presigned_changes():
    """A URL that was changed on its way."""
    body = b"harm"
    good = presign("PUT", BUCKET + "/new", 60)
    for bad in (good.replace("/new", "/small"),
                good.replace("/new", "/large"),
                good.replace("Expires=60", "Expires=6000"),
                good.replace("?", "?tagging&"),
                good.replace("us-east-1", "us-east-2"),
                good[:-1] + ("0" if good[-1] != "0" else "1"),
                good[:-64], good[:-1], good + "0",
                presign("PUT", BUCKET + "/small", 60, secret="wrong"),
                presign("GET", BUCKET + "/small", 60)):
        refused(by_url("PUT", bad, body), 403, "SignatureDoesNotMatch")
    refused(by_url("DELETE", presign("GET", BUCKET + "/small", 60)), 403,
            "SignatureDoesNotMatch")
    refused(by_url("PUT", good.replace(raw.KEY, "VTNOSUCHKEY"), body), 403,
            "InvalidAccessKeyId", "VTNOSUCHKEY")
    for name in ("Algorithm", "Credential", "Date", "Expires",
                 "SignedHeaders", "Signature"):
        url = re.sub("[?&]X-Amz-%s=[^&]*" % name, "", good)
        if "?" not in url:
            url = url.replace("&", "?", 1)
        refused(by_url("PUT", url, body), 400,
                "AuthorizationQueryParametersError", "X-Amz-" + name)
    refused(by_url("PUT", good + "&X-Amz-Expires=600", body), 400,
            "AuthorizationQueryParametersError", "X-Amz-Expires", "twice")
    # Two ways at once.
    r = send("PUT", good, signed_put(body, good), body)
    refused(r, 400, "InvalidArgument", "Only one")
    # The old way is off, and says how to turn it on.
    url = "%s/small?AWSAccessKeyId=%s&Expires=%d&Signature=x" % (
        BUCKET, raw.KEY, time.time() + 60)
    refused(by_url("PUT", url, body), 400, "InvalidRequest", "sigv2")


# --- XML ---------------------------------------------------------------------------


def delete(text, extra=(), **kw):
    if isinstance(text, str):
        text = text.encode()
    md5 = base64.b64encode(hashlib.md5(text).digest()).decode()
    return ask("POST", BUCKET + "?delete", text,
               extra=[("Content-MD5", md5)] + list(extra), **kw)


LAUGHS = "".join('<!ENTITY l%d "%s">' % (i, "&l%d;" % (i - 1) * 10)
                 for i in range(1, 10))

# What is no document, with a word of why; %s is one that would do harm.
BROKEN = (
    ("", "line 1"), ("harm", "line 1"), ("<a", "line 1"),
    ("%s<", "line"), ("\n\n<a></b>", "line 3"), ("<a b=c/>", "line 1"),
    ("<a>&none;</a>", "entity"), ("<a>\x01</a>", "line 1"),
    ("\xff\xfe<", "line 1"), ("<wrong>%s</wrong>", "wrong"),
    ("<a>" * 1000 + "</a>" * 1000, "nested"),
    ("<!DOCTYPE a>%s", "document type"),
    ('<!DOCTYPE a [<!ENTITY l0 "ha">' + LAUGHS + "]><a>&l9;</a>",
     "document type"),
    ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
     "document type"))


def xml_delete():
    """Nothing of a DeleteObjects is done when some of it makes no sense."""
    victim = "<Object><Key>small</Key></Object>"
    for text, word in BROKEN:
        text = text.replace("%s", "<Delete>%s</Delete>" % victim)
        refused(delete(text.encode("latin-1")), 400, "MalformedXML", word)
    for items, word in (("", "Object"), ("<Object/>", "Key"),
                        (victim + "<Object><Key/></Object>", "Key"),
                        (victim + "<Object><Key>medium</Key><Size>x</Size>"
                         "</Object>", "Size"),
                        (victim + "<Object><Key>medium</Key>"
                         "<LastModifiedTime>x</LastModifiedTime></Object>",
                         "LastModifiedTime"),
                        (victim * 1001, "1000")):
        r = delete("<Delete>%s</Delete>" % items)
        refused(r, 400, "MalformedXML", word)
    r = delete("<Delete>%s<!-- %s --></Delete>" % (victim, "c" * (2 << 20)))
    refused(r, 400, "MaxMessageLengthExceeded", "2097152")
    good = "<Delete>%s</Delete>" % victim
    r = ask("POST", BUCKET + "?delete", good.encode(),
            extra=[("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")])
    refused(r, 400, "BadDigest", "Content-MD5")
    refused(delete(good, extra=[("x-amz-checksum-crc32", "AAAAAA==")]), 400,
            "BadDigest", "CRC32")
    refused(delete(good, payload=sha256(b"else")), 400,
            "XAmzContentSHA256Mismatch", sha256(good.encode()))


def xml_complete():
    """A CompleteMultipartUpload that makes no sense leaves the upload."""
    def complete(text, target=None):
        return ask("POST", target or BUCKET + "/parts?uploadId=" + upload(),
                   text.encode("latin-1"))

    def document(*parts):
        return "<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % \
            "".join("<Part><PartNumber>%s</PartNumber><ETag>%s</ETag></Part>"
                    % p for p in parts)

    one, two = (1, etag(1)), (2, etag(2))
    for text, word in BROKEN:
        text = text.replace("%s", document(one, two))
        refused(complete(text), 400, "MalformedXML", word)
    for text, word in (
            (document(), "Part"), (document(("x", etag(1))), "PartNumber"),
            (document(one).replace(*["ETag"] * 2).replace(
                "<ETag>%s</ETag>" % etag(1), ""), "ETag"),
            (document(*[one] * 10001), "10000")):
        refused(complete(text), 400, "MalformedXML", word)
    for number in (0, 10001):
        refused(complete(document((number, etag(1)))), 400,
                "InvalidArgument", "10000")
    refused(complete(document(two, one)), 400, "InvalidPartOrder",
            "ascending")
    refused(complete(document(one, (3, etag(2)))), 400, "InvalidPart", "3")
    refused(complete(document(one, (2, etag(1)))), 400, "InvalidPart", "2")
    refused(complete(document((1, "not an ETag"))), 400, "InvalidPart", "1")
    refused(complete(document(one) + " " * (2 << 20)), 400,
            "MaxMessageLengthExceeded", "2097152")
    refused(complete(document(one), BUCKET + "/parts?uploadId=none"), 404,
            "NoSuchUpload")
    refused(complete(document(one), BUCKET + "/other?uploadId=" + upload()),
            404, "NoSuchUpload")
    r = ask("POST", BUCKET + "/parts?uploadId=" + upload(),
            document(one, two).encode(),
            extra=[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")])
    refused(r, 400, "BadDigest", "CRC64NVME")
    r = ask("POST", BUCKET + "/parts?uploadId=" + upload(),
            document(one, two).encode(),
            extra=[("x-amz-mp-object-size", "1")])
    refused(r, 400, "InvalidRequest", "x-amz-mp-object-size")


def xml_others():
    """The other documents."""
    for target, code in (("/newbucket", "MalformedXML"),
                         (BUCKET + "?versioning", "MalformedXML"),
                         (BUCKET + "/small?tagging", "MalformedXML"),
                         (BUCKET + "?acl", "MalformedACLError")):
        for text, word in BROKEN:
            # No document is no wish: a default bucket, a private ACL.
            if text == "" and target[-3:] in ("ket", "acl"):
                continue
            r = ask("PUT", target, text.replace("%s", "<Tagging/>")
                    .encode("latin-1"))
            refused(r, 400, code, word)
    r = ask("PUT", BUCKET + "?versioning",
            b"<VersioningConfiguration><Status>Sometimes</Status>"
            b"</VersioningConfiguration>")
    refused(r, 400, "MalformedXML", "Status")
    for text, word in (("<Tagging/>", "TagSet"),
                       ("<Tagging><TagSet><Tag/></TagSet></Tagging>", "Key")):
        refused(ask("PUT", BUCKET + "/small?tagging", text.encode()), 400,
                "MalformedXML", word)


# --- bodies ----------------------------------------------------------------------------


def truncated():
    """Less than was said, in every coding: no answer of success, and nothing
    is stored."""
    part = BUCKET + "/parts?partNumber=1&uploadId=" + upload()
    for target in (BUCKET + "/small", BUCKET + "/new", part):
        for n in (1000, LARGE):
            body = data(n, 1)
            for sent in (0, 1, n - 1):
                c = Conn()
                c.head("PUT", target, headers(
                    "PUT", target, "UNSIGNED-PAYLOAD",
                    [("Content-Length", str(n))]))
                c.send(body[:sent])
                c.sock.shutdown(1)
                r = c.answer()
                assert r is None or r.status >= 400, (target, n, sent, r)
                assert c.ended()
            # Transfer-Encoding: chunked, without its end.
            c = Conn()
            c.head("PUT", target, headers("PUT", target, "UNSIGNED-PAYLOAD")
                   + [("Transfer-Encoding", "chunked")])
            c.send(b"%x\r\n%s\r\n" % (n, body))
            c.sock.shutdown(1)
            r = c.answer()
            assert r is None or r.status >= 400, (target, n, r)
            assert c.ended()


def coded(body, size, edit, target=BUCKET + "/small", payload=CHUNKED,
          length=None, extra=()):
    """A PUT in aws-chunked whose body edit() has changed."""
    more = [("x-amz-decoded-content-length",
             str(len(body) if length is None else length)),
            ("Content-Encoding", "aws-chunked")] + list(extra)
    fields = headers("PUT", target, payload, more)
    text = edit(chunked(body, size, fields, payload))
    return send("PUT", target,
                fields + [("Content-Length", str(len(text)))], text)


def chunks():
    """Bad signatures and bad framing inside of aws-chunked."""
    part = BUCKET + "/parts?partNumber=2&uploadId=" + upload()
    mark = b"chunk-signature="

    def spoil(n):
        """Change the signature of the n-th chunk."""
        def edit(text):
            at = -1
            for _ in range(n):
                at = text.index(mark, at + 1)
            at += len(mark)
            return text[:at] + b"0" * 64 + text[at + 64:]
        return edit

    for target in (BUCKET + "/small", part):
        for size, inner in ((1000, 8192), (30000, 8192), (LARGE, 65536)):
            body = data(size, 1)
            last = -(-size // inner) + 1
            for n in sorted({1, last // 2 + 1, last}):
                refused(coded(body, inner, spoil(n), target), 403,
                        "SignatureDoesNotMatch", "chunk")
            # One byte of the last piece.
            refused(coded(body, inner, lambda t: t[:-95] + bytes(
                [t[-95] ^ 1]) + t[-94:], target), 403,
                    "SignatureDoesNotMatch", "chunk")
            for edit, word in (
                    (lambda t: b"zz;" + t, "head of a chunk"),
                    (lambda t: re.sub(b";chunk-signature=[0-9a-f]*", b"", t),
                     "no signature"),
                    (lambda t: t.replace(b"\r\n", b"\n", 1),
                     "head of a chunk"),
                    (lambda t: b"0" * 9000 + t, "longer than"),
                    (lambda t: t + b"more", "bytes follow"),
                    (lambda t: t[:-86], "too early"),
                    (lambda t: t[:len(t) // 2], "too early")):
                refused(coded(body, inner, edit, target), 400,
                        "IncompleteBody", word)
            for length, word in ((size - 1, "longer"), (size + 1, "shorter"),
                                 (0, "longer")):
                refused(coded(body, inner, lambda t: t, target,
                              length=length), 400, "IncompleteBody", word)
    refused(coded(b"harm", 10, lambda t: t, length=-1), 400,
            "InvalidArgument", "x-amz-decoded-content-length")
    r = ask("PUT", BUCKET + "/small", b"harm", CHUNKED)
    refused(r, 411, "MissingContentLength", "x-amz-decoded-content-length")
    refused(put(payload="STREAMING-SOMEHOW"), 400, "InvalidArgument",
            "x-amz-content-sha256")


def trailers():
    """What was promised to come after the body, and did not."""
    for size in (1000, LARGE):
        body = data(size, 1)
        right = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
        for end, status, code, word in (
                (b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", 400, "BadDigest",
                 "CRC32"),
                (b"\r\n", 400, "MalformedTrailerError",
                 "x-amz-checksum-crc32"),
                (b"x-amz-checksum-sha1:" + right + b"\r\n\r\n", 400,
                 "MalformedTrailerError", "x-amz-checksum-crc32"),
                (b"no colon\r\n\r\n", 400, "IncompleteBody", "trailer"),
                (b"x-amz-checksum-crc32:" + right, 400, "IncompleteBody",
                 "too early")):
            text = b"%x\r\n%s\r\n0\r\n" % (size, body) + end
            fields = headers("PUT", BUCKET + "/small", UNSIGNED_TRAILER, [
                ("x-amz-decoded-content-length", str(size)),
                ("x-amz-trailer", "x-amz-checksum-crc32"),
                ("Content-Length", str(len(text)))])
            refused(send("PUT", BUCKET + "/small", fields, text), status,
                    code, word)
        r = coded(body, 65536, lambda t: t[:-2] +
                  b"x-amz-checksum-crc32:" + right + b"\r\n"
                  b"x-amz-trailer-signature:" + b"0" * 64 + b"\r\n\r\n",
                  payload=CHUNKED_TRAILER,
                  extra=[("x-amz-trailer", "x-amz-checksum-crc32")])
        refused(r, 403, "SignatureDoesNotMatch", "trailer")


def digests():
    """A body that is not the one that was meant."""
    part = BUCKET + "/parts?partNumber=1&uploadId=" + upload()
    for target in (BUCKET + "/small", part):
        for body in (b"", b"harm", data(20000, 1), data(LARGE, 1)):
            other = hashlib.md5(b"else").digest()
            md5 = base64.b64encode(other).decode()
            mine = base64.b64encode(hashlib.md5(body).digest()).decode()
            r = put(body, target, extra=[("Content-MD5", md5)])
            refused(r, 400, "BadDigest", "Content-MD5", md5, mine)
            for bad in ("x", "", other.hex(), md5 + "=", md5[:20]):
                refused(put(body, target, extra=[("Content-MD5", bad)]), 400,
                        "InvalidDigest")
            r = put(body, target, payload=sha256(b"else"))
            refused(r, 400, "XAmzContentSHA256Mismatch", sha256(b"else"),
                    sha256(body))
            for bad in ("x", "0" * 63, "0" * 65, "z" * 64):
                refused(put(body, target, payload=bad), 400,
                        "InvalidArgument", "x-amz-content-sha256")
            for name, n in (("crc32", 4), ("crc32c", 4), ("crc64nvme", 8),
                            ("sha1", 20), ("sha256", 32)):
                field = "x-amz-checksum-" + name
                bad = base64.b64encode(b"\x55" * n).decode()
                refused(put(body, target, extra=[(field, bad)]), 400,
                        "BadDigest", name.upper())
                for bad in ("x", "AAAA", ""):
                    refused(put(body, target, extra=[(field, bad)]), 400,
                            "InvalidRequest", field)
            r = put(body, target, extra=[
                ("x-amz-checksum-crc32", "AAAAAA=="),
                ("x-amz-checksum-sha1", "A" * 27 + "=")])
            refused(r, 400, "InvalidRequest", "single")
            r = put(body, target, extra=[
                ("x-amz-sdk-checksum-algorithm", "MD4")])
            refused(r, 400, "InvalidRequest", "x-amz-sdk-checksum-algorithm")


def too_large():
    """A PUT of more than 5 GiB is refused by its head."""
    size = (5 << 30) + 1
    fields = headers("PUT", BUCKET + "/small", "UNSIGNED-PAYLOAD",
                     [("Content-Length", str(size)),
                      ("Expect", "100-continue")])
    refused(send("PUT", BUCKET + "/small", fields), 400, "EntityTooLarge",
            str(size), str(5 << 30))


# --- plans -------------------------------------------------------------------


def moves(where="", to="cold"):
    """A plan of our own: all large objects to another tier."""
    db = sqlite3.connect("file:%s/catalog.db?mode=ro" %
                         urllib.parse.quote(DATA), uri=True)
    found = db.execute(
        "SELECT b.name, v.key, v.seq, c.id, v.size FROM version v"
        " JOIN bucket b ON b.id = v.bucket JOIN copy c ON c.seq = v.seq"
        " WHERE v.size >= 20000 " + where + " ORDER BY v.seq").fetchall()
    db.close()
    return [{"v": 1, "plan": "p", "bucket": b, "key": k.decode(),
             "version": "", "seq": seq, "copy": copy, "from": "hot",
             "to": to, "size": size} for b, k, seq, copy, size in found]


def migrate(lines, *options):
    text = b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode()
                      for x in lines) + b"\n"
    r = subprocess.run(["vt-migrate", "--data", DATA, "--quiet"] +
                       list(options), input=text, capture_output=True,
                       check=False)
    out = [json.loads(x) for x in r.stdout.splitlines()]
    return r.returncode, out, r.stderr.decode()


def without(move, name):
    return {k: v for k, v in move.items() if k != name}


def bad_lines():
    """What is no move, and what vt-migrate says of it."""
    good = moves()[0]
    return [(b"nonsense", "not a JSON object"),
            (b"\xff\x00\xfe", "not a JSON object"),
            (b"[]", "not a JSON object"), (b"{", "not a JSON object"),
            (json.dumps(good)[:-20].encode(), "not a JSON object"),
            (dict(good, v=2), "'v'"), (dict(good, seq="x"), "'seq'"),
            (dict(good, size=-1), "'size'"), (dict(good, copy=1.5), "'copy'"),
            (dict(good, key=5), "'key'"),
            (dict(good, not_after="soon"), "'not_after'"),
            (dict(good, reason="r" * (17 << 20)), "over 16777216")] + \
        [(without(good, name), "'%s' is missing" % name)
         for name in ("bucket", "key", "seq", "copy", "from", "to")]


def plan_lines():
    """A line that is no move is told with its number, and moves nothing."""
    for line, word in bad_lines():
        code, out, err = migrate([b"", line])
        assert code == 1 and out == [], (line, code, out, err)
        assert ":2: " in err and word in err and err.count("\n") == 1, err
    # Moves that look right, of things that are not.
    good = moves()[0]
    for change, status, code, word in (
            ({"to": "nowhere"}, "failed", 3, "nowhere"),
            ({"bucket": "none"}, "skipped", 0, "gone"),
            ({"seq": 1 << 40}, "skipped", 0, "gone"),
            ({"key": "other"}, "skipped", 0, "not of this bucket and key"),
            ({"copy": 1 << 40}, "skipped", 0, "no longer"),
            ({"from": "warm"}, "skipped", 0, "'warm'"),
            ({"generation": 1 << 40}, "skipped", 0, "changed"),
            ({"not_after": "2001-01-01T00:00:00Z"}, "skipped", 0,
             "too old")):
        result, out, err = migrate([dict(good, **change)])
        assert result == code, (change, result, out, err)
        assert [x["status"] for x in out] == [status], (change, out)
        assert word in out[0]["reason"], (change, out)
    code, out, err = migrate([], "--", "/nonexistent/plan")
    assert code == 3 and "/nonexistent/plan" in err, (code, err)


def plan_mixed():
    """Called by itself: bad lines among good ones keep none of them."""
    good, bad = moves(), bad_lines()
    assert len(good) >= 2
    lines, places = [], []
    for move in good:
        lines.append(move)
        for line, word in bad:
            lines.append(line)
            places.append((len(lines), word))
    before = {k: v for k, v in picture().items() if k not in
              ("rows", "files")}
    code, out, err = migrate(lines, "--grace", "0s")
    assert code == 1, (code, err)
    assert sorted(x["key"] for x in out) == sorted(x["key"] for x in good)
    assert {x["status"] for x in out} == {"moved"}, out
    told = err.splitlines()
    for number, word in places:
        assert any(":%d: " % number in x and word in x for x in told), \
            (number, word, err)
    assert len(told) == len(places), err
    after = picture()
    assert sum("/cold/" in f for f in after["files"]) == len(good)
    for name, value in before.items():
        if not isinstance(value, tuple):
            continue
        for x in (value, after[name]):
            x[0].pop("x-amz-storage-class", None)
        assert value == after[name], (name, value, after[name])
    assert gc() == (len(good), 0)


# --- a full disk ---------------------------------------------------------------------------
# STATE is a file in which acknowledged objects are kept from step to step.

STATE = os.environ["SERVE_DIR"] + "/acknowledged"
MIB = 1 << 20


def load():
    with open(STATE, encoding="ascii") as f:
        return json.load(f)


def save(state):
    with open(STATE, "w", encoding="ascii") as f:
        json.dump(state, f)


def full(r):
    """The storage is full, says the answer, and nothing more: the words of
    the system with names of files are the server's own."""
    refused(r, 507, "InsufficientStorage", "full")
    assert DATA.encode() not in r.body, r


def free():
    s = os.statvfs(DATA)
    return s.f_bavail * s.f_frsize


def fill_until_full(name, size, most=100000):
    """Objects until there is no room; those acknowledged."""
    out, c = {}, Conn(60)
    for n in range(most):
        key = "/full/%s%d" % (name, n)
        body = data(size, n)
        r = c.ask("PUT", key, body)
        if r.status != 200:
            full(r)
            break
        out[key] = [sha256(body), size]
    else:
        raise AssertionError("the disk never was full")
    return out


def check_all(state):
    c = Conn(60)
    for key, (digest, size) in state.items():
        r = c.ask("GET", key)
        assert r.status == 200 and len(r.body) == size, (key, r)
        assert sha256(r.body) == digest, key
    listed, token = set(), ""
    while True:
        r = c.ask("GET", "/full?list-type=2" + token)
        assert r.status == 200, r
        listed |= {"/full/" + k.decode()
                   for k in re.findall(b"<Key>(.*?)</Key>", r.body)}
        more = element(ET_no_ns(r), "NextContinuationToken")
        if more is None:
            break
        token = "&continuation-token=" + urllib.parse.quote(more, safe="")
    assert listed == set(state), listed ^ set(state)


def ET_no_ns(r):
    r.body = re.sub(b' xmlns="[^"]*"', b"", r.body)
    return r


def disk_fill():
    """Large ones until it is full, then small ones into the catalog."""
    assert ask("PUT", "/full").status == 200
    state = {}
    for size, name in ((MIB, "large"), (40000, "medium"), (4000, "inline"),
                       (10, "tiny")):
        state.update(fill_until_full(name, size))
    assert sum(s == MIB for _, s in state.values()) > 10
    save(state)
    # It stays so, for every kind of write, and tells no lies.
    for body in (b"x", data(40000), data(MIB)):
        full(ask("PUT", "/full/another", body))
    full(ask("PUT", "/full/another", extra=[
        ("x-amz-copy-source", max(state, key=lambda k: state[k][1]))]))
    r = ask("POST", "/full/another?uploads")
    assert r.status in (200, 507), r
    check_all(state)


def disk_check():
    check_all(load())


def disk_delete():
    """On the full disk.  Each round fills up what the last one left: the room
    that is kept back for deletes must not wear out."""
    state = load()
    for n in range(5):
        for pick in (max, min):
            key = pick(state, key=lambda k: state[k][1])
            r = ask("DELETE", key)
            assert r.status == 204, (n, r)
            del state[key]
            assert ask("GET", key).status == 404
        for size, name in ((MIB, "large"), (4000, "inline"), (10, "tiny")):
            state.update(fill_until_full("%s-%d-" % (name, n), size))
    keys = [k for k, (_, s) in state.items() if s == MIB][:2]
    r = ask("POST", "/full?delete", b"<Delete>%s</Delete>" % b"".join(
        b"<Object><Key>%s</Key></Object>" % k[6:].encode() for k in keys))
    assert r.status == 200 and r.body.count(b"<Deleted>") == 2, r
    for key in keys:
        del state[key]
    save(state)
    check_all(state)


def disk_recover():
    """Half of it deleted and collected: PUTs work again."""
    state = load()
    for key in [k for k, (_, s) in state.items() if s == MIB][::2]:
        assert ask("DELETE", key).status == 204
        del state[key]
    settle()
    blobs, leaked = gc()
    assert blobs > 5 and leaked == 0, (blobs, leaked)
    for n in range(3):
        body = data(MIB, 1000 + n)
        r = ask("PUT", "/full/after%d" % n, body)
        assert r.status == 200, r
        state["/full/after%d" % n] = [sha256(body), MIB]
    save(state)
    check_all(state)
    assert gc()[1] == 0


def disk_migrate():
    """A move finds no room: it fails, may work later, and changes nothing."""
    before, strays = rows(), set(files())
    move = moves("AND v.size = %d" % MIB)[0]
    code, out, err = migrate([move])
    assert code == 4, (code, out, err)
    assert out[0]["status"] == "failed", out
    assert "No space left" in err, err
    assert set(files()) == strays
    compare(before, rows())
    check_all(load())


def disk_no_strays():
    """No file under tiers/ that the catalog does not know."""
    known = {name for (name,) in sqlite3.connect(
        "file:%s/catalog.db?mode=ro" % urllib.parse.quote(DATA),
        uri=True).execute("SELECT name FROM blob WHERE inline = 0 UNION "
                          "SELECT name FROM garbage")}
    there = {os.path.relpath(f, "/tiers/hot") for f in files()}
    assert there == known, there ^ known


OWN = {"prepare", "plan_mixed"}

if __name__ == "__main__":
    f = globals()[sys.argv[1]]
    if sys.argv[1] in OWN or sys.argv[1].startswith("disk_"):
        f()
    else:
        unharmed(f)
