"""Random calls of everything public with exotic cells: an answer, or one clear sentence.

Protocol
--------
Aim: count calls that end in neither. Data: 60 rows of 30 patients; in each call one to three of
the arguments with one value for each row are exchanged for exotic ones (cells, dtypes, containers,
shapes). Methods: every public function that takes rows (`doors.DOORS`), and `fit` and `transform`
of every public estimator, equally often. Measures, each to be 0:

- raw: an error that was not raised by healthml itself (its last frame lies in another package),
  or is neither of healthml's classes, nor a ValueError or TypeError; an empty or endless message;
- canary: a marked cell in the message, its causes, the traceback, a warning, or in what the result
  shows of itself;
- NaN: an estimate that is missing, in a row without a reason and a result without a remark;
- foreign: a warning of numpy, scipy, pandas or scikit-learn that reaches the user.

``python tests/simulation/random_calls.py --calls 10000`` prints the counts and the first seed of
each kind of fault; ``--seed 123`` repeats one call and shows its traceback.
"""

import argparse
import datetime
import inspect
import sys
import traceback
import warnings
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parents[1]))
from doors import DOORS, OTHERS, rows_of

import healthml
from healthml import cleaning, fairness, imputation, resampling, validation

N = 60
MARK = "zzqcanary"
HOME = str(Path(healthml.__file__).parent)
QUICK = {"n_repeats": 1, "n_members": 2, "n_permutations": 3, "cv": 2, "n_resamples": 10}
SLOW = ("audit", "cost_of_cleaning", "compare_imputers", "membership_inference", "learning_curve")
MODEL = LogisticRegression(max_iter=200)
NEEDED = {"estimator": MODEL, "patient": "patient", "time": "hour", "value": 0.3}
NEEDED["sensitive_feature"] = "creatinine"


