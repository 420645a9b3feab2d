"""Presigned URLs of every family of operations: made by boto3, used by curl,
which knows no key.  With signatures of version 4 and, where the argument says
so, of version 2.
"""
import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as ET

import boto3
from botocore.auth import HmacV1QueryAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

URL = os.environ["AWS_ENDPOINT_URL"]
NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def presign(version, method, target, expires=60):
    """A URL for what boto3 makes none of: its body would be part of it."""
    cred = Credentials(os.environ["AWS_ACCESS_KEY_ID"],
                       os.environ["AWS_SECRET_ACCESS_KEY"])
    r = AWSRequest(method=method, url=URL + target)
    if version == 4:
        S3SigV4QueryAuth(cred, "s3", "us-east-1", expires).add_auth(r)
    else:
        HmacV1QueryAuth(cred, expires).add_auth(r)
    return r.url


def client(version, **kw):
    return boto3.client(
        "s3", endpoint_url=URL, region_name="us-east-1",
        config=Config(signature_version={4: "s3v4", 2: "s3"}[version],
                      s3={"addressing_style": "path"}), **kw)


class Answer:
    def __init__(self, out, head):
        self.status = int(out[-3:])
        self.body = out[:-3]
        self.head = {}
        for line in head.decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(": ")
            if colon:
                self.head[name.lower()] = value

    def __repr__(self):
        return "%d %r %r" % (self.status, self.head, self.body[:600])

    def texts(self, name):
        return [e.text or "" for e in ET.fromstring(self.body).iter()
                if e.tag.replace(NS, "") == name]


def curl(method, url, body=None, headers=()):
    args = ["curl", "-sS", "-w", "%{http_code}"]
    args += ["-I"] if method == "HEAD" else ["-X", method]
    for h in headers:
        args += ["-H", h]
    with tempfile.NamedTemporaryFile() as head:
        if body is not None:
            # curl's own Content-Type of a POST is none of ours
            args += ["--data-binary", "@-", "-H", "Content-Type:"]
        if method != "HEAD":
            args += ["-D", head.name]
        out = subprocess.run(args + [url], input=body, check=True,
                             stdout=subprocess.PIPE).stdout
        if method == "HEAD":
            return Answer(out[-3:], out[:-3])
        return Answer(out, head.read())


class Run:
    def __init__(self, version, bucket):
        self.version, self.bucket = version, bucket
        self.s3 = client(version)

    def url(self, operation, expires=60, **params):
        params["Bucket"] = self.bucket
        return self.s3.generate_presigned_url(operation, Params=params,
                                              ExpiresIn=expires)

    def go(self, operation, method, status=200, body=None, headers=(),
           **params):
        url = self.url(operation, **params)
        # boto3 signs /key?uploads?uploads by version 2
        at = url.find("?")
        rest = [p for p in url[at + 1:].split("&") if not p.startswith(
            ("AWSAccessKeyId=", "Signature=", "Expires="))]
        if self.version == 2 and any(
                "=" not in p or p.startswith(("upload", "list-type"))
                for p in rest):
            url = presign(2, method, url[len(URL):at] + "?" + "&".join(rest))
        r = curl(method, url, body, headers)
        assert r.status == status, (operation, self.version, r)
        return r


    def send(self, method, query, body, status=200, headers=(), key=""):
        """A body to a sub-resource."""
        r = curl(method, presign(self.version, method, "/%s/%s?%s" % (
            self.bucket, key, query)), body, headers)
        assert r.status == status, (method, query, self.version, r)
        return r


