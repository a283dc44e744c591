"""Every room against the named peers that are installed, as one table.

``python -m benchmarks`` runs all rooms, one after the other, each in a process of its own on one
thread, and writes ``benchmarks/table.md``, which the pages include: ratios, what is wanted,
machine, versions, and what was left out and why. ``--room metrics`` runs one and keeps the rows of
the others; ``--quick`` takes smaller tables.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "table.md"
# room -> packages whose versions stand above its rows
ROOMS = {
    "metrics": ("numpy", "scikit-learn", "dcurves", "R"),
    "validation": ("numpy", "scikit-learn", "R"),
    "cleaning": ("numpy", "pandas", "skrub"),
    "imputation": ("numpy", "scikit-learn", "R"),
    "resampling": ("numpy", "scikit-learn", "imbalanced-learn", "imbcalibrate"),
    "explanation": ("numpy", "scikit-learn", "shap"),
    "fairness": ("numpy", "scikit-learn", "fairlearn"),
    "audit": ("numpy", "scikit-learn"),
}
_HEAD = "# Ratios of the last runs\n\nWritten by `python -m benchmarks`; newest of each room.\n"


def compare(room, *, quick):
    """Run one room in this process and return its rows."""
    sys.path.insert(0, str(HERE))
    module = importlib.import_module(room)
    return list(module.compare(quick=quick))


def run(room, *, quick):
    """Run one room in a process of its own, on one thread; return rows and what failed."""
    command = [sys.executable, "-m", "benchmarks", "--one", room, *(["--quick"] if quick else [])]
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(threads, "1")}
    with subprocess.Popen(
        command, cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if not line.startswith("{"):
                print(line, end="", flush=True)
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return rows, process.returncode


def version(package):
    """Return the version of a package or of R, or that it is absent."""
    if package == "R":
        if shutil.which("Rscript") is None:
            return "R absent"
        done = subprocess.run(["Rscript", "--version"], capture_output=True, text=True, check=True)
        return "R " + re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)[0]
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} absent"


def machine():
    """Return the processor, the number of cores and the version of Python."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    found = re.search(r"model name\s*: (.+)", text)
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def section(room, rows, *, quick):
    """Return a room's part of the page."""
    size = ", smaller tables" if quick else ""
    versions = ", ".join(map(version, ROOMS[room]))
    return "\n".join(
        [
            f"<!-- room: {room} -->",
            f"## {room}",
            "",
            f"{date.today().isoformat()}{size}; {machine()}; {versions}.",
            "",
            "| what | ratio | wanted | holds | detail |",
            "| --- | --- | --- | --- | --- |",
            *(row["line"] for row in rows),
            "<!-- end room -->",
        ]
    )


def write(sections, path=TABLE):
    """Write the page, keeping the rooms that were not run."""
    text = path.read_text(encoding="utf-8") if path.is_file() else _HEAD
    for room, part in sections.items():
        old = re.compile(rf"<!-- room: {room} -->.*?<!-- end room -->", re.DOTALL)
        text = old.sub(lambda _, p=part: p, text) if old.search(text) else f"{text}\n{part}\n"
    path.write_text(text, encoding="utf-8")


def main(argv=None):
    """Run the rooms asked for and return 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--room", choices=ROOMS, action="append", help="all by default")
    parser.add_argument("--quick", action="store_true", help="smaller tables")
    parser.add_argument("--output", type=Path, default=TABLE, help="page to write")
    parser.add_argument("--one", choices=ROOMS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.one:
        for ratio in compare(options.one, quick=options.quick):
            print(json.dumps({"line": str(ratio), "holds": ratio.holds}))
        return 0
    sections, failed = {}, []
    for room in options.room or ROOMS:
        rows, code = run(room, quick=options.quick)
        if code:
            failed.append(room)
        else:
            sections[room] = section(room, rows, quick=options.quick)
    write(sections, options.output)
    absent = sum(part.count("| left out |") for part in sections.values())
    print(f"{len(sections)} rooms written to {options.output}; left out: {absent}", end="")
    print(f"; failed: {', '.join(failed)}" if failed else "")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
