"""What libmicrohttpd 0.9.75 does (DESIGN 7), and that vt-serve copes.

python3 traps.py NAME: runs the function of that name; a failed assertion is a
failed test.  The server's process is in SERVE_PID.
"""
import concurrent.futures
import datetime
import hashlib
import os
import random
import signal
import socket
import statistics
import sys
import threading
import time
import urllib.error
import urllib.request

from raw import Conn, chunked, headers, rss, sha256, wait_for

PID = int(os.environ.get("SERVE_PID") or 0)
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
LARGE = 300000          # streamed: over SMALL_BODY_MAX


def bucket():
    r = Conn().ask("PUT", "/bucket")
    assert r.status in (200, 409), r


def data(n):
    return random.Random(n).randbytes(n)


def get(key):
    return Conn().ask("GET", "/bucket/" + key)


def metric(name):
    url = os.environ["SERVE_ADMIN"] + "/metrics"
    with urllib.request.urlopen(url) as f:
        for line in f.read().decode().split("\n"):
            if line.startswith(name + " "):
                return int(line.split()[1])
    raise KeyError(name)


# --- 1: the pool of a connection ------------------------------------------


def idle_memory():
    """Idle keep-alive connections cost their pool, and no more."""
    bucket()
    Conn().ask("GET", "/")
    before, conns = rss(PID), []
    for _ in range(1000):
        c = Conn()
        assert c.ask("GET", "/bucket?location").status == 200
        conns.append(c)
    each = (rss(PID) - before) / len(conns)
    assert each < 48, "%.1f KiB for an idle connection" % each


def large_headers():
    """Headers up to the limit leave room for body and answer."""
    bucket()
    body = data(LARGE)
    meta = [("x-amz-meta-%d" % i, "v" * 200) for i in range(9)]
    noise = [("x-noise-%d" % i, "n" * 1000) for i in range(8)]
    for n in (0, 4096, LARGE):
        c = Conn()
        r = c.ask("PUT", "/bucket/headers", body[:n], extra=meta + noise)
        assert r.status == 200, r
        r = c.ask("GET", "/bucket/headers", extra=noise)
        assert r.status == 200 and r.body == body[:n], r
        assert r.head["x-amz-meta-8"] == "v" * 200
    noise += [("x-more-%d" % i, "n" * 1000) for i in range(4)]
    r = Conn().ask("GET", "/bucket/headers", extra=noise)
    assert r.status == 400, r
    assert b"RequestHeaderSectionTooLarge" in r.body, r
    c = Conn()
    c.head("GET", "/bucket/" + "k" * 9000, headers("GET", "/"))
    r = c.answer()
    assert r.status == 400 and b"MaxMessageLengthExceeded" in r.body, r


# --- 2: a call with no bytes is no end of the body --------------------------


def not_the_end():
    """A request suspended before its body does not lose it."""
    bucket()
    body = data(LARGE)
    c = Conn()
    # With Expect the operation opens on a worker before the 100 goes out.
    c.head("PUT", "/bucket/late", headers(
        "PUT", "/bucket/late", sha256(body),
        [("Content-Length", str(len(body))), ("Expect", "100-continue")]))
    assert c.answer().status == 100
    time.sleep(0.2)
    c.send(body[:100])
    time.sleep(0.2)
    c.send(body[100:])
    assert c.answer().status == 200
    assert get("late").body == body