def objects(s):
    s.go("put_object", "PUT", Key="a b/\u00e4+c", body=b"hello")
    r = s.go("get_object", "GET", Key="a b/\u00e4+c")
    assert r.body == b"hello", r
    r = s.go("head_object", "HEAD", Key="a b/\u00e4+c")
    assert r.head["content-length"] == "5", r
    r = s.go("get_object", "GET", 206, Key="a b/\u00e4+c",
             headers=["Range: bytes=1-2"])
    assert r.body == b"el", r
    # streamed: over what is collected
    large = os.urandom(300000)
    s.go("put_object", "PUT", Key="large", body=large)
    r = s.go("get_object", "GET", Key="large")
    assert r.body == large
    r = s.go("get_object", "GET", Key="large",
             ResponseContentType="text/x-mine",
             ResponseCacheControl="no-cache",
             ResponseContentDisposition='attachment; filename="a b.txt"',
             ResponseContentEncoding="x-none",
             ResponseContentLanguage="de",
             ResponseExpires="Thu, 01 Dec 2044 16:00:00 GMT")
    assert r.head["content-type"] == "text/x-mine", r
    assert r.head["cache-control"] == "no-cache", r
    assert r.head["content-disposition"] == 'attachment; filename="a b.txt"'
    assert r.head["content-encoding"] == "x-none", r
    assert r.head["content-language"] == "de", r
    assert r.head["expires"] == "Thu, 01 Dec 2044 16:00:00 GMT", r
    s.go("copy_object", "PUT", Key="copy",
         CopySource={"Bucket": s.bucket, "Key": "large"},
         headers=["x-amz-copy-source: %s/large" % s.bucket]
         if s.version == 4 else [])
    r = s.go("get_object", "GET", Key="copy")
    assert r.body == large
    s.send("PUT", "tagging", b"<Tagging><TagSet><Tag><Key>k</Key>"
           b"<Value>v</Value></Tag></TagSet></Tagging>", key="large")
    r = s.go("get_object_tagging", "GET", Key="large")
    assert r.texts("Key") == ["k"], r
    s.go("delete_object_tagging", "DELETE", 204, Key="large")
    s.go("delete_object", "DELETE", 204, Key="copy")
    s.go("get_object", "GET", 404, Key="copy")
    s.go("head_object", "HEAD", 404, Key="copy")


def signed_headers(s):
    """What the URL was signed with must come with it, as it was signed."""
    md5 = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    want = ["x-amz-meta-a: b", "Content-Type: text/x-mine",
            "x-amz-storage-class: STANDARD", "Content-MD5: " + md5]
    params = {"Key": "h", "Metadata": {"a": "b"},
              "ContentType": "text/x-mine", "StorageClass": "STANDARD",
              "ContentMD5": md5}
    if s.version == 2:
        # x-amz- headers are in the query, signed as if they were headers
        s.go("put_object", "PUT", body=b"hello", Key="h",
             Metadata={"a": "b"}, StorageClass="STANDARD")
        r = s.go("head_object", "HEAD", Key="h")
        assert r.head["x-amz-meta-a"] == "b", r
        s.go("put_object", "PUT", Key="h", body=b"hello",
             headers=["Content-Type: text/x-mine", "Content-MD5: " + md5],
             ContentType="text/x-mine", ContentMD5=md5)
        r = s.go("head_object", "HEAD", Key="h")
        assert r.head["content-type"] == "text/x-mine", r
        s.go("put_object", "PUT", 403, Key="h", body=b"hello",
             ContentType="text/x-mine")
        return
    s.go("put_object", "PUT", body=b"hello", headers=want, **params)
    r = s.go("head_object", "HEAD", Key="h")
    assert r.head["x-amz-meta-a"] == "b", r
    assert r.head["content-type"] == "text/x-mine", r
    for i in range(len(want)):
        other = want[:i] + [want[i].replace(": ", ": x")] + want[i + 1:]
        r = s.go("put_object", "PUT", 403, body=b"hello", headers=other,
                 **params)
        assert r.texts("Code") == ["SignatureDoesNotMatch"], r
    r = s.go("put_object", "PUT", 403, body=b"hello", headers=want[1:],
             **params)
    # an x-amz- header that nobody signed
    r = s.go("put_object", "PUT", 403, body=b"hello", Key="h",
             headers=["x-amz-meta-a: c"])
    assert r.texts("Code") == ["AccessDenied"], r
    # the body is not signed, but for what it is said to be
    r = s.go("put_object", "PUT", 400, body=b"hallo", headers=want, **params)
    assert r.texts("Code") == ["BadDigest"], r
    r = s.go("head_object", "HEAD", Key="h")
    assert r.head["etag"] == '"%s"' % hashlib.md5(b"hello").hexdigest(), r


