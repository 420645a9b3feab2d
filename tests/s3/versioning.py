"""A bucket's versions against a model: puts, copies, uploads, deletes of keys
and versions while versioning is enabled and suspended; then every version read
and listed, in pages of every size.  SEED=n for the same again."""

import os
import random
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SEED = int(os.environ.get("SEED") or random.randrange(1 << 32))
STEPS = int(os.environ.get("STEPS") or 120)
KEYS = ["a", "a/1", "a/2", "a/b/3", "b", "b+ &", "c/ü", "c/x"]

rng = random.Random(SEED)
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"],
                  region_name="us-east-1",
                  config=Config(retries={"max_attempts": 0}))


class Version:
    def __init__(self, id, body):
        self.id, self.body = id, body	# body None: a delete marker


class Model:
    """For each key its versions, newest first."""

    def __init__(self):
        self.state = None
        self.keys = {}

    def add(self, key, id, body):
        all = self.keys.setdefault(key, [])
        if id == "null":
            all[:] = [v for v in all if v.id != "null"]
        all.insert(0, Version(id, body))

    def remove(self, key, id):
        self.keys[key] = [v for v in self.keys.get(key, []) if v.id != id]

    def current(self, key):
        all = self.keys.get(key)
        return all[0] if all else None

    def readable(self):
        return [(k, v) for k, all in self.keys.items() for v in all
                if v.body is not None]


def code_of(call, **how):
    try:
        return call(**how), None
    except ClientError as e:
        return e.response, e.response["Error"]["Code"]


def written_id(model, answer):
    """What a write must say its version is, and says."""
    id = answer.get("VersionId")
    if model.state == "Enabled":
        assert id not in (None, "null"), answer
        return id
    assert id in (None, "null"), answer
    return "null"


def write(model, bucket, key):
    body = b"%d" % rng.randrange(1 << 40)
    how = rng.randrange(4)
    if how == 0:
        up = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=up,
                              PartNumber=1, Body=body)
        r = s3.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=up, MultipartUpload={"Parts": [
                {"PartNumber": 1, "ETag": part["ETag"]}]})
    elif how == 1 and model.readable():
        # of any version, onto itself too: that brings it back
        source, v = rng.choice(model.readable())
        r = s3.copy_object(Bucket=bucket, Key=key, CopySource={
            "Bucket": bucket, "Key": source, "VersionId": v.id})
        assert r.get("CopySourceVersionId", "null") == v.id, r
        body = v.body
    else:
        r = s3.put_object(Bucket=bucket, Key=key, Body=body)
    model.add(key, written_id(model, r), body)


def delete(model, bucket, key):
    if rng.random() < 0.5:
        r = s3.delete_object(Bucket=bucket, Key=key)
        marker = r.get("DeleteMarker", False)
        id = r.get("VersionId")
    else:
        r = s3.delete_objects(Bucket=bucket, Delete={
            "Objects": [{"Key": key}]})["Deleted"][0]
        marker = r.get("DeleteMarker", False)
        id = r.get("DeleteMarkerVersionId")
    if model.state is None:
        assert not marker and id is None, r
        model.remove(key, "null")
        return
    assert marker, r
    assert (id == "null") == (model.state == "Suspended"), r
    model.add(key, id, None)


def delete_version(model, bucket, key):
    all = model.keys.get(key)
    if not all:
        r = s3.delete_object(Bucket=bucket, Key=key, VersionId="null")
        assert r["ResponseMetadata"]["HTTPStatusCode"] == 204
        return
    v = rng.choice(all)
    if rng.random() < 0.5:
        r = s3.delete_object(Bucket=bucket, Key=key, VersionId=v.id)
    else:
        r = s3.delete_objects(Bucket=bucket, Delete={"Objects": [
            {"Key": key, "VersionId": v.id}]})["Deleted"][0]
    assert r["VersionId"] == v.id, r
    assert r.get("DeleteMarker", False) == (v.body is None), r
    if "DeleteMarkerVersionId" in r:
        assert r["DeleteMarkerVersionId"] == v.id, r
    model.remove(key, v.id)


