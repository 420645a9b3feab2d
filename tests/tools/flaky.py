#!/usr/bin/env python3
"""A proxy that harms: flaky.py UPSTREAM RULE...

Listens on a free port of loopback, prints its URL, passes requests on to
UPSTREAM (http://host:port) with Host unchanged, so that signatures hold, and
bodies as they come.  A rule METHOD:N:ACTION strikes requests of that method
("ANY": all).  N is "3", the third; "3+2", and every second after it; "all".
The first rule that strikes counts.

  STATUS        answer that (503...) instead of asking upstream; STATUS=TEXT
                with that as Retry-After, 503 alone with 0; 503=none without
  refuse        reset the connection at once
  drop          close without an answer, after the request went upstream
  hold[=SECS]   hold the answer, for 60 s
  cut           close in the middle of the answer's body
  reset         reset the connection there
  stall[=SECS]  say nothing more there, for 60 s
  flip          change the last byte of the answer's body
  drip[=BYTES]  that many bytes of the answer a second; 1,024
  flip-up       change the first byte of the request's body
  reset-up      reset both connections in the middle of the request's body

Lines on its standard input are commands, each answered with "ok" on standard
output: "rules RULE..." (others from now on, with counts from 0), "down" (no
longer listen: connections are refused, those there are reset) and "up".  The
rules' use is written to standard error.  Ends with its standard input, so
that it never outlives a test.
"""
import asyncio
import os
import socket
import struct
import sys
import urllib.parse

BLOCK = 256 * 1024
upstream = urllib.parse.urlsplit(sys.argv[1])
rules = []
count = {}
clients = set()


class Ended(Exception):
    """This connection is done with."""


def set_rules(texts):
    rules.clear()
    count.clear()
    for text in texts:
        method, n, action = text.split(":")
        action, _, arg = action.partition("=")
        first, _, step = n.partition("+")
        rules.append((method, 1 if n == "all" else int(first),
                      1 if n == "all" else int(step or 0), action, arg))


def rule(method, path):
    """The action that strikes this request and its argument."""
    for m in (method, "ANY"):
        count[m] = count.get(m, 0) + 1
    for m, first, step, action, arg in rules:
        if m not in (method, "ANY"):
            continue
        n = count[m] - first
        if n == 0 or (n > 0 and step > 0 and n % step == 0):
            sys.stderr.write("%s %s: %s\n" % (method, path, action))
            sys.stderr.flush()
            return action, arg
    return "", ""


def reset(writer):
    """Close so that the other side is told of a reset."""
    try:
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # it is closed
    writer.transport.abort()


async def read_head(reader):
    """The first line and the headers, or None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return lines[0], headers


def find(headers, name):
    for k, v in headers:
        if k.lower() == name:
            return v
    return None


def head_bytes(first, headers, leave_out=()):
    text = first + "\r\n"
    for k, v in headers:
        if k.lower() not in leave_out:
            text += k + ": " + v + "\r\n"
    return (text + "\r\n").encode("latin-1")


def is_chunked(headers):
    return (find(headers, "transfer-encoding") or "").lower() == "chunked"


async def chunks(reader):
    """The pieces of a chunked body."""
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        if size == 0:
            while await reader.readline() not in (b"\r\n", b""):
                pass
            return
        while size > 0:
            data = await reader.read(min(size, BLOCK))
            if not data:
                raise Ended()
            size -= len(data)
            yield data
        await reader.readline()


async def body(reader, headers, to_end):
    """The pieces of a body as it is framed; without a frame it goes to the
    end of the connection, or (requests) there is none."""
    if is_chunked(headers):
        async for data in chunks(reader):
            yield data
        return
    length = find(headers, "content-length")
    left = int(length) if length is not None else -1 if to_end else 0
    while left != 0:
        data = await reader.read(min(left, BLOCK) if left > 0 else BLOCK)
        if not data:
            if left > 0:
                raise Ended()
            return
        left -= len(data) if left > 0 else 0
        yield data


def frame(data, chunked):
    return b"%x\r\n%s\r\n" % (len(data), data) if chunked else data


async def send_request(reader, writer, up, first, headers, action):
    """Pass the request on, and its body."""
    if (find(headers, "expect") or "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    up.write(head_bytes(first, headers + [("Connection", "close")],
                        ("connection", "expect")))
    chunked = is_chunked(headers)
    length = int(find(headers, "content-length") or 0)
    done = 0
    async for data in body(reader, headers, False):
        if action == "flip-up" and done == 0:
            data = bytes([data[0] ^ 1]) + data[1:]
        if action == "reset-up" and done + len(data) > length // 2:
            reset(up)
            reset(writer)
            raise Ended()
        done += len(data)
        up.write(frame(data, chunked))
        await up.drain()
    if chunked:
        up.write(b"0\r\n\r\n")
    await up.drain()


async def drip(writer, data, per_s):
    for i in range(0, len(data), max(per_s // 20, 1)):
        writer.write(data[i:i + max(per_s // 20, 1)])
        await writer.drain()
        await asyncio.sleep(0.05)


async def harm_middle(writer, action, arg):
    """In the middle of the answer's body."""
    await writer.drain()
    if action == "reset":
        reset(writer)
    elif action == "stall":
        await asyncio.sleep(float(arg or 60))
    raise Ended()