def truncated():
    """A body that breaks off never becomes an object."""
    bucket()
    body = data(LARGE)
    for n in (1000, LARGE):
        for cut in (0, 1, n // 2, n - 1):
            for half in (False, True):
                c = Conn()
                c.head("PUT", "/bucket/cut", headers(
                    "PUT", "/bucket/cut", "UNSIGNED-PAYLOAD",
                    [("Content-Length", str(n))]))
                c.send(body[:cut])
                if half:
                    c.sock.shutdown(1)
                    r = c.answer()
                    assert r is None or r.status >= 400, r
                c.close()
    # aws-chunked whose outer framing is whole and whose inner is not.
    for n in (1000, LARGE):
        for cut in (1, 88, n // 2):
            c = Conn()
            fields = headers("PUT", "/bucket/cut", CHUNKED, [
                ("x-amz-decoded-content-length", str(n))])
            coded = chunked(body[:n], 65536, fields)[:-cut]
            c.head("PUT", "/bucket/cut",
                   fields + [("Content-Length", str(len(coded)))])
            c.send(coded)
            r = c.answer()
            assert r.status == 400 and b"IncompleteBody" in r.body, r
    # More, or less, than declared.
    for wrong in (-1, 1):
        for n in (1000, LARGE):
            c = Conn()
            fields = headers("PUT", "/bucket/cut", CHUNKED, [
                ("x-amz-decoded-content-length", str(n + wrong))])
            coded = chunked(body[:n], 65536, fields)
            c.head("PUT", "/bucket/cut",
                   fields + [("Content-Length", str(len(coded)))])
            c.send(coded)
            r = c.answer()
            assert r.status == 400 and b"IncompleteBody" in r.body, r
    assert get("cut").status == 404
    assert wait_for(lambda: metric("vt_buffer_bytes") == 0)
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0)


def hashes():
    """What is signed of the body is what came in."""
    bucket()
    for n in (0, 1000, LARGE):
        body = data(n)
        c = Conn()
        r = c.ask("PUT", "/bucket/hash", body, sha256(body + b"x"))
        assert r.status == 400, r
        assert b"XAmzContentSHA256Mismatch" in r.body, r
        r = c.ask("PUT", "/bucket/hash", body)
        assert r.status == 200, r
        # A chunk that is not the one signed.
        fields = headers("PUT", "/bucket/chunks", CHUNKED, [
            ("x-amz-decoded-content-length", str(n))])
        coded = bytearray(chunked(body, 65536, fields))
        if n > 0:
            coded[500] ^= 1
        else:
            coded[30] ^= 1
        c = Conn()
        c.head("PUT", "/bucket/chunks",
               fields + [("Content-Length", str(len(coded)))])
        c.send(bytes(coded))
        r = c.answer()
        assert r.status in (400, 403), r
    assert get("chunks").status == 404


# --- 3: no answer in mid-upload ---------------------------------------------


def refused_upload():
    """A refused upload is read to its end, then answered; the connection
    lives on."""
    bucket()
    for n in (1000, LARGE, 4 << 20):
        c = Conn()
        r = c.ask("PUT", "/nosuchbucket/k", data(n))
        assert r.status == 404 and b"NoSuchBucket" in r.body, r
        assert not r.closed
        assert c.ask("GET", "/bucket?location").status == 200
        r = c.ask("PUT", "/bucket/k", data(n), secret="wrong")
        assert r.status == 403 and b"SignatureDoesNotMatch" in r.body, r
        assert c.ask("GET", "/bucket?location").status == 200


def refused_early():
    """With Expect: 100-continue the refusal comes before the body."""
    bucket()
    for target, secret, code in (
            ("/nosuchbucket/k", None, b"NoSuchBucket"),
            ("/bucket/k", "wrong", b"SignatureDoesNotMatch")):
        for n in (1000, LARGE, 1 << 30):
            c = Conn()
            c.head("PUT", target, headers("PUT", target, extra=[
                ("Content-Length", str(n)), ("Expect", "100-continue")],
                secret=secret))
            r = c.answer()
            assert r.status >= 400 and code in r.body, r
            assert c.ended()
    # The operation's own refusal, too: the object exists.
    assert Conn().ask("PUT", "/bucket/there", b"x").status == 200
    c = Conn()
    c.head("PUT", "/bucket/there", headers("PUT", "/bucket/there", extra=[
        ("Content-Length", str(PUT_MAX + 1)), ("Expect", "100-continue")]))
    r = c.answer()
    assert r.status == 400 and b"EntityTooLarge" in r.body, r


PUT_MAX = 5 << 30


def refused_large():
    """Beyond what is drained the answer goes out at once, and is read."""
    bucket()
    c = Conn()
    c.head("PUT", "/nosuchbucket/k", headers("PUT", "/nosuchbucket/k", extra=[
        ("Content-Length", str(64 << 20))]))
    piece, sent = bytes(1 << 20), 0
    c.sock.settimeout(2)
    try:
        while sent < 64 << 20:
            c.send(piece)
            sent += len(piece)
    except OSError:
        pass
    assert 8 << 20 < sent < 64 << 20, sent
    c.sock.settimeout(10)
    r = c.answer()
    assert r is not None, "the answer was lost"
    assert r.status == 404 and b"NoSuchBucket" in r.body, r
    assert r.closed
    # A client that reads while it sends gets it without an error.
    c = Conn()
    c.head("PUT", "/nosuchbucket/k", headers("PUT", "/nosuchbucket/k", extra=[
        ("Content-Length", str(64 << 20))]))
    for _ in range(9):
        c.send(piece)
    r = c.answer()
    assert r.status == 404 and b"NoSuchBucket" in r.body, r
    c.close()
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0)


