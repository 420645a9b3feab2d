"""webhook.py DIR: a receiver of notifications on a free port of loopback.

Prints its URL. Each message is a file of DIR, named by its number. While
DIR/refuse exists it answers with the status that file holds; what comes then
is counted by the lines of DIR/refused. What comes while DIR/stall exists is
never answered; DIR/stalled says that there is such a message. Ends with its
standard input.
"""
import http.server
import os
import sys
import threading

place = sys.argv[1]
lock = threading.Lock()
count = 0


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global count
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 200
        if os.path.exists(place + "/stall"):
            open(place + "/stalled", "w").close()
            self.rfile.read()   # until the sender has gone
            self.close_connection = True
            return
        with lock:
            try:
                with open(place + "/refuse") as f:
                    status = int(f.read())
                with open(place + "/refused", "a") as f:
                    f.write("%d\n" % status)
            except FileNotFoundError:
                count += 1
                name = "%s/%06d" % (place, count)
                with open(name + ".new", "wb") as f:
                    f.write(body)
                with open(name + ".auth", "w") as f:
                    f.write(self.headers.get("Authorization", ""))
                os.rename(name + ".new", name + ".json")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("http://127.0.0.1:%d/hook" % server.server_port, flush=True)
sys.stdin.read()
