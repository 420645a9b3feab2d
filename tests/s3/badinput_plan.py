"""Corrupt plans for vt-migrate, beside the server that has its store open.

python3 badinput_plan.py NAME, as badinput.py; but mixed does move.
"""
import json
import sqlite3
import subprocess
import urllib.parse

from badinput_store import DATA, gc, main, picture


def moves(where="", to="cold"):
    """A plan of our own: all large objects to another tier."""
    db = sqlite3.connect("file:%s/catalog.db?mode=ro" %
                         urllib.parse.quote(DATA), uri=True)
    found = db.execute(
        "SELECT b.name, v.key, v.seq, c.id, v.size FROM version v"
        " JOIN bucket b ON b.id = v.bucket JOIN copy c ON c.seq = v.seq"
        " WHERE v.size >= 20000 " + where + " ORDER BY v.seq").fetchall()
    db.close()
    return [{"v": 1, "plan": "p", "bucket": b, "key": k.decode(),
             "version": "", "seq": seq, "copy": copy, "from": "hot",
             "to": to, "size": size} for b, k, seq, copy, size in found]


def migrate(lines, *options):
    text = b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode()
                      for x in lines) + b"\n"
    r = subprocess.run(["vt-migrate", "--data", DATA, "--quiet"] +
                       list(options), input=text, capture_output=True,
                       check=False)
    out = [json.loads(x) for x in r.stdout.splitlines()]
    return r.returncode, out, r.stderr.decode()


def without(move, name):
    return {k: v for k, v in move.items() if k != name}


def bad_lines():
    """What is no move, and what vt-migrate says of it."""
    good = moves()[0]
    return [(b"nonsense", "not a JSON object"),
            (b"\xff\x00\xfe", "not a JSON object"),
            (b"[]", "not a JSON object"), (b"{", "not a JSON object"),
            (json.dumps(good)[:-20].encode(), "not a JSON object"),
            (dict(good, v=2), "'v'"), (dict(good, seq="x"), "'seq'"),
            (dict(good, size=-1), "'size'"), (dict(good, copy=1.5), "'copy'"),
            (dict(good, key=5), "'key'"),
            (dict(good, not_after="soon"), "'not_after'"),
            (dict(good, reason="r" * (17 << 20)), "over 16777216")] + \
        [(without(good, name), "'%s' is missing" % name)
         for name in ("bucket", "key", "seq", "copy", "from", "to")]


def lines():
    """A line that is no move is told with its number, and moves nothing."""
    for line, word in bad_lines():
        code, out, err = migrate([b"", line])
        assert code == 1 and out == [], (line, code, out, err)
        assert ":2: " in err and word in err and err.count("\n") == 1, err
    # Moves that look right, of things that are not.
    good = moves()[0]
    for change, status, code, word in (
            ({"to": "nowhere"}, "failed", 3, "nowhere"),
            ({"bucket": "none"}, "skipped", 0, "gone"),
            ({"seq": 1 << 40}, "skipped", 0, "gone"),
            ({"key": "other"}, "skipped", 0, "not of this bucket and key"),
            ({"copy": 1 << 40}, "skipped", 0, "no longer"),
            ({"from": "warm"}, "skipped", 0, "'warm'"),
            ({"generation": 1 << 40}, "skipped", 0, "changed"),
            ({"not_after": "2001-01-01T00:00:00Z"}, "skipped", 0,
             "too old")):
        result, out, err = migrate([dict(good, **change)])
        assert result == code, (change, result, out, err)
        assert [x["status"] for x in out] == [status], (change, out)
        assert word in out[0]["reason"], (change, out)
    code, out, err = migrate([], "--", "/nonexistent/plan")
    assert code == 3 and "/nonexistent/plan" in err, (code, err)


def mixed():
    """Bad lines among good ones keep none of them."""
    good, bad = moves(), bad_lines()
    assert len(good) >= 2
    text, places = [], []
    for move in good:
        text.append(move)
        for line, word in bad:
            text.append(line)
            places.append((len(text), word))
    before = {k: v for k, v in picture().items() if k not in
              ("rows", "files")}
    code, out, err = migrate(text, "--grace", "0s")
    assert code == 1, (code, err)
    assert sorted(x["key"] for x in out) == sorted(x["key"] for x in good)
    assert {x["status"] for x in out} == {"moved"}, out
    told = err.splitlines()
    for number, word in places:
        assert any(":%d: " % number in x and word in x for x in told), \
            (number, word, err)
    assert len(told) == len(places), err
    after = picture()
    assert sum("/cold/" in f for f in after["files"]) == len(good)
    for name, value in before.items():
        if not isinstance(value, tuple):
            continue
        for x in (value, after[name]):
            x[0].pop("x-amz-storage-class", None)
        assert value == after[name], (name, value, after[name])
    assert gc() == (len(good), 0)


if __name__ == "__main__":
    main(globals(), ("mixed",))
