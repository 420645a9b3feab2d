"""Forms that are refused, each between two pictures of the store; and one
that breaks off with its server.  Forms are made here, byte by byte.
"""
import base64
import datetime
import hashlib
import hmac
import json
import os
import sys

import raw
from badinput_store import (BUCKET, DATA, LARGE, ask, data, gc, main, refused,
                            settle, unharmed, utc)
from raw import Conn, mac, signing_key, wait_for

BOUNDARY = "----form7MA4YWxkTrZu0gW"
SMALL = 3000


def part(name, value, filename=None, extra=b""):
    head = 'Content-Disposition: form-data; name="%s"' % name
    if filename is not None:
        head += '; filename="%s"' % filename
    if isinstance(value, str):
        value = value.encode()
    return (b"--" + BOUNDARY.encode() + b"\r\n" + head.encode() + extra +
            b"\r\n\r\n" + value + b"\r\n")


def form(fields, body=b"harm", filename="f.txt", after=b"", extra=b""):
    return (b"".join(part(n, v) for n, v in fields) +
            part("file", body, filename, extra) + after +
            b"--" + BOUNDARY.encode() + b"--\r\n")


def policy(conditions, expires=None):
    when = expires or utc(hours=1)
    text = json.dumps({"expiration": when.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                       "conditions": conditions})
    return base64.b64encode(text.encode()).decode()


def sign(fields, conditions=(), expires=None, secret=None, document=None,
         key=None, bucket=None):
    """The fields of a form with a policy that names them all, signed."""
    stamp = utc().strftime("%Y%m%dT%H%M%SZ")
    scope = "%s/%s/%s/s3/aws4_request" % (key or raw.KEY, stamp[:8],
                                          raw.REGION)
    fields = list(fields) + [("x-amz-algorithm", "AWS4-HMAC-SHA256"),
                             ("x-amz-credential", scope),
                             ("x-amz-date", stamp)]
    if document is None:
        named = [["starts-with" if "${" in v else "eq", "$" + n,
                  v.partition("${")[0]] for n, v in fields]
        document = policy([{"bucket": bucket or BUCKET[1:]}] + named +
                          list(conditions), expires)
    signature = mac(signing_key(stamp[:8], secret), document).hex()
    return fields + [("policy", document), ("x-amz-signature", signature)]


def signed():
    """Print the fields of a form for argv: BUCKET NAME=VALUE..."""
    for f in sign([a.split("=", 1) for a in sys.argv[3:]],
                  bucket=sys.argv[2]):
        print("%s=%s" % tuple(f))


def post(body, target=BUCKET, extra=(), kind=None):
    c = Conn(60)
    c.head("POST", target,
           [("Host", raw.URL.netloc), ("Content-Length", str(len(body))),
            ("Content-Type", kind or "multipart/form-data; boundary=" +
             BOUNDARY)] + list(extra))
    try:
        c.send(body)
    except ConnectionError:
        pass
    return c.answer("POST")


def sizes():
    """A file that is collected, one that is streamed."""
    return (data(SMALL), data(LARGE))


# --- what is no form ----------------------------------------------------------


