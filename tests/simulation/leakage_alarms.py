"""How often `check_leakage` cries wolf on clean tables, and how often it finds a leak.

The protocol stands in docs/simulations/leakage_operating_characteristics.md, the strengths in
docs/simulations/leakage_strengths.md.
"""

import argparse
import json
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from healthml._core._intervals import clopper_pearson
from healthml.validation import check_leakage

sys.path.insert(0, str(Path(__file__).parent))
import leakage_tables

CLEAN_SEEDS = {"A": 50_000, "B": 50_250}
LEAK_SEED = 60_000


@dataclass(frozen=True)
class Expected:
    """What must be said of a leak, and what must not."""

    codes: tuple
    verdict: str | None = None
    above: bool = False
    columns: tuple = ()
    quiet: bool = False  # nothing above a note may be said under these codes
    never_leak: bool = False  # neither "leak" nor serious may be said under these codes


_ASK = {"verdict": "ask", "above": True, "never_leak": True}
_LEAK = {"verdict": "leak", "above": True}
EXPECTED = {
    "drawn_rows": Expected(("HM204",), **_LEAK),
    "oversampled_events": Expected(("HM204",), **_LEAK),
    "near_copies": Expected(("HM305",), **_LEAK),
    "join_doubled": Expected(("HM305",), **_LEAK),
    "patient_split": Expected(("HM304",), **_LEAK),
    "patient_column": Expected(("HM304",), "ask", columns=("patient_number",), never_leak=True),
    "copies_in_test": Expected(("HM204",), **_LEAK),
    "known_after": Expected(("HM303",), **_LEAK, columns=("panel",)),
    "later_date": Expected(("HM303",), **_LEAK, columns=("moved",)),
    "noisy_score": Expected(("HM301", "HM302"), "ask", above=True, columns=("panel",)),
    "same_as_outcome": Expected(("HM301",), "ask", above=True, columns=("lane",)),
    "later_name": Expected(("HM301", "HM302"), **_ASK, columns=("hosp_los_hours",)),
    "target_mean": Expected(("HM309",), **_LEAK, columns=("ward_value",)),
    "target_smoothed": Expected(("HM309",), **_LEAK, columns=("ward_value",)),
    "scaled_before": Expected(("HM309",), quiet=True),
    "filled_before": Expected(("HM309",), quiet=True),
    "selected_before": Expected(("HM309",), **_LEAK),
    "scaler_fitted": Expected(("HM309",), quiet=True),
    "sorted_file": Expected(("HM213",), "ask", never_leak=True),
    "row_number": Expected(("HM308",), "ask", columns=("line",), never_leak=True),
    "future_count": Expected(("HM306",), columns=("stays",)),
    "patient_mean": Expected(("HM309",), **_LEAK, columns=("own_rate",)),
    "already_dead": Expected(("HM103",), "ask", never_leak=True),
    "informative_gaps": Expected(("HM210",), "note", quiet=True),
}
COLUMNS = {
    ("scaled_before", "A"): leakage_tables._MEASURED_A,
    ("scaled_before", "B"): tuple(f"test_{k}" for k in range(10)),
    ("filled_before", "A"): leakage_tables.FILLED["A"],
    ("filled_before", "B"): leakage_tables.FILLED["B"],
    ("already_dead", "A"): ("code_status",),
    ("already_dead", "B"): ("shift",),
}


def table_of(result, codes):
    """Return the findings with one of the codes."""
    return result.table[result.table["code"].isin(codes)]


def is_named(result, expected, columns):
    """Say whether the leak is named as it must be, and nothing is said that must not be."""
    rows = table_of(result, expected.codes)
    above = rows["severity"].isin(["serious", "moderate"])
    if expected.quiet and above.any():
        return False
    wrong = (rows["verdict"] == "leak") | (rows["severity"] == "serious")
    if expected.never_leak and wrong.any():
        return False
    right = rows["columns"].map(lambda found: set(columns) <= set(found)).astype(bool)
    if expected.verdict is not None:
        right &= rows["verdict"] == expected.verdict
    if expected.above:
        right &= above
    return bool(right.any())


def run(leak, kind, seed):
    """Return (right answer, codes above a note, seconds) of one table."""
    if leak == "clean":
        table = leakage_tables.clean(kind, leakage_tables.N[kind], seed)
        given = {"X": table.X, "y": table.y, "groups": table.groups, "time": table.time}
    else:
        given = getattr(leakage_tables, leak)(kind, seed)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = check_leakage(given.pop("X"), given.pop("y"), **given, random_state=seed)
    seconds = time.perf_counter() - start
    alarms = result.above_note["code"].tolist()
    if leak == "clean":
        return not alarms, alarms, seconds
    expected = EXPECTED[leak]
    columns = COLUMNS.get((leak, kind), expected.columns)
    return is_named(result, expected, columns), alarms, seconds


def measure(leak, kind, n_tables, *, jobs=1, start=None):
    """Return one row of the table."""
    clean = leak == "clean"
    start = (CLEAN_SEEDS[kind] if clean else LEAK_SEED) if start is None else start
    seeds = range(start, start + n_tables)
    results = Parallel(n_jobs=jobs)(delayed(run)(leak, kind, seed) for seed in seeds)
    right = sum(ok for ok, _, _ in results)
    count = n_tables - right if clean else right
    low, high = (float(end) for end in clopper_pearson(count, n_tables))
    share = count / n_tables
    codes = sorted({code for _, alarms, _ in results for code in alarms})
    return {
        "leak": leak,
        "generator": kind,
        "measure": "above a note" if clean else "named as it must be",
        "n": n_tables,
        "share": share,
        "from": low,
        "to": high,
        "Monte-Carlo SE": float(np.sqrt(share * (1 - share) / n_tables)),
        "median seconds": round(float(np.median([s for _, _, s in results])), 1),
        "codes above a note": ", ".join(codes) or "none",
    }


def main():
    """Run the whole protocol and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=int, default=250, help="clean tables of each generator")
    parser.add_argument("--leaks", type=int, default=100, help="tables of each leak and generator")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--generators", nargs="*", default=["A", "B"])
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("--rows", type=Path, default=None, help="keep rows here, and take them")
    options = parser.parse_args()
    rows, kept = [], _kept(options.rows)
    for leak in options.only or ["clean", *EXPECTED]:
        n = options.clean if leak == "clean" else options.leaks
        for kind in options.generators:
            known = kept.get((leak, kind, n))
            rows.append(known or measure(leak, kind, n, jobs=options.jobs))
            print(rows[-1], flush=True)
            if options.rows is not None and known is None:
                with options.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    if options.output is not None:
        options.output.write_text(markdown(pd.DataFrame(rows)), encoding="utf-8")


def _kept(path):
    """Return the rows of an earlier run, so that a long one can be stopped and taken up again."""
    if path is None or not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["leak"], row["generator"], row["n"]): row for row in rows}


_SHARES = ("share", "from", "to", "Monte-Carlo SE")


def markdown(table):
    """Return the table in markdown, shares as percentages."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * table.shape[1]]
    for row in table.to_dict(orient="records"):
        cells = [f"{100 * v:.1f}%" if k in _SHARES else str(v) for k, v in row.items()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