# --- 4: stopping --------------------------------------------------------------


def stopping():
    """Whether the server has noticed that it is to stop."""
    try:
        urllib.request.urlopen(os.environ["SERVE_ADMIN"] + "/readyz").close()
    except urllib.error.HTTPError as e:
        return e.code == 503
    return False


def stop_while_busy():
    """SIGTERM with uploads and answers in hand ends in order."""
    bucket()
    body = data(64 << 20)
    assert Conn(60).ask("PUT", "/bucket/big", body).status == 200
    conns = []
    for i in range(40):
        c = Conn(60)
        if i % 4 == 0:          # reads slowly
            c.head("GET", "/bucket/big", headers("GET", "/bucket/big"))
        elif i % 4 == 1:        # keep-alive, idle
            c.ask("GET", "/bucket?location")
        else:                   # sends, and stalls
            c.head("PUT", "/bucket/k%d" % i, headers(
                "PUT", "/bucket/k%d" % i,
                extra=[("Content-Length", str(len(body)))]))
            c.send(body[:random.Random(i).randrange(1, 3 << 20)])
        conns.append(c)
    finishing = Conn(60)
    finishing.head("PUT", "/bucket/finishing", headers(
        "PUT", "/bucket/finishing", extra=[("Content-Length", "1000000")]))
    finishing.send(body[:500000])
    assert wait_for(lambda: metric("vt_requests_in_hand") >= 31)
    os.kill(PID, signal.SIGTERM)
    assert wait_for(stopping)
    # A request in hand is finished.
    finishing.send(body[500000:1000000])
    r = finishing.answer()
    assert r.status == 200, r
    # The stalled ones go away by themselves.
    for c in conns:
        c.close()


def stop_hard():
    """Stalled requests do not hold the server for ever (see the caller)."""
    bucket()
    conns = []
    for i in range(20):
        c = Conn(60)
        c.head("PUT", "/bucket/k%d" % i, headers(
            "PUT", "/bucket/k%d" % i,
            extra=[("Content-Length", str(64 << 20))]))
        c.send(bytes(1000000))
        conns.append(c)
    assert wait_for(lambda: metric("vt_requests_in_hand") == 20)
    os.kill(PID, signal.SIGTERM)
    for c in conns:
        assert c.ended(120)


# --- 5: targets and framing -----------------------------------------------------


def targets():
    """The raw target counts: what is signed, routed and stored is the same."""
    bucket()
    c = Conn()
    for key in ("a%2Fb", "per%25cent", "plus+sign", "sp%20ace", "%C3%A9",
                "..%2F..%2Fetc", "q%3Fx%3Dy", "semi%3Bcolon", "a//b",
                "%26amp%3B"):
        r = c.ask("PUT", "/bucket/" + key, key.encode())
        assert r.status == 200, (key, r)
        r = c.ask("GET", "/bucket/" + key)
        assert r.status == 200 and r.body == key.encode(), (key, r)
    for bad in ("/bucket/a%00b", "/bucket%00/a", "/bucket/%", "/bucket/%g0",
                "/bucket/a?versionId=%00"):
        r = c.ask("GET", bad)
        assert r.status == 400, (bad, r)
        assert b"InvalidURI" in r.body, (bad, r)
    c = Conn()
    c.head("GET", "/bucket/a b", headers("GET", "/bucket/a%20b"))
    assert c.answer().status == 400
    # The absolute form is the same request.
    c = Conn()
    c.head("GET", "http://example.org/bucket/a%2Fb",
           headers("GET", "/bucket/a%2Fb"))
    r = c.answer()
    assert r.status == 200 and r.body == b"a%2Fb", r


