"""Requests as bytes: what no client library would send.

Signs like one (SigV4, header form), but every byte of the request, its
framing and its timing are the test's.  Endpoint and keys are taken from
AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""
import datetime
import hashlib
import hmac
import os
import socket
import time
import urllib.parse

URL = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
KEY = os.environ["AWS_ACCESS_KEY_ID"]
SECRET = os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = "us-east-1"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(day, secret=None):
    key = mac(b"AWS4" + (secret or SECRET).encode(), day)
    return mac(mac(mac(key, REGION), "s3"), "aws4_request")


def headers(method, target, payload="UNSIGNED-PAYLOAD", extra=(), when=None,
            secret=None, host=None):
    """The headers of a signed request, as a list of (name, value)."""
    when = when or datetime.datetime.now(datetime.timezone.utc)
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    day = stamp[:8]
    path, _, query = target.partition("?")
    # S3 signs the key, however its escapes were written.
    path = urllib.parse.quote(urllib.parse.unquote_to_bytes(path),
                              safe="/-_.~")
    out = [("Host", host or URL.netloc), ("x-amz-date", stamp),
           ("x-amz-content-sha256", payload)] + list(extra)
    signed = sorted((n.lower(), v.strip()) for n, v in out
                    if n.lower() == "host" or n.lower().startswith("x-amz-"))
    names = ";".join(n for n, _ in signed)
    params = sorted(p if "=" in p else p + "="
                    for p in query.split("&") if p)
    canonical = "\n".join(
        [method, path, "&".join(params)] +
        [n + ":" + v for n, v in signed] + ["", names, payload])
    scope = "/".join([day, REGION, "s3", "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      sha256(canonical.encode())])
    signature = mac(signing_key(day, secret), text).hex()
    out.append(("Authorization", "AWS4-HMAC-SHA256 Credential=%s/%s, "
                "SignedHeaders=%s, Signature=%s"
                % (KEY, scope, names, signature)))
    return out


class Answer:
    def __init__(self, status, head, body, closed):
        self.status, self.head, self.body = status, head, body
        self.closed = closed

    def __repr__(self):
        return "%d %r %r" % (self.status, self.head, self.body[:300])


class Conn:
    def __init__(self, timeout=20):
        self.sock = socket.create_connection((URL.hostname, URL.port),
                                             timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def head(self, method, target, fields, version="HTTP/1.1"):
        """Send a request's head."""
        text = "%s %s %s\r\n" % (method, target, version)
        text += "".join("%s: %s\r\n" % f for f in fields)
        self.send((text + "\r\n").encode("latin-1"))

    def more(self):
        data = self.sock.recv(65536)
        self.left += data
        return len(data) > 0

    def answer(self, method="GET"):
        """Read one answer; None when the connection ended before it."""
        while b"\r\n\r\n" not in self.left:
            try:
                if not self.more():
                    return None
            except ConnectionResetError:
                return None
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        length = int(fields.get("content-length", 0))
        if method == "HEAD" or status < 200 or status in (204, 304):
            length = 0
        while len(self.left) < length:
            if not self.more():
                break
        body, self.left = self.left[:length], self.left[length:]
        return Answer(status, fields, body,
                      fields.get("connection", "") == "close")

    def ended(self, seconds=20):
        """Whether the peer closes within some seconds."""
        self.sock.settimeout(seconds)
        try:
            return not self.more()
        except ConnectionError:
            return True
        except socket.timeout:
            return False

    def ask(self, method, target, body=None, payload=None, extra=(), **kw):
        """One whole request and its answer."""
        fields = list(extra)
        if body is not None:
            fields.append(("Content-Length", str(len(body))))
        if payload is None:
            payload = sha256(body or b"")
        self.head(method, target,
                  headers(method, target, payload, fields, **kw))
        if body:
            self.send(body)
        return self.answer(method)


def chunked(data, size, fields, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
    """aws-chunked, signed: the chunks that follow these headers."""
    fields = dict((n.lower(), v) for n, v in fields)
    stamp = fields["x-amz-date"]
    previous = fields["authorization"].rpartition("Signature=")[2]
    scope = "/".join([stamp[:8], REGION, "s3", "aws4_request"])
    key = signing_key(stamp[:8])
    out = []
    for at in list(range(0, len(data), size)) + [len(data)]:
        piece = data[at:at + size]
        text = "\n".join([payload.replace("STREAMING-", "")
                          .replace("-TRAILER", ""), stamp, scope, previous,
                          sha256(b""), sha256(piece)])
        previous = mac(key, text).hex()
        out.append(b"%x;chunk-signature=%s\r\n%s\r\n"
                   % (len(piece), previous.encode(), piece))
    return b"".join(out)


def rss(pid):
    """Kilobytes of memory a process holds."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