async def send_answer(reader, writer, method, action, arg):
    """Pass the answer on; whether the connection can go on."""
    while True:
        head = await read_head(reader)
        if head is None:
            raise Ended()
        first, headers = head
        status = int(first.split(" ")[1])
        if status >= 200:
            break
    if action == "drop":
        raise Ended()
    if action == "hold":
        await asyncio.sleep(float(arg or 60))
    empty = method == "HEAD" or status in (204, 304)
    length = find(headers, "content-length")
    chunked = is_chunked(headers)
    framed = empty or chunked or length is not None
    writer.write(head_bytes(first, headers + (
        [] if framed else [("Connection", "close")]), ("connection",)))
    if empty:
        await writer.drain()
        return True
    middle = action in ("cut", "reset", "stall")
    harm_at = int(length or 0) // 2 if middle else None
    done = 0
    last = None
    async for data in body(reader, headers, True):
        if harm_at is not None and done + len(data) > harm_at:
            writer.write(data[:max(harm_at - done, 0)])
            await harm_middle(writer, action, arg)
        done += len(data)
        if action == "flip":
            last, data = data, last
            if data is None:
                continue
        if action == "drip" and not chunked:
            await drip(writer, data, int(arg or 1024))
        else:
            writer.write(frame(data, chunked))
            await writer.drain()
    if last:
        writer.write(frame(last[:-1] + bytes([last[-1] ^ 1]), chunked))
    if chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    if middle:
        await harm_middle(writer, action, arg)
    return framed


async def answer_status(reader, writer, headers, action, arg):
    if (find(headers, "expect") or "").lower() != "100-continue":
        async for _ in body(reader, headers, False):
            pass
    answer = [("Content-Length", "0")]
    if arg != "none" and (arg or action == "503"):
        answer.append(("Retry-After", arg or "0"))
    # a body that was not asked for yet will not come
    answer.append(("Connection", "close"))
    writer.write(head_bytes("HTTP/1.1 %s Harm" % action, answer))
    await writer.drain()
    raise Ended()


async def one_request(reader, writer):
    head = await read_head(reader)
    if head is None:
        return False
    first, headers = head
    method, path, _ = first.split(" ")
    action, arg = rule(method, path)
    if action == "refuse":
        reset(writer)
        raise Ended()
    if action.isdigit():
        await answer_status(reader, writer, headers, action, arg)
    up_reader, up = await asyncio.open_connection(
        upstream.hostname, upstream.port, limit=BLOCK)
    try:
        await send_request(reader, writer, up, first, headers, action)
        return await send_answer(up_reader, writer, method, action, arg)
    finally:
        up.close()


async def client(reader, writer):
    clients.add(writer)
    try:
        while await one_request(reader, writer):
            pass
    except (Ended, OSError, ValueError, asyncio.LimitOverrunError,
            asyncio.IncompleteReadError):
        pass
    finally:
        clients.discard(writer)
        writer.close()


async def listen(port):
    return await asyncio.start_server(client, "127.0.0.1", port, limit=BLOCK,
                                      backlog=256, reuse_address=True)


async def commands(server):
    port = server.sockets[0].getsockname()[1]
    print("http://127.0.0.1:%d" % port, flush=True)
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while True:
        line = await stdin.readline()
        if not line:
            return
        words = line.decode().split()
        if words[0] == "rules":
            set_rules(words[1:])
        elif words[0] == "down":
            server.close()
            for writer in list(clients):
                reset(writer)
        elif words[0] == "up" and not server.is_serving():
            server = await listen(port)
        print("ok", flush=True)


async def main():
    set_rules(sys.argv[2:])
    await commands(await listen(0))
    os._exit(0)


asyncio.run(main())
