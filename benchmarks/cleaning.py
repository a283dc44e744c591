"""How long the whole of cleaning takes against reading the same table, and how much memory.

``python benchmarks/cleaning.py`` prints ratios measured in one run on one thread; ``--rows`` makes
it smaller, ``--text`` exchanges ten of the numbers for columns of text, and ``--fixed`` prints the
fixed cost of a fit and of one served row. skrub's Cleaner is the named peer and is left out where
it is not installed.
"""

import argparse
import gc
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ratios import left_out, made

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def table(n, seed=0):
    """Return 30 columns as a first extract from a hospital has them, with mistakes."""
    rng = np.random.default_rng(seed)
    lab = {
        "sodium": (138, 4, 0),
        "potassium": (4.1, 0.5, 1),
        "chloride": (103, 4, 0),
        "bicarbonate": (24, 3, 0),
        "calcium": (9, 0.6, 1),
        "albumin": (3.6, 0.5, 1),
        "magnesium": (0.85, 0.1, 2),
        "hemoglobin": (12, 2, 1),
        "temperature": (36.9, 0.6, 1),
        "heart_rate": (85, 16, 0),
        "sbp": (128, 20, 0),
        "resp_rate": (18, 4, 0),
        "spo2": (96, 2, 0),
    }
    skewed = {"creatinine": (0, 2), "bun": (2.9, 0), "glucose": (4.8, 0), "wbc": (2.2, 1)}
    skewed |= {"platelets": (5.4, 0), "lactate": (0.4, 1), "bilirubin": (-0.3, 1), "crp": (2, 1)}
    columns = {"patient_id": np.arange(n) + 10**9, "age": rng.integers(18, 95, n)}
    columns["site"] = rng.choice(list("ABCDE"), n)
    for name, (centre, spread, digits) in lab.items():
        columns[name] = (centre + spread * rng.normal(size=n)).round(digits)
    for name, (centre, digits) in skewed.items():
        columns[name] = np.exp(centre + 0.5 * rng.normal(size=n)).round(digits)
    columns["spo2"] = np.minimum(columns["spo2"], 100)
    columns["dbp"] = (columns["sbp"] * 0.6 + 4 * rng.normal(size=n)).round()
    columns["height"] = (170 + 9 * rng.normal(size=n)).round(1)
    columns["weight"] = (
        26 * (columns["height"] / 100) ** 2 * np.exp(0.15 * rng.normal(size=n))
    ).round(1)
    columns["sex"] = rng.choice(["female", "male", "Male", "F"], n, p=[0.5, 0.45, 0.03, 0.02])
    columns["smoker"] = rng.choice(["never", "former", "current"], n)
    days = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), unit="D")
    columns["admission_date"] = days.strftime("%Y-%m-%d")
    frame = pd.DataFrame(columns)
    for name in ("sodium", "creatinine", "glucose", "lactate", "albumin", "crp", "temperature"):
        frame.loc[rng.random(n) < 0.1, name] = np.nan
    text = frame["lactate"].astype(object)
    text[rng.random(n) < 0.01] = "<0.5"
    frame["lactate"] = text
    text = frame["potassium"].astype(object)
    text[rng.random(n) < 0.01] = "haemolysed"
    frame["potassium"] = text
    frame.loc[rng.random(n) < 0.005, "sodium"] = 999
    return frame


def with_text(frame, seed=1):
    """Return the table with ten of its numbers exchanged for columns of text."""
    rng, n = np.random.default_rng(seed), len(frame)
    words = {
        "smoking_status": ["never", "ex-smoker", "current smoker", "unknown", "Never"],
        "diagnosis": [f"I{k}.{j}" for k in range(10, 60) for j in range(9)],
        "ward": ["ICU", "medical", "surgical", "Surgical", "emergency"],
        "drug": ["aspirin", "Aspirin", "metformin", "warfarin", "none", "n/a"],
        "culture": ["negative", "positive", "not done", "neg", "pos"],
        "urine_protein": ["negative", "trace", "1+", "2+", "3+"],
        "ethnicity": ["asian", "black", "white", "other", "not stated"],
        "insurance": ["public", "private", "none", "Private"],
    }
    text = {name: rng.choice(levels, n) for name, levels in words.items()}
    text["troponin"] = np.where(
        rng.random(n) < 0.3, "<0.01", rng.lognormal(-3, 1, n).round(3).astype(str)
    )
    text["discharge_date"] = (
        pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    ).strftime("%d/%m/%Y")
    numbers = [c for c in frame if frame[c].dtype.kind == "f"][: len(text)]
    return frame.drop(columns=numbers).assign(**text)