def hoisted(s):
    """x-amz- headers that an SDK put into the query, where the signature
    covers them."""
    if s.version == 2:
        return          # as signed_headers has it
    target = "/%s/hoisted?x-amz-meta-a=b%%20c&x-amz-storage-class=STANDARD" \
        "&x-amz-checksum-crc32=AAAAAA%%3D%%3D&x-amz-meta-b=2" % s.bucket
    url = presign(4, "PUT", target)
    r = curl("PUT", url, b"hello")
    assert r.status == 200, r
    r = s.go("head_object", "HEAD", Key="hoisted")
    assert r.head["x-amz-meta-a"] == "b c", r
    assert r.head["x-amz-meta-b"] == "2", r
    assert curl("PUT", url.replace("a=b", "a=d"), b"hello").status == 403
    r = curl("PUT", presign(4, "PUT", "/%s/no?x-amz-storage-class=NONE" %
                            s.bucket), b"hello")
    assert r.texts("Code") == ["InvalidStorageClass"], r
    r = curl("PUT", presign(4, "PUT", "/%s/no?x-amz-meta-a=b%%0D%%0Ac" %
                            s.bucket), b"hello")
    assert r.texts("Code") == ["InvalidArgument"], r
    # a copy is one there, too, never a PUT of nothing
    for name in ("x-amz-copy-source", "X-Amz-Copy-Source"):
        r = curl("PUT", presign(4, "PUT", "/%s/%s?%s=%s%%2Fh" % (
            s.bucket, name, name, s.bucket)), b"")
        assert r.status == 200, r
        r = s.go("get_object", "GET", Key=name)
        assert r.body == b"hello", r
    # whoever signs by headers says them there
    r = curl("PUT", "%s/%s/plain?x-amz-meta-a=b" % (URL, s.bucket), b"hello")
    assert r.status == 403, r


def parts(s):
    r = s.go("create_multipart_upload", "POST", Key="mp")
    upload, = r.texts("UploadId")
    etags = []
    body = [os.urandom(5 << 20), b"end"]
    for n in (1, 2):
        r = s.go("upload_part", "PUT", body=body[n - 1], Key="mp",
                 UploadId=upload, PartNumber=n)
        etags.append(r.head["etag"])
    r = s.go("list_parts", "GET", Key="mp", UploadId=upload)
    assert r.texts("ETag") == etags, r
    r = s.go("list_multipart_uploads", "GET")
    assert upload in r.texts("UploadId"), r
    text = "".join("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>"
                   % (n + 1, e) for n, e in enumerate(etags))
    text = "<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % text
    r = s.go("complete_multipart_upload", "POST", body=text.encode(),
             Key="mp", UploadId=upload)
    r = s.go("get_object", "GET", Key="mp")
    assert r.body == body[0] + body[1]
    r = s.go("get_object", "GET", 206, Key="mp", PartNumber=2)
    assert r.body == body[1], r
    r = s.go("create_multipart_upload", "POST", Key="mp")
    upload, = r.texts("UploadId")
    s.go("abort_multipart_upload", "DELETE", 204, Key="mp", UploadId=upload)
    s.go("list_parts", "GET", 404, Key="mp", UploadId=upload)


def keys(r):
    """boto3 asks for encoding-type=url."""
    return [urllib.parse.unquote_plus(k) for k in r.texts("Key")]