def base(rng):
    """Return one value for each row of every argument that takes one."""
    X = pd.DataFrame(
        {
            "age": rng.normal(60, 10, N).round(1),
            "creatinine": rng.lognormal(0, 0.4, N).round(2),
            "sex": rng.choice(["F", "M"], N),
            "note": [f"{MARK}{k}" for k in range(N)],
        }
    )
    X.loc[::9, "creatinine"] = np.nan
    numbers = X[["age", "creatinine"]]
    risk = pd.Series(rng.uniform(0.02, 0.98, N))
    y = pd.Series((rng.random(N) < risk).astype(int))
    site = pd.Series(rng.choice(["a", "b"], N))
    risks = dict.fromkeys(("y_proba", "proba", "y_proba_1", "y_proba_2", "score"), risk)
    return risks | {
        "X": X if rng.random() < 0.3 else numbers if rng.random() < 0.5 else numbers.fillna(1.0),
        "y": y, "y_true": y, "groups": pd.Series(np.arange(N) // 2), "site": site,
        "time": pd.Series(np.arange(N)), "sample_weight": pd.Series(1.0, index=range(N)),
        "sensitive_features": site.to_frame("site"), "by": site, "demographics": X[["age"]],
        "attribute": X["age"],
        "where": numbers.isna(), "missing": numbers.isna(),
    }  # fmt: skip


CELLS = [
    None, np.nan, np.inf, -np.inf, 5e-324, 1e308, -1.0, 2**63, f"{MARK}cell", "", " ", "NaN", "1,5",
    "<0.5", "120/80", [1, 2], {"a": 1}, (1,), {MARK}, Decimal("1.5"), b"zzqcanary", True, pd.NA,
    pd.NaT, pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-01", tz="UTC"), pd.Timedelta("1D"),
    datetime.date(2020, 1, 1), datetime.time(3), 1 + 2j, np.array([1, 2]), object(), lambda: 1,
    np.float32(1.5), np.datetime64("2020-01-01"), 10**400, "\uff15", "1e5", "\x00", "\u22125",
]  # fmt: skip
DTYPES = ["object", "category", "string", "Int64", "Float64", "boolean", "float32", "int8", "bool"]
DTYPES += ["datetime64[ns]", "str", "complex128", "float16", "timedelta64[ns]"]


def odd_cells(values, rng):
    """Exchange some cells of a column for exotic ones."""
    values = values.astype(object).copy()
    count = rng.choice([1, 3, len(values)])
    cell = CELLS[rng.integers(len(CELLS))]
    if MARK in str(cell):  # a level that 11 patients hold may be named
        count = min(count, 3)
    for k in rng.choice(len(values), min(count, len(values)), replace=False):
        values.iat[int(k)] = cell
    return values


def odd_dtype(values, rng):
    """Store a column as another dtype, where that works."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return values.astype(DTYPES[rng.integers(len(DTYPES))])
    except Exception:
        return values


def odd_shape(values, rng):
    """Hand a column over in another container or shape."""
    import polars

    kinds = {
        "list": list,
        "tuple": tuple,
        "array": lambda v: v.to_numpy(),
        "polars": lambda v: polars.from_pandas(v.astype(str)),
        "empty": lambda v: v.iloc[:0],
        "one": lambda v: v.iloc[:1],
        "short": lambda v: v.iloc[:-3],
        "constant": lambda v: pd.Series([v.iloc[0]] * len(v)),
        "index": lambda v: v.set_axis([7] * len(v)),
        "shuffled": lambda v: v.sample(frac=1, random_state=int(rng.integers(99))),
        "matrix": lambda v: np.column_stack([v, v]),
        "scalar": lambda v: v.iloc[0],
        "text": lambda v: MARK,
        "none": lambda v: None,
        "dict": lambda v: {MARK: 1},
        "masked": lambda v: np.ma.masked_array(np.arange(len(v)), mask=np.arange(len(v)) % 2),
    }
    return kinds[list(kinds)[rng.integers(len(kinds))]](values)


def odd_frame(frame, rng):
    """Make one column, the names or the container of a table exotic."""
    import polars

    kind = rng.integers(9)
    name = frame.columns[rng.integers(frame.shape[1])]
    if kind <= 3:
        make = odd_cells if kind <= 1 else odd_dtype
        return frame.assign(**{name: make(frame[name], rng)})
    made = {
        4: lambda: frame.set_axis([None, *frame.columns[1:]], axis=1),
        5: lambda: frame.set_axis([frame.columns[0]] * frame.shape[1], axis=1),
        6: lambda: frame.iloc[: int(rng.choice([0, 1, 2]))],
        7: lambda: polars.from_pandas(
            frame.astype({c: str for c in frame if frame[c].dtype == "O"})
        ),
        8: lambda: frame.to_numpy(),
    }
    return made[kind]()


def odd(value, rng):
    """Return an exotic version of an argument."""
    if isinstance(value, pd.DataFrame):
        return odd_frame(value, rng) if rng.random() < 0.9 else odd_shape(value.iloc[:, 0], rng)
    return (odd_cells, odd_dtype, odd_shape)[rng.integers(3)](value, rng)


def estimators():
    """Yield the public estimators that can be made."""
    for room in (cleaning, imputation, validation, resampling, fairness):
        for name in room.__all__:
            kind = getattr(room, name)
            if inspect.isclass(kind) and issubclass(kind, BaseEstimator):
                given = inspect.signature(kind).parameters.values()
                needed = {p.name for p in given if p.default is p.empty and p.kind != p.VAR_KEYWORD}
                if needed <= set(NEEDED):
                    yield name, kind(**{k: NEEDED[k] for k in needed})


ESTIMATORS = dict(estimators())
NAMES = [name for name in DOORS if name.rpartition(".")[2] not in SLOW] + list(ESTIMATORS)


def make_call(seed):
    """Return the name of what a seed calls, and the call."""
    rng = np.random.default_rng(seed)
    given = base(rng)
    name = NAMES[rng.integers(len(NAMES))]
    if seed % 40 == 0:  # what takes seconds has its turn, too
        slow = [name for name in DOORS if name.rpartition(".")[2] in SLOW]
        name = slow[rng.integers(len(slow))]
    if name in ESTIMATORS:
        return name, lambda: use(ESTIMATORS[name], given, rng)
    door = DOORS[name]
    has = inspect.signature(door).parameters
    known = {key: given[key] for key in rows_of(door)}
    needed = [p.name for p in has.values() if p.default is p.empty and p.name not in known]
    others = {key: OTHERS[key] for key in needed if key in OTHERS}
    if "background" in needed:
        others["background"] = given["X"]
    others |= {key: count for key, count in QUICK.items() if key in has and key not in others}
    for key in rng.choice(list(known), min(rng.integers(1, 4), len(known)), replace=False):
        known[key] = odd(known[key], rng)
    if "random_state" in has:
        others["random_state"] = 0
    return name, lambda: door(**known, **others)


def use(estimator, given, rng):
    """Fit an estimator and let it transform or predict, one of the two tables exotic."""
    X, y, model = given["X"], given["y"], clone(estimator)
    for name in ("patient", "time"):
        if name in model.get_params():
            X = X.assign(patient=given["groups"], hour=given["time"])
    first = odd(X, rng) if rng.random() < 0.6 else X
    y = odd(y, rng) if rng.random() < 0.2 else y
    (model.fit_resample if hasattr(model, "fit_resample") else model.fit)(first, y)
    later = odd(X, rng) if rng.random() < 0.6 else X
    for method in ("transform", "predict_proba"):
        if hasattr(model, method):
            getattr(model, method)(later)
    return model


def words_of(error):
    """Return everything that a log would hold of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


def is_own(error):
    """Say whether healthml raised an error itself, in one sentence."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    known = isinstance(error, ValueError | TypeError) or type(error).__module__.startswith(
        "healthml"
    )
    return known and last.startswith(HOME) and 10 < len(str(error)) < 700


def shown_by(result):
    """Return what a result shows of itself."""
    if isinstance(result, pd.DataFrame | pd.Series | np.ndarray | tuple | list | dict):
        return ""
    views = [getattr(result, name, None) for name in ("summary", "_repr_html_")]
    return repr(result) + "".join(str(view()) for view in views if callable(view))


def bare_nan(result):
    """Say whether an estimate is missing and nothing says why."""
    table = getattr(result, "table", None)
    if isinstance(result, float):
        return bool(np.isnan(result))
    if not isinstance(table, pd.DataFrame) or "estimate" not in table.columns:
        return False
    empty = table["estimate"].isna()
    for name in ("reason", "remark", "method", "detail"):
        if name in table.columns:
            empty &= table[name].fillna("").astype(str).eq("")
    notes = [getattr(result, name, "") for name in ("note", "notes", "remarks", "reason")]
    return bool(empty.any()) and not any(bool(note) for note in notes)


def judge(seed):
    """Return the name of a call and its faults."""
    name, action = make_call(seed)
    faults, shown, error, result = [], "", None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = action()
            shown = shown_by(result)
        except Exception as raised:
            error, shown = raised, words_of(raised)
    if error is not None and not is_own(error):
        place = traceback.extract_tb(error.__traceback__)[-1]
        faults.append(f"raw {type(error).__name__} in {Path(place.filename).name}:{place.lineno}")
    own = [w for w in caught if str(w.filename).startswith(HOME)]
    if MARK in shown.lower() + "".join(str(w.message) for w in caught).lower():
        faults.append("canary")
    explained = isinstance(result, float) and "NaN" in (DOORS[name].__doc__ or "")
    if error is None and bare_nan(result) and not caught and not explained:
        faults.append("NaN")
    kinds = (RuntimeWarning, FutureWarning, DeprecationWarning)
    foreign = [w for w in caught if issubclass(w.category, kinds)]
    if foreign:
        place = foreign[0]
        where = f"{Path(place.filename).name}:{place.lineno}"
        faults.append(f"foreign {place.category.__name__} in {where}")
    del own
    return name, faults, error


def main():
    """Count the faults of many calls, or show one call."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if options.seed is not None:
        name, faults, error = judge(options.seed)
        print(name, faults)
        if error is not None:
            traceback.print_exception(error)
        return
    counts, first = Counter(), {}
    for seed in range(options.start, options.start + options.calls):
        name, faults, _ = judge(seed)
        for fault in faults:
            counts[fault.split()[0]] += 1
            first.setdefault((name, fault), []).append(seed)
    for (name, fault), seeds in sorted(first.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds):5d}  {name}: {fault} (seed {seeds[0]})", flush=True)
    print(f"{options.calls} calls from seed {options.start}: {dict(counts) or 'no fault'}")


if __name__ == "__main__":
    main()
