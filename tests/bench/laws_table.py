#!/usr/bin/env python3
"""laws_table.py [--seed N] [--laws A,B...] PRICES...

How does the plan fare on accesses that nobody tuned it on?  Makes each law of
laws.py, replays its second half under each price list with vt-plan --simulate,
and prints a JSON line each: the plan's cost over the optimum's, over the better
of all-hot and the self-moving class (goal: 1.03), and what of the guard's
allowance was used at most.  Last a line of how many are over.  vt-scan and
vt-plan are found in PATH.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

GOAL = 1.03
HERE = os.path.dirname(os.path.abspath(__file__))


def scan(law, seed, path):
    """What vt-scan tells of a law's accesses, into a file."""
    made = subprocess.Popen([sys.executable, os.path.join(HERE, "laws.py"),
                             law, "--seed", str(seed)],
                            stdout=subprocess.PIPE)
    with open(path, "wb") as out:
        subprocess.run(["vt-scan", "-q", "--from", "csv", "--history", "all",
                        "/dev/stdin"], stdin=made.stdout, stdout=out,
                       check=True)
    if made.wait() != 0:
        sys.exit("laws_table.py: laws.py failed")


def simulate(prices, path):
    out = subprocess.run(["vt-plan", "-q", "--simulate", "--json", "--split",
                          "half", "--prices", prices, path],
                         stdout=subprocess.PIPE, check=True).stdout
    return {r["policy"]: r for r in map(json.loads, out.splitlines())}


def told(law, prices, rows):
    plan, usd = rows["plan"], {}
    for name in ("hot", "auto"):
        if name in rows:
            usd[name] = rows[name]["usd"]
    better = min(usd, key=usd.get)
    return {"law": law, "prices": prices,
            "of_optimum": round(plan["of_optimum"], 3), "better": better,
            "of_better": round(plan["usd"] / usd[better], 3),
            "of_work": round(plan["usd"] / rows["work"]["usd"], 3),
            "worst_of_guard": round(plan["worst_of_guard"], 3),
            "in_charge": plan["in_charge"]}


def main():
    parser = argparse.ArgumentParser(description="The plan on made-up laws.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--laws")
    parser.add_argument("prices", nargs="+")
    args = parser.parse_args()
    laws = args.laws.split(",") if args.laws else subprocess.run(
        [sys.executable, os.path.join(HERE, "laws.py")], text=True,
        stdout=subprocess.PIPE, check=True).stdout.split()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "scan")
        for law in laws:
            scan(law, args.seed, path)
            for prices in args.prices:
                lines.append(told(law, prices, simulate(prices, path)))
                print(json.dumps(lines[-1]), flush=True)
    print(json.dumps({"cases": len(lines), "over": [
        "%s at %s" % (x["law"], x["prices"]) for x in lines
        if x["of_better"] > GOAL]}))


if __name__ == "__main__":
    main()
