"""What vt-scan gathers from an access log, gathered by DuckDB on two threads.

duckdb_heat.py LOG FOLDER: temporary files and the result go to FOLDER.
"""
import sys

import duckdb

db = duckdb.connect(sys.argv[2] + "/duck.db")
db.execute("SET threads = 2")
db.execute("SET preserve_insertion_order = false")
db.execute("SET temp_directory = ?", [sys.argv[2] + "/duck.tmp"])
db.execute("""
    CREATE TABLE heat AS
    SELECT bucket, key, count(*) AS reads, sum("out") AS bytes,
        max("time") AS last_read, count(DISTINCT "time"[:10]) AS days
    FROM read_json(?, format = 'newline_delimited', columns = {
        op: 'VARCHAR', bucket: 'VARCHAR', key: 'VARCHAR', "out": 'BIGINT',
        "time": 'VARCHAR'})
    WHERE op = 'GetObject' GROUP BY bucket, key""", [sys.argv[1]])
print(db.execute("SELECT count(*), sum(reads), sum(days) FROM heat")
      .fetchone())
