"""Bad requests: each gets a clear error and leaves the store as it was.

python3 badinput.py NAME: runs the function of that name between two pictures
of the store, which must be equal: listings, every object byte by byte, the
rows of the catalog, the files under tiers/.  The collector must find nothing
to do then, and the server must serve.
"""
import base64
import datetime
import hashlib
import re
import time
import urllib.parse
import zlib

import raw
from badinput_store import (BUCKET, LARGE, ask, change, data,
                            element, etag, main, prepare, put, refused, send,
                            signed_put, upload, utc)
from raw import Conn, chunked, headers, sha256

CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKED_TRAILER = CHUNKED + "-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


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
        c = Conn(3)
        c.send(text)
        # What is no request yet may wait for the rest of it, until the idle
        # timeout when its end came with its last byte.
        try:
            c.sock.shutdown(1)
            r = c.answer()
        except (TimeoutError, OSError):
            r = None
        assert r is None or (400 <= r.status < 600 and r.body), (text, r)
        c.close()


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
        assert c.ended(20)


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
                         (BUCKET + "/small?tagging", "MalformedXML")):
        for text, word in BROKEN:
            # No document is no wish: a default bucket.
            if text == "" and target[-3:] == "ket":
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
                assert c.ended(20)
            # Transfer-Encoding: chunked, without its end.
            c = Conn()
            c.head("PUT", target, headers("PUT", target, "UNSIGNED-PAYLOAD")
                   + [("Transfer-Encoding", "chunked")])
            c.send(b"%x\r\n%s\r\n" % (n, body))
            c.sock.shutdown(1)
            r = c.answer()
            assert r is None or r.status >= 400, (target, n, r)
            assert c.ended(20)


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
                            "BadDigest", field)
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


if __name__ == "__main__":
    main(globals(), ("prepare",))