def framing():
    fields = sign([("key", "small")])
    for body in sizes():
        good = form(fields, body)
        end = good.rindex(b"--" + BOUNDARY.encode())
        for bad in (good[:end], good[:end - 2], good[:-4],
                    good[:len(good) // 2], b"", b"harm",
                    good.replace(b"\r\n", b"\n"),
                    good.replace(b"form-data;", b"attachment;"),
                    good.replace(b'name="file"', b'name="file'),
                    form(fields, body, extra=b"\r\n"
                         b"Content-Transfer-Encoding: base64"),
                    form(fields, body, after=b"--" + BOUNDARY.encode() +
                         b"\r\nX: " + b"x" * 5000)):
            refused(post(bad), 400, "MalformedPOSTRequest")
        # without its boundary all of it comes before the file
        refused(post(good.replace(BOUNDARY.encode(), b"other")), 400,
                "MalformedPOSTRequest" if len(body) == SMALL else
                "MaxPostPreDataLengthExceeded")
        for kind in ("multipart/form-data", "multipart/form-data; boundary=",
                     "multipart/form-data; boundary=" + "b" * 71,
                     "multipart/form-data; boundary=a; boundary=b"):
            refused(post(good, kind=kind), 400, "MalformedPOSTRequest")
        for kind in ("application/xml", "multipart/mixed; boundary=x"):
            refused(post(good, kind=kind), 412, "PreconditionFailed",
                    "multipart/form-data")
        refused(post(form(fields, body, after=part("file", body, "2"))), 400,
                "IncorrectNumberOfFilesInPostRequest")
        refused(post(b"".join(part(n, v) for n, v in fields) +
                     part("other", "x" * 99) +
                     b"--" + BOUNDARY.encode() + b"--\r\n"), 400,
                "IncorrectNumberOfFilesInPostRequest")
        long = form(fields + [("x-ignore-a", "x" * 20480)], body)
        refused(post(long), 400, "MaxPostPreDataLengthExceeded", "20480")
        many = form(fields + [("x-ignore-%d" % i, "") for i in range(300)],
                    body)
        refused(post(many), 400, "MaxPostPreDataLengthExceeded")


def broken_off():
    """The client goes away, in the fields and in the file."""
    for body in sizes():
        whole = form(sign([("key", "small")]), body)
        for at in (10, whole.index(b"harm") if b"harm" in whole else 1000,
                   len(whole) - len(body) // 2, len(whole) - 30,
                   len(whole) - 3):
            c = Conn(60)
            c.head("POST", BUCKET,
                   [("Host", raw.URL.netloc),
                    ("Content-Length", str(len(whole))),
                    ("Content-Type",
                     "multipart/form-data; boundary=" + BOUNDARY)])
            c.send(whole[:at])
            c.close()


# --- fields, policies, signatures ----------------------------------------------


def fields():
    for body in sizes():
        def bad(more, code, *words, status=400):
            refused(post(form(sign(more), body)), status, code, *words)

        bad([], "InvalidArgument", "'key'")
        bad([("key", "")], "InvalidArgument", "greater than 0")
        bad([("key", "k" * 1025)], "KeyTooLongError")
        bad([("key", "small"), ("KEY", "large")], "InvalidArgument", "twice")
        bad([("key", "small"), ("x-amz-meta-a", "1\r\nx: y")],
            "InvalidArgument", "control")
        bad([("key", "small"), ("x-amz-meta-a", "1" * 2100)],
            "MetadataTooLarge")
        bad([("key", "small"), ("x-amz-storage-class", "NOSUCH")],
            "InvalidStorageClass")
        bad([("key", "small"), ("tagging", "<Tagging>")], "MalformedXML")
        bad([("key", "small"), ("success_action_redirect",
                                "http://h/" + "x" * 4096)],
            "InvalidArgument", "4096")
        bad([("key", "small"), ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")],
            "BadDigest")
        bad([("key", "small"), ("x-amz-checksum-crc32", "AAAAAA==")],
            "BadDigest")
        bad([("key", "small"), ("x-amz-checksum-sha1", "AAAA")], "BadDigest")
        ok = sign([("key", "small")])
        refused(post(form([("key", b"a\0b")] + ok[1:], body)), 400,
                "InvalidArgument", "NUL")
        refused(post(form([("key", b"\xff")] + ok[1:], body)), 400,
                "InvalidArgument", "UTF-8")


def policies():
    now = [("key", "small")]
    for body in sizes():
        def bad(fields, status, code, *words):
            refused(post(form(fields, body)), status, code, *words)

        bad(sign(now, expires=utc(seconds=-5)), 403, "AccessDenied",
            "Policy expired")
        bad(sign(now, [{"acl": "private"}]), 403, "AccessDenied",
            "Policy Condition failed", "acl")
        bad(sign(now) + [("x-amz-meta-a", "b")], 403, "AccessDenied",
            "Extra input fields: x-amz-meta-a")
        bad(sign(now, [{"bucket": "other"}]), 403, "AccessDenied", "bucket")
        bad(sign(now, [["content-length-range", 0, len(body) - 1]]), 400,
            "EntityTooLarge", str(len(body) - 1))
        bad(sign(now, [["content-length-range", len(body) + 1, 1 << 30]]),
            400, "EntityTooSmall", str(len(body)), str(len(body) + 1))
        bad(sign(now, [["content-length-range", 1]]), 400,
            "InvalidPolicyDocument")
        bad(sign(now, document="!"), 400, "InvalidPolicyDocument", "base64")
        bad(sign(now, document=base64.b64encode(b"{").decode()), 400,
            "InvalidPolicyDocument", "JSON")
        bad(sign(now, document=base64.b64encode(
            b'{"conditions":[]}').decode()), 400, "InvalidPolicyDocument",
            "expiration")


def signatures():
    now = [("key", "small")]
    good = sign(now)
    for body in sizes():
        def bad(fields, status, code, *words):
            refused(post(form(fields, body)), status, code, *words)

        bad(now, 403, "AccessDenied")
        bad(sign(now, secret="wrong"), 403, "SignatureDoesNotMatch")
        bad(sign(now, key="VTNOSUCHKEY"), 403, "InvalidAccessKeyId",
            "VTNOSUCHKEY")
        bad([(n, v if n != "policy" else policy([])) for n, v in good], 403,
            "SignatureDoesNotMatch")
        for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date",
                     "x-amz-signature", "policy"):
            bad([f for f in good if f[0] != name], 400, "InvalidArgument",
                "field named")
        for name, value in (("x-amz-algorithm", "AWS4-HMAC-MD5"),
                            ("x-amz-date", "yesterday")):
            bad([(n, value if n == name else v) for n, v in good], 400,
                "InvalidArgument")
        for value in ("x", raw.KEY + "/20200101/us-east-1/s3/aws4_request",
                      raw.KEY + "/" + utc().strftime("%Y%m%d") +
                      "/us-east-1/ec2/aws4_request"):
            r = post(form([(n, value if n == "x-amz-credential" else v)
                           for n, v in good], body))
            refused(r, 400, "AuthorizationQueryParametersError")
        bad(good + [("AWSAccessKeyId", raw.KEY), ("signature", "x")], 400,
            "InvalidArgument", "Only one")
        # version 2: the policy alone, by HMAC-SHA1
        document = policy([{"key": "small"}])
        old = now + [("AWSAccessKeyId", raw.KEY), ("policy", document)]
        bad(old, 400, "InvalidArgument", "Signature")
        bad(old + [("signature", "x")], 403, "SignatureDoesNotMatch")
        bad([(n, "VTNOSUCH" if n == "AWSAccessKeyId" else v)
             for n, v in old] + [("signature", "x")], 403,
            "InvalidAccessKeyId")


def refused_early():
    """A form that is refused while it comes hears why, though more of it
    follows than is read."""
    body = data(30 << 20)
    r = post(form(sign([("key", "small")],
                       [["content-length-range", 0, LARGE]]), body))
    refused(r, 400, "EntityTooLarge", str(LARGE))


# --- by version 2, and with the server ending --------------------------------------


def version2():
    """A form that an old client signed, which is taken where "sigv2" is
    on."""
    body = data(SMALL, 5)
    document = policy([{"bucket": BUCKET[1:]}, ["starts-with", "$key", "v2/"],
                       {"x-amz-meta-a": "b"}])
    signature = base64.b64encode(hmac.new(raw.SECRET.encode(),
                                          document.encode(),
                                          hashlib.sha1).digest()).decode()
    r = post(form([("key", "v2/${filename}"), ("AWSAccessKeyId", raw.KEY),
                   ("policy", document), ("signature", signature),
                   ("x-amz-meta-a", "b")], body))
    assert r.status == 204, r
    r = ask("GET", BUCKET + "/v2/f.txt")
    assert r.body == body and r.head["x-amz-meta-a"] == "b", r
    r = ask("DELETE", BUCKET + "/v2/f.txt")
    assert r.status == 204, r


def files():
    return [os.path.join(d, n) for d, _, names in os.walk(DATA + "/tiers")
            for n in names]


def half():
    """Half of a large form, and a moment later the server is gone: the
    number of its process is in argv."""
    whole = form(sign([("key", "half")]), data(4 << 20))
    before = len(files())
    c = Conn(60)
    c.head("POST", BUCKET,
           [("Host", raw.URL.netloc), ("Content-Length", str(len(whole))),
            ("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)])
    c.send(whole[:len(whole) // 2])
    assert wait_for(lambda: len(files()) > before)
    os.kill(int(sys.argv[2]), 9)


if __name__ == "__main__":
    if sys.argv[1] == "quiet":
        # What tests before this one replaced and deleted is collected.
        settle()
        gc()
        del sys.argv[1]
    main(globals(), ("version2", "half", "signed"))