def check_reads(model, bucket):
    for key in KEYS:
        now = model.current(key)
        for call in s3.get_object, s3.head_object:
            r, code = code_of(call, Bucket=bucket, Key=key)
            http = r["ResponseMetadata"]
            if now is not None and now.body is not None:
                assert code is None, (key, code)
                if "Body" in r:
                    assert r["Body"].read() == now.body, key
                if model.state is not None:
                    assert r["VersionId"] == now.id, (key, r)
            else:
                assert http["HTTPStatusCode"] == 404, (key, r)
                assert (http["HTTPHeaders"].get("x-amz-delete-marker") ==
                        "true") == (now is not None), (key, r)
        for v in model.keys.get(key, []):
            r, code = code_of(s3.get_object, Bucket=bucket, Key=key,
                              VersionId=v.id)
            if v.body is None:
                assert code == "MethodNotAllowed", (key, v.id, code)
                assert r["ResponseMetadata"]["HTTPHeaders"][
                    "x-amz-delete-marker"] == "true"
            else:
                assert code is None, (key, v.id, code)
                assert r["Body"].read() == v.body, (key, v.id)


def expected(model, prefix, delimiter):
    """Entries and common prefixes in the order of a listing."""
    out = []
    for key in sorted(model.keys, key=lambda k: k.encode()):
        all = model.keys[key]
        if not all or not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            entry = ("prefix", key[:cut + len(delimiter)])
            if entry not in out:
                out.append(entry)
            continue
        for i, v in enumerate(all):
            out.append(("marker" if v.body is None else "version", key,
                        v.id, i == 0))
    return out


def listed(bucket, prefix, delimiter, size):
    """The same by pages of `size`."""
    out, how = [], {}
    while True:
        r = s3.list_object_versions(Bucket=bucket, Prefix=prefix,
                                    Delimiter=delimiter, MaxKeys=size, **how)
        page = [("version", v["Key"], v["VersionId"], v["IsLatest"])
                for v in r.get("Versions", [])]
        page += [("marker", v["Key"], v["VersionId"], v["IsLatest"])
                 for v in r.get("DeleteMarkers", [])]
        page += [("prefix", p["Prefix"]) for p in r.get("CommonPrefixes", [])]
        assert len(page) <= size, (size, page)
        assert page or not r["IsTruncated"], r
        out += page
        if not r["IsTruncated"]:
            return out
        how = {"KeyMarker": r["NextKeyMarker"]}
        if r.get("NextVersionIdMarker"):
            how["VersionIdMarker"] = r["NextVersionIdMarker"]


def check_lists(model, bucket):
    for prefix in "", "a", "a/", "c/", "none":
        for delimiter in "", "/":
            want = expected(model, prefix, delimiter)
            for size in {1, rng.randrange(2, 6), 1000}:
                got = listed(bucket, prefix, delimiter, size)
                # a page tells versions, markers and prefixes apart
                assert sorted(got) == sorted(want), \
                    (prefix, delimiter, size, got, want)
                for kind in "version", "marker", "prefix":
                    assert [e for e in got if e[0] == kind] == \
                        [e for e in want if e[0] == kind], \
                        (prefix, delimiter, size, kind)


def main():
    bucket = sys.argv[1]
    model = Model()
    for step in range(STEPS):
        key = rng.choice(KEYS)
        act = rng.random()
        if act < 0.06 and step > 10:
            model.state = rng.choice(["Enabled", "Enabled", "Suspended"])
            s3.put_bucket_versioning(
                Bucket=bucket,
                VersioningConfiguration={"Status": model.state})
        elif act < 0.55:
            write(model, bucket, key)
        elif act < 0.75:
            delete(model, bucket, key)
        else:
            delete_version(model, bucket, key)
        if step % 40 == 39 or step == STEPS - 1:
            check_reads(model, bucket)
            check_lists(model, bucket)


try:
    main()
except Exception:
    print("SEED=%d" % SEED, file=sys.stderr)
    raise
