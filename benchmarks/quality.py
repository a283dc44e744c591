"""Time and memory of `quality_report` on a Parquet file that is never loaded.

Run ``python benchmarks/quality.py --rows 10000000``. A simulated table of 12 columns is written in
pieces to a temporary folder; each backend looks at it in a process of its own, whose peak memory
(resident set) is told beside that of a process that only starts up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BACKENDS = ("start", "polars", "duckdb", "polars-places", "duckdb-places")


def write_table(path, n_rows, piece=500_000, seed=0):
    """Write the table in pieces, so that writing needs no more memory than one of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(seed), None
    for start in range(0, n_rows, piece):
        table = pa.table(simulate(rng, start, min(piece, n_rows - start)))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def simulate(rng, start, n):
    """Return one piece: six defects are planted, and the rest is as it should be."""
    sodium = rng.normal(138, 4, n).round()
    sodium[rng.random(n) < 0.02] = -1
    creatinine = np.exp(rng.normal(0.1, 0.5, n)).round(2)
    weight = np.where(rng.random(n) < 1e-4, 999.0, rng.normal(78, 15, n).clip(35))
    glucose = np.exp(rng.normal(4.8, 0.3, n))
    day = np.datetime64("2015-01-01") + rng.integers(0, 3000, n).astype("timedelta64[D]")
    stay = rng.integers(0, 30, n)
    stay[rng.random(n) < 1e-3] = -3
    return {
        "row_id": np.arange(start, start + n),
        "patient_id": rng.integers(0, 3_000_000, n),
        "site": rng.choice(list("ABCDEFGHIJ"), n),
        "admission_date": day,
        "discharge_date": day + stay.astype("timedelta64[D]"),
        "age": rng.normal(65, 16, n).clip(18, 104).round(),
        "sex": rng.choice(["F", "M", "f", "unknown"], n, p=[0.5, 0.48, 0.01, 0.01]),
        "sodium": sodium,
        "creatinine": creatinine,
        "weight": weight,
        "glucose": np.where(rng.random(n) < 0.3, np.nan, glucose),
        "died": (rng.random(n) < 0.1).astype(int),
    }


def look(backend, path):
    """Look at the file through one backend; return seconds, peak memory and what was seen."""
    from healthml.cleaning import quality_report

    start, report = time.perf_counter(), None
    if backend != "start":
        places = {"site": "site", "time": "admission_date"} if "places" in backend else {}
        report = quality_report(_open(backend, path), y="died", groups="patient_id", **places)
    seconds = time.perf_counter() - start
    told = {"backend": backend, "seconds": round(seconds, 1), "peak_mib": peak_memory()}
    if report is not None:
        seen = report.select(status="found")[["column", "rule", "n_cells"]]
        told["seen"] = seen.to_numpy().tolist()
    return told


def peak_memory():
    """Return the peak resident set of this process in MiB; getrusage would count the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


def _open(backend, path):
    if backend.startswith("polars"):
        import polars as pl

        return pl.scan_parquet(path)
    import duckdb

    duckdb.sql("SET memory_limit = '1GB'")
    return duckdb.read_parquet(str(path))


def main():
    """Run every backend in its own process and print one line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--backends", nargs="+", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--one", nargs=2, metavar=("BACKEND", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(look(*options.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_table(path, options.rows)
        print(json.dumps({"rows": options.rows, "file_mib": path.stat().st_size >> 20}))
        for backend in options.backends:
            command = [sys.executable, __file__, "--one", backend, str(path)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
