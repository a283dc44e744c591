"""What an audit says where nothing is wrong: true risks as the score, and clean visits.

Protocol (the parts of ADEMP), written before the first run:

Aim. A score that is the true risk has no fault; whatever the audit then reports above a note is a
false alarm. Nor has a clean table that the audit's own model can express.
Data. `make_ehr_cohort(2000)` (seeds from 50,000) and `visit_cohort()` (seeds from 60,000): visits
that end with death, a strong ordinal predictor, age-dependent risk, coarse columns, sites of other
case mix. Patient, site, time, age and sex (as sensitive features) are always declared.
Estimand. The probability that one cohort's report shows any finding above a note (serious or
moderate).
Methods. `audit_predictions` with the true risk and all columns ("true risk"), and `audit` with the
audit's own model ("own model").
Measures. The share of cohorts with an exact 95% interval and its Monte-Carlo standard error; at
most 5 of 200 cohorts for true risks and 14 of 300 for the own model are wanted. Findings listed to
be settled because nothing was gained over something simple are counted apart.
"""

import argparse
import json
import warnings
from importlib import util
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

import healthml
from healthml._core._intervals import clopper_pearson
from healthml.datasets import make_ehr_cohort

_SPEC = util.spec_from_file_location("visit_cohorts", Path(__file__).with_name("visit_cohorts.py"))
visits = util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(visits)

SEEDS = {"ehr": 50_000, "visits": 60_000}


def ehr(seed):
    """Return table, outcome, true risk and roles of a clean simulated cohort."""
    cohort = make_ehr_cohort(2000, random_state=seed)
    roles = {"groups": cohort.groups, "site": "site", "time": "year"}
    return cohort.X, cohort.y, cohort.truth.risk, roles, ["age", "sex"]


def visit(seed):
    """Return the same of simulated visits."""
    table, died, risk = visits.visit_cohort(random_state=seed)
    return table, died, risk, visits.ROLES, visits.SENSITIVE


MADE = {"ehr": ehr, "visits": visit}


def codes_of(generator, method, seed):
    """Return the codes above a note, and those to be settled besides."""
    table, y, risk, roles, sensitive = MADE[generator](seed)
    options = {**roles, "sensitive_features": sensitive, "random_state": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "true risk":
            report = healthml.audit_predictions(y, np.asarray(risk), X=table, **options)
        else:
            report = healthml.audit(None, table, y, **options)
    above = report.codes("serious", "moderate")
    return above, [f.code for f in report.must_settle if f.code not in above]


def measure(generator, method, n_cohorts, *, jobs=1, start=None, rows=None):
    """Return one row of the table; cohorts whose answers stand in the file `rows` are taken."""
    start = SEEDS[generator] if start is None else start
    seeds, kept = range(start, start + n_cohorts), _kept(rows, generator, method)
    left = [seed for seed in seeds if seed not in kept]
    answers = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(codes_of)(generator, method, seed) for seed in left
    )
    for seed, found in zip(left, answers, strict=True):
        kept[seed] = found
        if rows is not None:
            with rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps([generator, method, seed, *found]) + "\n")
    found = [kept[seed] for seed in seeds]
    count = sum(bool(above) for above, _ in found)
    low, high = (float(end) for end in clopper_pearson(count, n_cohorts))
    share = count / n_cohorts
    return {
        "generator": generator,
        "judged": method,
        "n": n_cohorts,
        "above a note": count,
        "share": share,
        "from": low,
        "to": high,
        "Monte-Carlo SE": float(np.sqrt(share * (1 - share) / n_cohorts)),
        "codes": ", ".join(sorted(code for above, _ in found for code in above)) or "none",
        "to be settled besides": ", ".join(sorted(code for _, more in found for code in more))
        or "none",
    }


def _kept(path, generator, method):
    """Return the answers of an earlier run by seed, so that a long one can be taken up again."""
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {seed: found for g, m, seed, *found in lines if (g, m) == (generator, method)}


def markdown(rows):
    """Return the rows as a table in markdown, shares as percentages."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [f"{100 * v:.1f}%" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    """Run the protocol, print its rows and write them as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--true", type=int, default=200, help="cohorts with the true risk")
    parser.add_argument("--own", type=int, default=300, help="cohorts with the audit's own model")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--generators", nargs="*", default=list(MADE))
    parser.add_argument("--methods", nargs="*", default=["true risk", "own model"])
    parser.add_argument("--start", type=int, default=None)
    parser.add_argument("--rows", type=Path, default=None, help="keep answers here, and take them")
    parser.add_argument("--output", type=Path, default=None)
    options = parser.parse_args()
    table = []
    for generator in options.generators:
        for method in options.methods:
            n = options.true if method == "true risk" else options.own
            how = {"jobs": options.jobs, "start": options.start, "rows": options.rows}
            table.append(measure(generator, method, n, **how))
            print(table[-1], flush=True)
    if options.output is not None:
        options.output.write_text(markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main()