def lost_requests():
    """Errors inside libmicrohttpd that end a request without telling."""
    bucket()
    wires = []
    for target in ("/bucket?" + "a&" * 4000, "/bucket?" + "a=b&" * 2000,
                   "/" + "x" * 20000):
        text = "GET %s HTTP/1.1\r\n" % target + "".join(
            "%s: %s\r\n" % f for f in headers("GET", "/bucket"))
        wires.append((text + "\r\n").encode())

    def send(wire):
        c = Conn()
        c.send(wire)
        r = c.answer()
        assert r is None or r.status >= 400, r
        c.close()

    for wire in wires * 50:
        send(wire)
    before = rss(PID)
    for wire in wires * 1000:
        send(wire)
    grown = rss(PID) - before
    # A sanitizer keeps what is freed, and tells of leaks itself.
    assert grown < 8192 or os.environ.get("SANITIZED"), grown
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0)


def framing():
    """What two readers could take differently is refused and cut."""
    bucket()
    body = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    n = str(len(body))
    for extra, code in (
            ([("Content-Length", n), ("Transfer-Encoding", "chunked")],
             b"BadRequest"),
            ([("Transfer-Encoding", "chunked"), ("Content-Length", n)],
             b"BadRequest"),
            ([("Content-Length", n), ("Content-Length", "3")],
             b"BadRequest"),
            ([("Transfer-Encoding", "chunked"),
              ("Transfer-Encoding", "chunked")], b"BadRequest"),
            ([("Transfer-Encoding", "gzip, chunked")], b"NotImplemented"),
            ([("Content-Length ", n)], b"BadRequest"),
            ([("Host", "other")], b"BadRequest")):
        c = Conn()
        c.head("PUT", "/bucket/smuggled",
               headers("PUT", "/bucket/smuggled") + extra)
        c.send(body)
        r = c.answer()
        assert r.status in (400, 501), (extra, r)
        assert code in r.body, (extra, r)
        assert r.closed and c.ended(), extra
    c = Conn()
    c.head("GET", "/bucket", [])
    r = c.answer()
    assert r.status == 400 and b"Host" in r.body, r
    # The same length twice is one length.
    c = Conn()
    c.head("PUT", "/bucket/twice", headers("PUT", "/bucket/twice") +
           [("Content-Length", "5"), ("Content-Length", "5")])
    c.send(b"twice")
    assert c.answer().status == 200
    r = Conn().ask("PUT", "/bucket/none", None)
    assert r.status == 411 and b"MissingContentLength" in r.body, r
    assert get("smuggled").status == 404


def outer(coded, size):
    """Transfer-Encoding: chunked around what is sent."""
    out = []
    for at in range(0, len(coded), size):
        piece = coded[at:at + size]
        out.append(b"%x\r\n%s\r\n" % (len(piece), piece))
    return b"".join(out) + b"0\r\n\r\n"


def doubly_chunked():
    """aws-chunked inside Transfer-Encoding: chunked, as aws-sdk-js does."""
    bucket()
    for n in (0, 1, 1000, 65536, LARGE, 3 << 20):
        for inner, size in ((65536, 1 << 20), (65536, 777)):
            body = data(n)
            c = Conn()
            fields = headers("PUT", "/bucket/js", CHUNKED, [
                ("x-amz-decoded-content-length", str(n)),
                ("Content-Encoding", "aws-chunked")])
            c.head("PUT", "/bucket/js",
                   fields + [("Transfer-Encoding", "chunked")])
            c.send(outer(chunked(body, inner, fields), size))
            r = c.answer()
            assert r.status == 200, (n, r)
            r = c.ask("GET", "/bucket/js")
            assert r.body == body, n
            assert "content-encoding" not in r.head, r
    # Plain chunked: the length is known at the end only.
    for n in (0, 1000, LARGE):
        body = data(n)
        c = Conn()
        c.head("PUT", "/bucket/plain", headers(
            "PUT", "/bucket/plain", sha256(body)) +
            [("Transfer-Encoding", "chunked")])
        c.send(outer(body, 5000))
        r = c.answer()
        assert r.status == 200, (n, r)
        assert c.ask("GET", "/bucket/plain").body == body
    # Cut between the chunks.
    c = Conn()
    c.head("PUT", "/bucket/cut", headers("PUT", "/bucket/cut") +
           [("Transfer-Encoding", "chunked")])
    c.send(outer(data(LARGE), 5000)[:-5])
    c.sock.shutdown(1)
    c.answer()
    assert get("cut").status == 404