def buckets(s):
    name = s.bucket
    s.bucket += "-new"
    s.go("create_bucket", "PUT")
    s.go("head_bucket", "HEAD")
    s.send("PUT", "versioning", b"<VersioningConfiguration>"
           b"<Status>Enabled</Status></VersioningConfiguration>")
    r = s.go("get_bucket_versioning", "GET")
    assert r.texts("Status") == ["Enabled"], r
    for n in range(3):
        s.go("put_object", "PUT", Key="k&%d" % n, body=b"1")
    r = s.go("list_objects", "GET", Prefix="k&", MaxKeys=2, Delimiter="/")
    assert keys(r) == ["k&0", "k&1"], r
    r = s.go("list_objects_v2", "GET", StartAfter="k&0")
    assert keys(r) == ["k&1", "k&2"], r
    r = s.go("list_object_versions", "GET")
    versions = list(zip(keys(r), r.texts("VersionId")))
    assert len(versions) == 3, r
    r = s.go("get_object", "GET", Key="k&0", VersionId=versions[0][1])
    assert r.body == b"1", r
    s.go("get_bucket_location", "GET")
    s.go("get_bucket_acl", "GET")
    s.send("PUT", "cors", b"<CORSConfiguration><CORSRule>"
           b"<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET"
           b"</AllowedMethod></CORSRule></CORSConfiguration>")
    r = s.go("get_bucket_cors", "GET")
    assert r.texts("AllowedMethod") == ["GET"], r
    s.go("delete_bucket_cors", "DELETE", 204)
    text = "".join("<Object><Key>%s</Key><VersionId>%s</VersionId></Object>"
                   % (k.replace("&", "&amp;"), v) for k, v in versions[1:])
    text = "<Delete>%s</Delete>" % text
    s.send("POST", "delete", text.encode())
    s.go("delete_object", "DELETE", 204, Key=versions[0][0],
         VersionId=versions[0][1])
    r = s.go("list_object_versions", "GET")
    assert not r.texts("VersionId"), r
    s.go("delete_bucket", "DELETE", 204)
    s.go("head_bucket", "HEAD", 404)
    s.bucket = name


def service(s):
    r = curl("GET", s.s3.generate_presigned_url("list_buckets"))
    assert r.status == 200 and s.bucket in r.texts("Name"), r


def limits(s):
    """One request, one method, one key, for a while."""
    s.go("put_object", "PUT", Key="l", body=b"hello")
    url = s.url("get_object", Key="l")
    assert curl("GET", url).status == 200
    assert curl("DELETE", url).status == 403
    assert curl("PUT", url, b"x").status == 403
    assert curl("GET", url.replace("/l?", "/large?")).status == 403
    # parameters that nobody signed: all of them are signed by version 4,
    # those that change what is asked for by version 2
    r = curl("GET", url + "&x-id=GetObject")
    assert r.status == (403 if s.version == 4 else 200), r
    for more in ("versionId=null", "response-content-type=text/html",
                 "acl", "partNumber=1"):
        r = curl("GET", url + "&" + more)
        assert r.status == 403, (more, r)
    secret = client(s.version, aws_access_key_id=os.environ[
        "AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    r = curl("GET", secret.generate_presigned_url(
        "get_object", Params={"Bucket": s.bucket, "Key": "l"}))
    assert r.texts("Code") == ["SignatureDoesNotMatch"], r
    r = curl("GET", presign(s.version, "GET", "/%s/l" % s.bucket, -5))
    assert r.status in (400, 403), r
    url = s.url("get_object", 1, Key="l")

    def expired():
        return b"Request has expired" in curl("GET", url).body
    until = time.monotonic() + 20
    while not expired() and time.monotonic() < until:
        pass
    assert expired() and curl("GET", url).status == 403
    if s.version == 4:
        r = curl("GET", presign(4, "GET", "/%s/l" % s.bucket, 604801))
        assert r.texts("Code") == ["AuthorizationQueryParametersError"], r


def parameters(s):
    """Parameters of the application's own are signed and left alone."""
    def add(request, **_):
        request.url += ("&" if "?" in request.url else "?") + \
            "z=1&empty=&m%20y=%2F%2B"
    s.go("put_object", "PUT", Key="p", body=b"hello")
    s.s3.meta.events.register("before-sign.s3.GetObject", add)
    url = s.url("get_object", Key="p")
    assert "empty=" in url and "z=1" in url, url
    r = curl("GET", url)
    assert r.status == 200 and r.body == b"hello", r
    s.s3.meta.events.unregister("before-sign.s3.GetObject", add)


def main():
    s = Run(int(sys.argv[1]), sys.argv[2])
    for f in (objects, signed_headers, hoisted, parts, buckets, service, parameters,
              limits):
        f(s)


main()
