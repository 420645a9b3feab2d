#!/usr/bin/env python3
"""A proxy that harms: flaky.py UPSTREAM RULE...

Listens on a free port of loopback, prints its URL, passes requests on to
UPSTREAM (http://host:port) with Host unchanged, so that signatures hold.  A
rule METHOD:N:ACTION strikes the N-th request of that method (N may be "all"):

  STATUS   answer that (503...) instead of asking upstream; 503 carries
           Retry-After: 0
  drop     close without an answer, after the request went upstream
  cut      close in the middle of the answer's body
  flip     change the last byte of the answer's body
  hold     hold the answer for 60 s

The rule's use is written to stderr.  Ends with its standard input, so that it
never outlives a test.
"""
import http.client
import http.server
import os
import socketserver
import sys
import threading
import time
import urllib.parse

upstream = urllib.parse.urlsplit(sys.argv[1])
rules = {}
for r in sys.argv[2:]:
    method, n, action = r.split(":")
    rules[method, n] = action
count = {}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def rule(self):
        with lock:
            n = count[self.command] = count.get(self.command, 0) + 1
        return rules.get((self.command, str(n))) or \
            rules.get((self.command, "all"))

    def answer(self):
        action = self.rule()
        if action:
            sys.stderr.write("%s %s: %s\n" % (self.command, self.path, action))
            sys.stderr.flush()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if action and action.isdigit():
            self.send_response_only(int(action))
            if action == "503":
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        c = http.client.HTTPConnection(upstream.hostname, upstream.port)
        c.putrequest(self.command, self.path, skip_host=True,
                     skip_accept_encoding=True)
        for k, v in self.headers.items():
            if k.lower() not in ("connection",):
                c.putheader(k, v)
        c.endheaders(body if body else None)
        r = c.getresponse()
        data = r.read()
        if action == "drop":
            self.close_connection = True
            return
        if action == "hold":
            time.sleep(60)
        self.send_response_only(r.status)
        for k, v in r.getheaders():
            if k.lower() not in ("connection", "transfer-encoding",
                                 "content-length"):
                self.send_header(k, v)
        length = r.getheader("Content-Length")
        if self.command != "HEAD" and r.status not in (204, 304):
            length = str(len(data))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        if action == "flip" and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if action == "cut":
            data = data[:len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


s = Server(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % s.server_port, flush=True)
threading.Thread(target=s.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