# --- 6: who does the work ---------------------------------------------------------


def hashing_elsewhere():
    """While large bodies are hashed small requests are answered."""
    bucket()
    stop = threading.Event()
    body = data(8 << 20)
    digest = sha256(body)
    large = []

    def upload(i):
        n = 0
        while not stop.is_set():
            start = time.monotonic()
            r = Conn(60).ask("PUT", "/bucket/u%d" % i, body, digest)
            assert r.status == 200, r
            large.append(time.monotonic() - start)
            n += 1
        return n

    small = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(upload, i) for i in range(4)]
        c = Conn()
        for _ in range(100):
            start = time.monotonic()
            assert c.ask("GET", "/bucket?location").status == 200
            small.append(time.monotonic() - start)
            time.sleep(0.01)
        stop.set()
        assert sum(j.result() for j in jobs) >= 4
    small, large = (statistics.median(t) for t in (small, large))
    # Whatever the machine: no upload is waited for.
    assert small < large / 2, "%.3f s, %.3f s" % (small, large)


def many_uploads():
    """Buffers are one budget, whatever the number of clients (P9)."""
    bucket()
    clients = int(os.environ.get("CLIENTS", "100"))
    body = data(int(os.environ.get("MEGABYTES", "4")) << 20)
    etag = '"%s"' % hashlib.md5(body).hexdigest()
    peak = [0]

    def upload(i):
        c = Conn(300)
        r = c.ask("PUT", "/bucket/m%d" % i, body, "UNSIGNED-PAYLOAD")
        assert r.status == 200 and r.head["etag"] == etag, r
        c.close()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], rss(PID))
            time.sleep(0.02)

    done = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        jobs = [pool.submit(upload, i) for i in range(clients)]
        for j in jobs:
            j.result()
    done.set()
    watcher.join()
    assert peak[0] < 160 << 10, "%d KiB" % peak[0]
    assert wait_for(lambda: metric("vt_buffer_bytes") == 0)
    print("peak %d KiB" % peak[0])


def small_budget():
    """More requests than buffers: all are served, in their turn, and one
    that stalls does not hold its buffer."""
    bucket()
    body = data(2 << 20)
    stalled = []
    for i in range(100):
        c = Conn(60)
        c.head("PUT", "/bucket/s%d" % i, headers(
            "PUT", "/bucket/s%d" % i,
            extra=[("Content-Length", str(len(body)))]))
        c.send(body[:100000])
        stalled.append(c)

    def upload(i):
        r = Conn(60).ask("PUT", "/bucket/b%d" % i, body)
        assert r.status == 200, r

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for j in [pool.submit(upload, i) for i in range(64)]:
            j.result()
    for i, c in enumerate(stalled):
        c.send(body[100000:])
        assert c.answer().status == 200, i
    assert get("s99").body == body
    assert wait_for(lambda: metric("vt_buffer_bytes") == 0)


