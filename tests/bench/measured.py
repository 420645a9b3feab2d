"""Run a command and print what it took, as a JSON line.

measured.py NAME COUNT OUTPUT COMMAND...: COUNT is what it is given to do.
"""
import json
import os
import sys
import time

name, count, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
start = time.monotonic()
pid = os.posix_spawnp(sys.argv[4], sys.argv[4:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, output,
     os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
_, status, used = os.wait4(pid, 0)
seconds = time.monotonic() - start
cpu = used.ru_utime + used.ru_stime
print(json.dumps({
    "bench": name, "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3),
    "rss_mib": used.ru_maxrss // 1024, "per_second": int(count / seconds),
    "per_second_and_core": int(count / cpu)}, separators=(",", ":")))
sys.exit(status != 0)
