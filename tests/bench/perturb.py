#!/usr/bin/env python3
"""perturb.py [--percent P] [--parts] PRICES SCAN [OPTION...]

Does the plan stay ahead if prices are wrong?  Replays SCAN, what vt-scan wrote,
with vt-plan --simulate under PRICES, then with each part of each class's
prices (storage, requests, bytes) P per cent up and down, 20 by default;
--parts: with each part of all classes at once.  Prints a JSON line for each:
what the plan pays of hot, auto and age, where the order of the plan and one of
these has changed, and whether the guard's bound holds.  Status 1 if it does
not.  OPTIONs go to vt-plan, which is found in PATH.
"""
import json
import os
import subprocess
import sys
import tempfile

STORAGE = {"storage_gb_month"}
REQUESTS = {"put_1000", "get_1000", "transition_1000", "restore_1000",
            "return_1000", "monitor_1000_objects_month"}
BYTES = {"retrieval_gb", "write_gb"}
PARTS = {"storage": STORAGE, "requests": REQUESTS, "bytes": BYTES}
RIVALS = ("hot", "auto", "age")
MONTH = 30.4375


def scale(node, names, factor):
    """All figures of these names in a part of a price file."""
    if isinstance(node, list):
        for one in node:
            scale(one, names, factor)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in names:
                value["usd"] *= factor
            elif name == "storage_bands" and names is STORAGE:
                for band in value:
                    band["usd"] *= factor
            else:
                scale(value, names, factor)


def simulate(prices, scan, options):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(prices, f)
        f.flush()
        out = subprocess.run(
            ["vt-plan", "-q", "--simulate", "--json", "--prices", f.name] +
            options + [scan], stdout=subprocess.PIPE, check=True).stdout
    return {r["policy"]: r for r in map(json.loads, out.splitlines())}


def ahead(rows, rival):
    """The plan, by no less than a ten-thousandth."""
    if rival not in rows:
        return None
    return rows["plan"]["usd"] < rows[rival]["usd"] * 0.9999


def guarded(rows):
    """1.2 times the work function and a month of hot storage."""
    hot = rows["hot"]
    month = hot["storage_usd"] / max(hot["days"], 1) * MONTH
    return rows["plan"]["usd"] <= 1.2 * rows["work"]["usd"] + month


def main(args):
    percent, parts = 20, False
    while args and args[0].startswith("--"):
        if args[0] == "--parts":
            parts = True
        elif args[0] == "--percent":
            percent = float(args.pop(1))
        else:
            sys.exit(__doc__)
        args.pop(0)
    if len(args) < 2:
        sys.exit(__doc__)
    path, scan, options = args[0], args[1], args[2:]
    with open(path) as f:
        text = f.read()
    classes = ["all"] if parts else list(json.loads(text)["classes"])
    cases = [(None, None, 1)] + [(c, p, 1 + sign * percent / 100)
                                 for c in classes for p in PARTS
                                 for sign in (1, -1)]
    before, bad, changes = {}, 0, 0
    for name, part, factor in cases:
        prices = json.loads(text)
        if name is not None:
            of = prices["classes"]
            scale(of if name == "all" else of[name], PARTS[part], factor)
        rows = simulate(prices, scan, options)
        order = {r: ahead(rows, r) for r in RIVALS}
        if name is None:
            before = order
        changed = [r for r in RIVALS if order[r] != before[r]]
        holds = guarded(rows)
        changes += len(changed)
        bad += not holds
        line = {"bench": "perturb", "class": name or "none",
                "part": part or "none", "factor": factor}
        for r in RIVALS:
            if r in rows:
                line["of_" + r] = round(
                    rows["plan"]["usd"] / rows[r]["usd"], 4)
        line.update(
            of_work=round(rows["plan"]["usd"] / rows["work"]["usd"], 4),
            of_optimum=round(rows["plan"]["of_optimum"], 4),
            order_changed=changed, guard_holds=holds,
            worst_of_guard=round(rows["plan"]["worst_of_guard"], 3))
        print(json.dumps(line), flush=True)
    print(json.dumps({"bench": "perturb", "cases": len(cases),
                      "orders_changed": changes, "guard_broken": bad}))
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.pop("VAULTAIRE_DATA", None)
    sys.exit(main(sys.argv[1:]))
