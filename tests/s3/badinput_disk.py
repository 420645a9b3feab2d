"""A full disk.

python3 badinput_disk.py NAME: steps of a test, in an order that it chooses.
Acknowledged objects are kept from step to step in the file STATE.
"""
import json
import os
import re
import sqlite3
import sys
import urllib.parse

import badinput_plan
from badinput_store import (DATA, ask, compare, data, files, gc,
                            refused, rows, settle)
from raw import Conn, sha256

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


def truthful(state, r, what):
    if r.status == 200:
        state["/full/another"] = what
    else:
        full(r)


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
        more = re.search(b"<NextContinuationToken>(.*?)<", r.body)
        if more is None:
            break
        token = "&continuation-token=" + urllib.parse.quote(
            more[1].decode(), safe="")
    assert listed == set(state), listed ^ set(state)


def fill():
    """Large ones until it is full, then small ones into the catalog."""
    assert ask("PUT", "/full").status == 200
    state = {}
    for size, name in ((MIB, "large"), (40000, "medium"), (4000, "inline"),
                       (10, "tiny")):
        state.update(fill_until_full(name, size))
    assert sum(s == MIB for _, s in state.values()) > 10
    # Every kind of write tells no lies: one that fits after all, when the
    # catalog has just made room of its own log, is there.
    for body in (b"x", data(40000), data(MIB)):
        truthful(state, ask("PUT", "/full/another", body),
                 [sha256(body), len(body)])
    source = max(state, key=lambda k: state[k][1])
    truthful(state, ask("PUT", "/full/another", extra=[
        ("x-amz-copy-source", source)]), state[source])
    save(state)
    r = ask("POST", "/full/another?uploads")
    assert r.status in (200, 507), r
    check_all(state)


def check():
    check_all(load())


def delete():
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


def recover():
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


def migrate():
    """A move finds no room: it fails, may work later, and changes nothing."""
    before, strays = rows(), set(files())
    move = badinput_plan.moves("AND v.size = %d" % MIB)[0]
    code, out, err = badinput_plan.migrate([move])
    assert code == 4, (code, out, err)
    assert out[0]["status"] == "failed", out
    assert "No space left" in err, err
    assert set(files()) == strays
    compare(before, rows())
    check_all(load())


def no_strays():
    """No file under tiers/ that the catalog does not know."""
    known = {name for (name,) in sqlite3.connect(
        "file:%s/catalog.db?mode=ro" % urllib.parse.quote(DATA),
        uri=True).execute("SELECT name FROM blob WHERE inline = 0 UNION "
                          "SELECT name FROM garbage")}
    there = {os.path.relpath(f, "/tiers/hot") for f in files()}
    assert there == known, there ^ known


if __name__ == "__main__":
    globals()[sys.argv[1]]()
