"""Is resampling, recalibrated, as calibrated as no resampling, recalibrated, on real tables?

The protocol stands in docs/simulations/resampling_simulation.md.
``HEALTHML_SHARED=/path/to/shared python tests/simulation/resampling_real_tables.py`` prints paired
differences in log O:E.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.validation import compare_imbalance_strategies

SEED = 500_000
# Half widths of equivalence in log O:E that the protocol asks for, from a number of events on.
LIMITS = ((500, 0.06), (100, 0.15))
SIZES = (None, 600, 250, 120)  # events of a table; None is all rows, at most MOST_ROWS
MOST_ROWS = 20_000
DAY3 = (
    *("age", "num.co", "diabetes", "dementia", "scoma", "meanbp", "wblc", "hrt", "resp", "temp"),
    *("pafi", "alb", "bili", "crea", "sod", "ph", "glucose", "bun", "urine", "adls"),
)
STAY = (
    *("time_in_hospital", "num_lab_procedures", "num_procedures", "num_medications"),
    *("number_outpatient", "number_emergency", "number_inpatient", "number_diagnoses", "age"),
)


def folder():
    """Return the folder of the tables."""
    return Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "data"


def support2():
    """Return what is known on day 3, death in hospital, and no patient twice."""
    table = pd.read_csv(folder() / "support2" / "support2.csv.gz")
    return table[list(DAY3)].astype(float), table["hospdead"].to_numpy(), None


def diabetes130():
    """Return numbers of the stay, readmission within 30 days among the living, and patients."""
    path = folder() / "diabetes130" / "diabetic_data.csv.gz"
    table = pd.read_csv(path, na_values="?", keep_default_na=False, low_memory=False)
    table = table[~table["discharge_disposition_id"].isin([11, 13, 14, 19, 20, 21])]
    table["age"] = table["age"].str.extract(r"(\d+)", expand=False)
    event = (table["readmitted"] == "<30").to_numpy().astype(int)
    return table[list(STAY)].astype(float), event, table["patient_nbr"].to_numpy()


def smaller(X, y, groups, n_events, seed):
    """Return the rows of patients drawn at random until they have a number of events."""
    units = np.arange(len(y)) if groups is None else pd.factorize(groups)[0]
    order = np.random.default_rng(seed).permutation(units.max() + 1)
    rank = np.argsort(order)[units]
    by_patient = np.bincount(rank, y).cumsum()
    rows_until = np.bincount(rank).cumsum()
    most = np.searchsorted(rows_until, MOST_ROWS)
    if n_events is not None:
        most = min(most, np.searchsorted(by_patient, n_events))
    rows = rank <= most
    return X[rows].reset_index(drop=True), y[rows], None if groups is None else groups[rows]


def learners():
    """Return {name: classifier}."""
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression())
    return {"logistic": scaled, "boosting": HistGradientBoostingClassifier(max_iter=50)}


def verdict(lower, upper, limit):
    """Say whether an interval shows equivalence, shows a difference, or neither."""
    if -limit < lower and upper < limit:
        return "equivalent"
    return "different" if lower > limit or upper < -limit else "not assessable"


def one_cell(name, learner, n_events, seed=SEED):
    """Return one row for each strategy, recalibrated, beside "none, recalibrated"."""
    X, y, groups = smaller(
        *{"support2": support2, "diabetes130": diabetes130}[name](), n_events, seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compare_imbalance_strategies(
            learners()[learner], X, y, groups=groups, n_repeats=1, random_state=seed
        ).to_frame()
    limit = next(limit for least, limit in LIMITS if y.sum() >= least)
    rows = found[(found["measure"] == "oe_ratio") & found["recalibrated"]]
    rows = rows[rows["sampling"] != "none"]
    ends = rows[["difference", "difference_lower", "difference_upper"]].reset_index(drop=True)
    table = ends.assign(limit=limit, table=name, learner=learner, events=int(y.sum()))
    table["sampling"] = rows["sampling"].to_numpy()
    table["verdict"] = [verdict(*pair, limit) for pair in ends.to_numpy()[:, 1:]]
    return table


def main():
    """Print every cell and how many were shown equivalent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=["support2", "diabetes130"])
    parser.add_argument("--learners", nargs="+", default=list(learners()))
    parser.add_argument("--sizes", nargs="+", type=int, default=None, help="events; 0 is all")
    asked = parser.parse_args()
    sizes = SIZES if asked.sizes is None else [size or None for size in asked.sizes]
    for name in asked.tables:
        for size in sizes:
            for learner in asked.learners:
                print(one_cell(name, learner, size).round(3).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