def memory(key):
    """Return VmRSS (now) or VmHWM (the most so far) of this process in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def forget_peak():
    """Count the most memory from now on."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def one(task, path):
    """Time one task in this process and print seconds and memory."""
    reads = []
    for _ in range(2):
        start = time.process_time()
        frame = pd.read_csv(path, low_memory=False)
        reads.append(time.process_time() - start)
    size = frame.memory_usage(index=True).sum() / 2**20
    later = float("nan")
    if task == "healthml":
        from healthml.cleaning import ClinicalCleaner

        cleaner = ClinicalCleaner(by="site")
    else:
        from skrub import Cleaner

        cleaner = Cleaner()
    forget_peak()
    held, start = memory("VmRSS"), time.process_time()
    cleaner.fit_transform(frame)
    fit = time.process_time() - start
    extra = memory("VmHWM") - held
    if task == "healthml":
        start = time.process_time()
        cleaner.transform(frame)
        later = time.process_time() - start
    answer = {"read": min(reads), "fit": fit, "later": later, "extra": extra}
    print(json.dumps({**answer, "frame": float(size)}))


def fixed(n=400):
    """Print the seconds of processor time of a fit of few rows, and of one served row."""
    from healthml.cleaning import ClinicalCleaner

    frame, seconds = table(n), {"fit": [], "row": []}
    for _ in range(6):
        start = time.process_time()
        cleaner = ClinicalCleaner(by="site").fit(frame)
        seconds["fit"].append(time.process_time() - start)
        for k in range(10):
            start = time.process_time()
            cleaner.transform(frame.iloc[[k]])
            seconds["row"].append(time.process_time() - start)
    print(f"| fit of {n} x {frame.shape[1]} | {1000 * np.median(seconds['fit']):.0f} ms |")
    print(f"| one served row | {1000 * np.median(seconds['row']):.1f} ms |")


# Seconds of a fit in those of `read_csv`, of numbers and with ten columns of text
WANTED = {False: "<= 5", True: "<= 8"}


def compare(*, quick=False, rows=1_000_000, texts=(False, True)):
    """Time each task in a process of its own, as a multiple of `read_csv`."""
    rows = min(rows, 100_000) if quick else rows
    for text in texts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            frame = table(rows)
            (with_text(frame) if text else frame).to_csv(path, index=False)
            name = f"{rows:,} x {frame.shape[1]}{', ten of text' if text else ''}"
            r = timed("healthml", path)
            detail = f"{r['fit']:.1f} s; transform {r['later'] / r['read']:.2f}"
            detail += f"; memory {r['extra'] / r['frame']:.2f} tables"
            what = f"ClinicalCleaner / read_csv, {name}"
            yield made(what, r["fit"] / r["read"], WANTED[text], detail)
            if importlib.util.find_spec("skrub"):
                peer = timed("skrub", path)
                yield made(f"ClinicalCleaner / skrub's Cleaner, {name}", r["fit"] / peer["fit"])
            else:
                yield left_out(f"skrub's Cleaner, {name}", "skrub is not installed")


def timed(task, path):
    """Return seconds and memory of a task."""
    command = [sys.executable, __file__, "--task", task, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def main():
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--task", nargs=2, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        return one(*options.task)
    if options.fixed:
        return fixed()
    list(compare(rows=options.rows, texts=(options.text,)))
    return None


if __name__ == "__main__":
    main()
