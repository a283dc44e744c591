"""How often an audit cries wolf on clean cohorts, and how often it names a defect.

The protocol stands in docs/simulations/audit_operating_characteristics.md.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import healthml
from healthml._core._intervals import clopper_pearson
from healthml.datasets import make_ehr_cohort

CLEAN_SEED, DEFECT_SEED = 10_000, 20_000
# defects that no table can show: the report must list the question as not assessed
TOPICS = {
    "label_bias": "Is the outcome recorded equally well in every group?",
    "label_noise": "Are single outcomes recorded wrongly?",
}
# defect -> (codes of which one must be named, columns that the finding must hold)
EXPECTED = {
    "sentinels": (("HM201",), ("glucose", "hemoglobin")),
    "missing_strings": (("HM202",), ("admission_source",)),
    "mar": (("HM210",), ()),
    "mnar": (("HM210",), ()),
    "informative": (("HM210",), ()),
    "exact_duplicates": (("HM204",), ()),
    "near_duplicates": (("HM305",), ()),
    "join_doubled": (("HM305",), ()),
    "leak_perfect": (("HM301",), ("discharge_unit",)),
    "leak_noisy": (("HM301", "HM302"), ("alert_score",)),
    "leak_time": (("HM301", "HM302"), ("hosp_los_hours",)),
    "future_count": (("HM306",), ("encounter_count",)),
    "ineligible": (("HM103",), ("code_status",)),
    "site_shift": (("HM404",), ()),
    "unit_mixup": (("HM215",), ("creatinine", "glucose", "hemoglobin")),
    "decimal_slips": (("HM216",), ("heart_rate", "temperature", "sodium", "potassium")),
    "swaps": (("HM217",), ("sbp", "dbp")),
    "impossible_values": (("HM203",), ("sbp", "spo2", "gcs_total")),
    "censored_strings": (("HM207",), ("lactate", "bilirubin_total", "glucose")),
    "decimal_commas": (("HM207",), ("temperature", "potassium", "albumin")),
    "coding_change": (("HM218",), ("admission_type",)),
}
NO_DEFECT = ("clean", "mcar", "risk_gap")


def report_of(preset, seed, n=2000):
    """Return the audit of one simulated cohort."""
    cohort = make_ehr_cohort(n, preset=preset, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return healthml.audit(None, cohort.to_frame(), schema=cohort.schema, random_state=seed)


def above_note(report):
    """Return the codes above a note."""
    return [f.code for f in report.findings if f.severity in ("serious", "moderate")]


def named(report, defect):
    """Say whether the right check names the defect, with the right columns."""
    if defect in TOPICS:
        asked = any(n.topic == TOPICS[defect] for n in report.not_assessed)
        return asked or (defect == "label_noise" and "HM219" in report.codes())
    codes, columns = EXPECTED[defect]
    found = [f for f in report.findings if f.code in codes]
    if defect == "site_shift":  # every report of several sites has this code: it must be serious
        found = [f for f in found if f.severity == "serious"]
    return any(set(columns) <= set(f.columns) for f in found)


def run(preset, seed):
    """Return (right answer, codes above a note) of one cohort."""
    if preset in NO_DEFECT:
        alarms = above_note(report_of(preset if preset == "clean" else f"one:{preset}", seed))
        return not alarms, alarms
    report = report_of(f"one:{preset}", seed)
    return named(report, preset), above_note(report)


def measure(preset, n_cohorts, *, jobs=1, start=None):
    """Return one row of the table."""
    start = (CLEAN_SEED if preset in NO_DEFECT else DEFECT_SEED) if start is None else start
    seeds = range(start, start + n_cohorts)
    results = Parallel(n_jobs=jobs)(delayed(run)(preset, seed) for seed in seeds)
    right = sum(ok for ok, _ in results)
    alarm = preset in NO_DEFECT
    count = n_cohorts - right if alarm else right
    low, high = (float(end) for end in clopper_pearson(count, n_cohorts))
    share = count / n_cohorts
    codes = sorted({code for _, alarms in results for code in alarms})
    return {
        "cohorts of": preset,
        "measure": "above a note" if alarm else "named",
        "n": n_cohorts,
        "share": share,
        "from": low,
        "to": high,
        "Monte-Carlo SE": float(np.sqrt(share * (1 - share) / n_cohorts)),
        "codes above a note": ", ".join(codes) or "none",
    }


def main():
    """Run the whole protocol and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=int, default=200)
    parser.add_argument("--defects", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("--rows", type=Path, default=None, help="keep rows here, and take them")
    options = parser.parse_args()
    wanted = options.only or [*NO_DEFECT, *EXPECTED, *TOPICS]
    rows, kept = [], _kept(options.rows)
    for preset in wanted:
        n = options.clean if preset == "clean" else options.defects
        rows.append(kept.get((preset, n)) or measure(preset, n, jobs=options.jobs))
        print(rows[-1], flush=True)
        if options.rows is not None and (preset, n) not in kept:
            with options.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    if options.output is not None:
        options.output.write_text(markdown(pd.DataFrame(rows)), encoding="utf-8")


def _kept(path):
    """Return the rows of an earlier run, so that a long one can be stopped and taken up again."""
    if path is None or not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["cohorts of"], row["n"]): row for row in rows}


def markdown(table):
    """Return the table in markdown, shares as percentages."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * table.shape[1]]
    for row in table.to_dict(orient="records"):
        cells = [f"{100 * v:.1f}%" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
