"""Run a command and print what it took, as a JSON line.

measured.py NAME COUNT OUTPUT COMMAND... [ "|" COMMAND... ]: COUNT is what it
is given to do.  Of two commands, the first of which writes to the second, a
line each: what each of them took, and the seconds that both did.
"""
import json
import os
import sys
import time

name, count, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
commands = [[]]
for arg in sys.argv[4:]:
    if arg == "|":
        commands.append([])
    else:
        commands[-1].append(arg)
to_file = [(os.POSIX_SPAWN_OPEN, 1, output,
            os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
start = time.monotonic()
running = {}
if len(commands) == 1:
    last = commands[0]
else:
    first, last = commands
    reads, writes = os.pipe()
    pid = os.posix_spawnp(first[0], first, os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, writes, 1)])
    running[pid] = os.path.basename(first[0])
    os.close(writes)
    to_file.append((os.POSIX_SPAWN_DUP2, reads, 0))
pid = os.posix_spawnp(last[0], last, os.environ, file_actions=to_file)
running[pid] = os.path.basename(last[0])
if len(commands) > 1:
    os.close(reads)
taken, failed = [], 0
while len(taken) < len(running):
    pid, status, used = os.wait4(-1, 0)
    failed |= status
    taken.append((running[pid], used))
seconds = time.monotonic() - start
for command, used in taken:
    cpu = used.ru_utime + used.ru_stime
    line = {"bench": name}
    if len(commands) > 1:
        line["command"] = command
    line.update(seconds=round(seconds, 3), cpu_seconds=round(cpu, 3),
                rss_mib=used.ru_maxrss // 1024,
                per_second=int(count / seconds),
                per_second_and_core=int(count / cpu))
    print(json.dumps(line, separators=(",", ":")))
sys.exit(failed != 0)
