#!/usr/bin/env python3
"""Accesses made by known laws, for replays away from the traces at hand.

	laws.py				the names, a line each
	laws.py NAME [--seed N]		one of them, as CSV for vt-scan --from csv

Columns are time_s,op,key,size,count,bytes; two years from day 0, rows in the
order of time.  The same name and seed make the same bytes.
"""
import argparse
import math
import random
import sys

DAY = 86400
DAYS = 720
HALF = DAYS // 2
GB = 10 ** 9


class Trace:
    """Rows of accesses, a day at a time."""

    def __init__(self, rng):
        self.rng = rng
        self.rows = []

    def add(self, day, op, key, size, count=1, part=1.0):
        if day < DAYS:
            second = int(day * DAY) + self.rng.randrange(DAY // 2)
            self.rows.append((second, op, key, size, count,
                              int(size * count * part)))

    def put(self, day, key, size):
        self.add(day, "PUT", key, size)

    def get(self, day, key, size, count=1, part=1.0):
        self.add(day + 0.5, "GET", key, size, count, part)

    def delete(self, day, key, size):
        self.add(day, "DELETE", key, size, 1, 0)

    def write(self, out):
        # reads at either end: a log covers what lies between its own
        self.rows.append((0, "PUT", "watch", 1, 1, 1))
        self.rows.append((1, "GET", "watch", 1, 1, 1))
        self.rows.append((DAYS * DAY - 1, "GET", "watch", 1, 1, 1))
        out.write("time_s,op,key,size,count,bytes\n")
        for row in sorted(self.rows):
            out.write("%d,%s,%s,%d,%d,%d\n" % row)


def sizes(rng, middle, spread, least=1):
    """Of a log-normal law around `middle` bytes."""
    return max(least, int(middle * math.exp(rng.gauss(0, spread))))


def poisson(rng, mean):
    """How many of so rare events; few are asked for at a time."""
    if mean > 30:
        return max(0, int(rng.gauss(mean, math.sqrt(mean)) + 0.5))
    left, n = math.exp(-mean), 0
    product = rng.random()
    while product > left:
        product *= rng.random()
        n += 1
    return n


def objects(t, n, middle=50e6, spread=1.5, born=0, folder="data"):
    """`n` of them, written on day 0 or evenly over `born` days."""
    for i in range(n):
        day = int(born * i / n)
        key, size = "%s/%05d" % (folder, i), sizes(t.rng, middle, spread)
        t.put(day, key, size)
        yield i, day, key, size


def memoryless(gap):
    """Each object is read at random, every `gap` days on average."""
    def law(t):
        for _, day, key, size in objects(t, 1500, born=HALF):
            while True:
                day += t.rng.expovariate(1 / gap)
                if day >= DAYS:
                    break
                t.get(int(day), key, size)
    return law


def batch(gap):
    """All objects are read every `gap` days."""
    def law(t):
        for _, born, key, size in objects(t, 1000, born=60):
            for day in range(gap, DAYS, gap):
                if day > born:
                    t.get(day, key, size)
    return law


def zipf(t):
    """Few are read often, most hardly; less as they get older."""
    for i, born, key, size in objects(t, 3000, born=DAYS):
        rank = 1 + (i * 7919) % 3000
        for age in range(DAYS - born):
            mean = 20 * rank ** -0.9 * (0.02 + math.exp(-age / 40))
            n = poisson(t.rng, mean)
            if n > 0:
                t.get(born + age, key, size, n)


def backup(t):
    """Written each day, never read."""
    for day in range(DAYS):
        for i in range(4):
            t.put(day, "backup/%d/%d" % (day, i), sizes(t.rng, 1e9, 1))


def restored(t):
    """Backups of which once in a while a whole day is read."""
    made = []
    for day in range(DAYS):
        made.append([])
        for i in range(4):
            made[day].append(("backup/%d/%d" % (day, i),
                              sizes(t.rng, 1e9, 1)))
            t.put(day, *made[day][-1])
        if t.rng.random() < 0.03:
            for key, size in made[t.rng.randrange(day + 1)]:
                t.get(day, key, size)


def shift(t):
    """What was read is read no more from the middle on, and the other way."""
    for i, _, key, size in objects(t, 1200):
        for day in range(DAYS):
            if (day >= HALF) == (i % 2 == 1) and t.rng.random() < 0.15:
                t.get(day, key, size)


def drift(t):
    """The working set moves on, a tenth of all objects, once a year through."""
    for i, _, key, size in objects(t, 2000):
        for day in range(DAYS):
            if (i / 2000 - day / 360) % 1 < 0.1 and t.rng.random() < 0.2:
                t.get(day, key, size)


def ranged(t):
    """Large objects of which small parts are read, some often."""
    for i, born, key, size in objects(t, 600, 20e9, 1, HALF, "table"):
        rate = 2 / (1 + i * 17 % 600) ** 0.7
        for day in range(born + 1, DAYS):
            n = poisson(t.rng, rate)
            if n > 0:
                t.get(day, key, size, n, t.rng.choice((0.001, 0.01, 0.05)))


def awakes(t):
    """Silent in the first half, read by all in the second."""
    for _, _, key, size in objects(t, 1200):
        for day in range(HALF, DAYS):
            if t.rng.random() < 0.1:
                t.get(day, key, size)


def sleeps(t):
    """Read in the first half, silent in the second."""
    for _, _, key, size in objects(t, 1200):
        for day in range(HALF):
            if t.rng.random() < 0.1:
                t.get(day, key, size)


def crawled(t):
    """Hardly read, until crawlers walk through it, from the middle on."""
    for i, _, key, size in objects(t, 2000, 200e6, 1.5, 200):
        for day in range(DAYS):
            if t.rng.random() < 0.002:
                t.get(day, key, size, 1, t.rng.choice((0.01, 1)))
        for begin in (HALF + 20, HALF + 95, HALF + 200, HALF + 290):
            t.get(begin + i // 100, key, size)


def tiny(t):
    """Small objects, read as those of zipf are."""
    for i, born, key, size in objects(t, 3000, 8e3, 1, HALF):
        rank = 1 + (i * 7919) % 3000
        for day in range(born, DAYS):
            n = poisson(t.rng, 3 * rank ** -0.8)
            if n > 0:
                t.get(day, key, size, n)


def huge(t):
    """Forty large objects; each is read for a while now and then."""
    for _, born, key, size in objects(t, 40, 300e9, 1, 200):
        day = born
        while day < DAYS:
            for _ in range(t.rng.randrange(1, 12)):
                t.get(int(day), key, size, 1, t.rng.choice((0.05, 1)))
                day += t.rng.expovariate(0.5)
            day += t.rng.expovariate(1 / 80)


def brief(t):
    """Deleted within weeks, read a few times before."""
    for day in range(DAYS):
        for i in range(6):
            key, size = "tmp/%d/%d" % (day, i), sizes(t.rng, 100e6, 1.5)
            life = 1 + int(t.rng.expovariate(1 / 15))
            t.put(day, key, size)
            for _ in range(poisson(t.rng, 1.5)):
                t.get(day + t.rng.randrange(life), key, size)
            t.delete(day + life + 1, key, size)


def logs(t):
    """Read for a week, once more for an audit, then no more."""
    for day in range(DAYS):
        for i in range(3):
            key, size = "log/%d/%d" % (day, i), sizes(t.rng, 500e6, 1)
            t.put(day, key, size)
            for age in range(1, 8):
                if t.rng.random() < 0.6:
                    t.get(day + age, key, size)
            t.get(day + 35 + t.rng.randrange(10), key, size)


def seasons(t):
    """Each object is read in one month of the year."""
    for i, _, key, size in objects(t, 1200):
        for day in range(DAYS):
            if (day - i * 30) % 360 < 30 and t.rng.random() < 0.3:
                t.get(day, key, size)


def bursts(t):
    """At random times each is read on many days in a row."""
    for _, born, key, size in objects(t, 1200, born=HALF):
        day = float(born)
        while True:
            day += t.rng.expovariate(1 / 120)
            for _ in range(1 + int(t.rng.expovariate(1 / 6))):
                if day < DAYS:
                    t.get(int(day), key, size, 1 + t.rng.randrange(3))
                day += 1 + t.rng.randrange(3)
            if day >= DAYS:
                break


def tenants(t):
    """Backups, a nightly crawl and tables, in a bucket."""
    for _, _, key, size in objects(t, 300, folder="crawl"):
        for day in range(1, DAYS):
            t.get(day, key, size)
    for day in range(DAYS):
        t.put(day, "backup/%d" % day, sizes(t.rng, 1e9, 1))
    for _, _, key, size in objects(t, 100, 10e9, 1, 0, "table"):
        for day in range(1, DAYS):
            if t.rng.random() < 0.3:
                t.get(day, key, size, 1 + t.rng.randrange(4), 0.004)


def trap(t):
    """Read right after the levels of self-moving classes, a whole object."""
    for i, _, key, size in objects(t, 900):
        gap = (31, 46, 91, 100, 125)[i % 5]
        for day in range(i % gap, DAYS, gap):
            t.get(day, key, size)


def few(t):
    """Twenty objects."""
    for i, _, key, size in objects(t, 20, 1e9):
        for day in range(DAYS):
            if t.rng.random() < 1 / (3 + 10 * i):
                t.get(day, key, size)


LAWS = {
    "zipf": zipf, "poisson10": memoryless(10), "poisson40": memoryless(40),
    "poisson90": memoryless(90), "poisson300": memoryless(300),
    "nightly": batch(1), "weekly": batch(7), "monthly": batch(30),
    "quarterly": batch(91), "backup": backup, "restored": restored,
    "shift": shift, "drift": drift, "ranged": ranged, "awakes": awakes,
    "sleeps": sleeps, "crawled": crawled, "tiny": tiny, "huge": huge,
    "brief": brief, "logs": logs, "seasons": seasons, "bursts": bursts,
    "tenants": tenants, "trap": trap, "few": few,
}


def main():
    parser = argparse.ArgumentParser(description="Accesses made by a law.")
    parser.add_argument("name", nargs="?", choices=sorted(LAWS))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.name is None:
        print("\n".join(LAWS))
        return
    trace = Trace(random.Random("%s %d" % (args.name, args.seed)))
    LAWS[args.name](trace)
    trace.write(sys.stdout)


if __name__ == "__main__":
    main()