def stalled_readers():
    """Readers that stall hold no buffer that an upload needs."""
    bucket()
    c = Conn()
    r = c.ask("POST", "/bucket/parts?uploads")
    upload = r.body.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    body, xml = data(5 << 20), "<CompleteMultipartUpload>"
    for n in (1, 2):
        r = c.ask("PUT", "/bucket/parts?partNumber=%d&uploadId=%s"
                  % (n, upload), body)
        assert r.status == 200, r
        xml += ("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>"
                % (n, r.head["etag"]))
    r = c.ask("POST", "/bucket/parts?uploadId=" + upload,
              (xml + "</CompleteMultipartUpload>").encode())
    assert r.status == 200, r
    conns = []
    for _ in range(100):
        k = Conn(60)
        k.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        k.head("GET", "/bucket/parts", headers("GET", "/bucket/parts"))
        conns.append(k)
    assert wait_for(lambda: metric("vt_requests_in_hand") >= 90)
    r = Conn().ask("PUT", "/bucket/up", body)
    assert r.status == 200, r
    r = Conn().ask("GET", "/bucket/parts")
    assert r.body == body + body
    for k in conns:
        k.close()
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0)
    assert wait_for(lambda: metric("vt_buffer_bytes") == 0)


# --- and what else a connection may do ----------------------------------------------


def keep_alive():
    """Many requests of all kinds on one connection, pipelined too."""
    bucket()
    c = Conn()
    for n in (0, 10, 5000, 70000, LARGE):
        body = data(n)
        r = c.ask("PUT", "/bucket/ka", body)
        assert r.status == 200, r
        r = c.ask("HEAD", "/bucket/ka")
        assert r.status == 200, r
        assert int(r.head["content-length"]) == n, r
        assert c.ask("GET", "/bucket/ka").body == body
        assert c.ask("GET", "/bucket/missing").status == 404
        assert c.ask("HEAD", "/bucket/missing").status == 404
        assert c.ask("DELETE", "/bucket/ka").status == 204
    assert c.ask("PUT", "/bucket/ka", b"pipelined").status == 200
    for _ in range(20):
        c.head("GET", "/bucket/ka", headers("GET", "/bucket/ka"))
    for _ in range(20):
        r = c.answer()
        assert r.status == 200 and r.body == b"pipelined", r
    c = Conn()
    c.head("GET", "/bucket/ka", headers("GET", "/bucket/ka"), "HTTP/1.0")
    assert c.answer().body == b"pipelined"
    assert c.ended()


def byte_by_byte():
    """A peer may send as slowly as it likes within the idle timeout."""
    bucket()
    c = Conn()
    text = "PUT /bucket/slow HTTP/1.1\r\n" + "".join(
        "%s: %s\r\n" % f for f in headers(
            "PUT", "/bucket/slow", sha256(b"slowly"),
            [("Content-Length", "6")])) + "\r\nslowly"
    for byte in text.encode():
        c.send(bytes([byte]))
    assert c.answer().status == 200
    assert get("slow").body == b"slowly"


def times():
    """Old, early and stale requests."""
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes, status in ((-14, 200), (14, 200), (-16, 403), (16, 403)):
        r = Conn().ask("GET", "/",
                       when=now + datetime.timedelta(minutes=minutes))
        assert r.status == status, (minutes, r)
        if status == 403:
            assert b"RequestTimeTooSkewed" in r.body, r
            assert b"MaxAllowedSkewMilliseconds" in r.body, r


def disconnects():
    """Clients that go away in the middle leave nothing behind."""
    bucket()
    body = data(32 << 20)
    assert Conn(60).ask("PUT", "/bucket/big", body).status == 200

    def one(i):
        rnd = random.Random(i)
        c = Conn(60)
        if i % 2:
            c.head("GET", "/bucket/big", headers("GET", "/bucket/big"))
            c.sock.recv(rnd.randrange(1, 65536))
        else:
            c.head("PUT", "/bucket/gone%d" % i, headers(
                "PUT", "/bucket/gone%d" % i,
                extra=[("Content-Length", str(len(body)))]))
            c.send(body[:rnd.randrange(1, 4 << 20)])
        c.close()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for j in [pool.submit(one, i) for i in range(200)]:
            j.result()
    assert wait_for(lambda: metric("vt_requests_in_hand") == 0)
    assert wait_for(lambda: metric("vt_buffer_bytes") == 0)
    r = Conn().ask("GET", "/bucket?list-type=2&prefix=gone")
    assert b"<Key>" not in r.body, r


if __name__ == "__main__":
    globals()[sys.argv[1]]()
