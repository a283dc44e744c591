"""Are these other patients? What the mix of cases alone does to discrimination."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._checks import check_event, check_proba
from healthml._core._inputs import log_odds
from healthml._core._numerics import cluster_variance, expit
from healthml._core._paired import expected_auroc_influence, paired_scores
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.metrics._uncertainty import auroc, placements

COLUMNS = ["quantity", "validation", "development", "contrast", "estimate", "lower", "upper"]
COLUMNS += ["method", "reason"]
_OUTCOME = "outcome (y)"
_KEYS = ("y_proba", "linear_predictor", "X", "y_true")


def expected_auroc(proba):
    """Return the AUC to be expected if every risk were right.

    The benchmark for the case mix at hand: over all pairs of patients, the chance that one has the
    event, the other has not, and the first has the higher risk.

    Parameters
    ----------
    proba : ndarray of shape (n_samples,)
        Predicted risks.

    Returns
    -------
    float
        Missing where all risks are 0, or all are 1.

    References
    ----------
    .. [1] Vergouwe Y, Moons KGM, Steyerberg EW. External validity of risk models: use of benchmark
       values to disentangle a case-mix effect from incorrect coefficients. Am J Epidemiol.
       2010;172:971-980.
    .. [2] van Klaveren D, et al. A new concordance measure for risk prediction models in external
       validation settings. Stat Med. 2016;35:4136-4152.

    Examples
    --------
    >>> import numpy as np
    >>> round(expected_auroc(np.array([0.1, 0.2, 0.4, 0.7])), 3)
    0.84
    """
    return expected_auroc_influence(np.asarray(proba, dtype=float))[0]


def read_development(development, event=None):
    """Return what is known of the development set as a dict of proba, linear_predictor, X, y."""
    if development is None:
        return {}
    if not hasattr(development, "keys") or hasattr(development, "columns"):
        if len(np.shape(development)) != 1:
            raise InputError(
                "development is a table; pass {'X': table} with, if known, 'proba' and 'y'."
            )
        development = {"y_proba": development}
    known = {key: value for key, value in development.items() if value is not None}
    strange = [key for key in known if key not in _KEYS]
    if strange or not known:
        raise InputError(
            f"development has the keys {strange}; it knows {', '.join(_KEYS)}, at least one."
        )
    known = dict(known)
    if "y_proba" in known:
        known["y_proba"] = check_proba(known["y_proba"], name="development's y_proba")
        known.setdefault("linear_predictor", log_odds(known["y_proba"]))
    if "linear_predictor" in known:
        known["linear_predictor"] = _finite(known["linear_predictor"])
        known.setdefault("y_proba", expit(known["linear_predictor"]))
    if "y_true" in known:
        known["y_true"] = check_event(known["y_true"], event=event, name="development's y_true")[1]
    lengths = {key: len(value) for key, value in known.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"development has parts of different lengths: {lengths}; pass the same.")
    return known


def case_mix(sample, development, level):
    """Compare the patients of the validation with those of the development set.

    Parameters
    ----------
    sample : Sample
        Outcomes, risks and patients of the validation.
    development : dict
        From `read_development`.
    level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        quantity, validation, development, contrast ("difference" or "ratio"), estimate, lower,
        upper, method, reason.
    """
    there = development.get("linear_predictor")
    rows = [_spread(sample, there, "mean", level), _spread(sample, there, "SD", level)]
    other_rate = np.mean(development["y_proba"]) if "y_proba" in development else np.nan
    mean_risk = float(sample.proba.mean())
    rows.append(_row("mean predicted risk", mean_risk, other_rate, "difference"))
    expected = expected_auroc(sample.proba)
    expected_there = expected_auroc(development["y_proba"]) if "y_proba" in development else np.nan
    rows.append(_row("AUC expected from the case mix", expected, expected_there, "difference"))
    rows += _observed(sample, development, expected, level)
    for row in rows:
        if not row["reason"] and not np.isfinite(row["estimate"]):
            row["reason"] = "needs risks of the development set"
    return pd.DataFrame(rows)[COLUMNS]


def membership(X, development_X, groups, y, development_y, level, random_state):
    """Return how well a model tells which set a patient is from, out of fold.

    Parameters
    ----------
    X, development_X : DataFrame or array-like
        The same columns of validation and development.
    groups : ndarray of int, or None
        The patient of each row of the validation.
    y, development_y : ndarray or None
        Outcomes; both are given to the model, or neither.
    level : float
        Level of the interval.
    random_state : int
        Seed of the folds.
    """
    from healthml.validation._reference_models import default_model
    from healthml.validation._scoring import Evaluator

    here, there = (to_pandas(part).reset_index(drop=True) for part in (X, development_X))
    if list(here.columns) != list(there.columns):
        raise InputError(
            "X and the development set's X differ in their columns; pass the same, in order."
        )
    if y is not None and development_y is not None:
        here, there = here.assign(**{_OUTCOME: y}), there.assign(**{_OUTCOME: development_y})
    both = pd.concat([here, there], ignore_index=True)
    member = np.repeat([1, 0], [len(here), len(there)])
    units = None
    if groups is not None:
        units = np.r_[groups, groups.max() + 1 + np.arange(len(there))]
    judge = Evaluator(member, groups=units, n_repeats=1, random_state=random_state)
    risk = judge.risks(default_model(), both, label="membership model")
    membership = paired_scores(
        member,
        {"m": risk},
        folds={"m": judge.folds},
        groups=units,
        measures=("auroc",),
        confidence_level=level,
    ).table.iloc[0]
    name = "AUC of a membership model" + (" with the outcome" if _OUTCOME in both else "")
    row = _row(name, np.nan, np.nan, "")
    row |= {key: float(membership[key]) for key in ("estimate", "lower", "upper")}
    return row | {"method": "logistic, out of fold", "reason": ""}


def _spread(sample, there, what, level):
    """Return mean or SD of the linear predictor here and there."""
    here = sample.logit
    function = np.mean if what == "mean" else _sd
    name = f"linear predictor, {what}"
    contrast = "difference" if what == "mean" else "ratio"
    if there is None:
        return _row(name, function(here), np.nan, contrast)
    row = _row(name, function(here), function(there), contrast)
    variance = sum(
        cluster_variance(_influence(values, what), groups)
        for values, groups in ((here, sample.groups), (there, None))
    )
    step = norm.ppf(0.5 + level / 2) * np.sqrt(variance)
    if what == "mean":
        ends = row["estimate"] - step, row["estimate"] + step
    else:
        ends = row["estimate"] * np.exp(-step), row["estimate"] * np.exp(step)
    return row | {"lower": float(ends[0]), "upper": float(ends[1]), "method": "Wald"}


def _influence(values, what):
    """Return what each row adds to the error of the mean, or of the logarithm of the SD."""
    centred = values - values.mean()
    if what == "mean":
        return centred / len(values)
    variance = np.mean(centred**2)
    return (centred**2 / variance - 1) / (2 * len(values)) if variance > 0 else centred


def _sd(values):
    return float(np.std(values, ddof=1))


def _observed(sample, development, expected, level):
    """Return the observed AUC here and there, and how far it is from the benchmark."""
    if not sample.both_classes:
        return []
    ranked = auroc(sample, level)
    there = np.nan
    if "y_true" in development and "y_proba" in development:
        there = placements(
            np.asarray(development["y_true"], dtype=float), development["y_proba"]
        ).area
    row = _row("AUC observed", ranked.estimate, there, "difference")
    row["reason"] = "" if np.isfinite(there) else "needs outcomes of the development set"
    gap = _row("AUC observed minus expected", ranked.estimate - expected, np.nan, "difference")
    gap |= {"estimate": ranked.estimate - expected, "reason": "", "method": ranked.method}
    return [row, gap | {"lower": ranked.lower - expected, "upper": ranked.upper - expected}]


def _row(quantity, here, there, contrast):
    estimate = here / there if contrast == "ratio" else here - there
    return {
        "quantity": quantity,
        "validation": float(here),
        "development": float(there),
        "contrast": contrast,
        "estimate": float(estimate),
        "lower": np.nan,
        "upper": np.nan,
        "method": "",
        "reason": "",
    }


def _finite(values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError(
            "development's linear_predictor must be one finite number for each patient."
        )
    return values
