"""One model, m completed tables, one table that a paper prints."""

from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks import check_event
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.imputation._pooled.models import MODELS, make_design
from healthml.imputation._pooled.result import table_of_tests
from healthml.imputation._pooled.rubin import pool
from healthml.imputation._pooled.tests_of_terms import (
    combine_d2,
    likelihood_d3,
    refuse_one,
    wald_d1,
)


def fit_pooled(
    model,
    tables,
    *,
    outcome=None,
    terms=None,
    compare=None,
    event=None,
    dfcom=None,
    confidence_level=0.95,
    se_precision=0.05,
):
    """Fit a model to each completed table and pool it by Rubin's rules.

    Parameters
    ----------
    model : {"linear", "logistic"} or callable
        A callable gets one table and returns (estimates, covariance), as arrays or with labels,
        or a fitted result with ``params`` and ``cov_params()``, such as statsmodels'.
    tables : sequence of DataFrame
        Completed tables, from an imputation that saw the outcome
        (``ChainedImputer.fit_transform_multiple`` on a table with the outcome in it).
    outcome : str, default=None
        Column of the tables that a named model explains.
    terms : sequence of str, default=None
        Columns that explain it, all others by default; "a:b" is the product of two. Columns with
        levels become indicator columns, the first level being the reference, named as R does.
    compare : sequence of str, default=None
        Terms of a smaller model, ``()`` for the intercept alone: the terms left out are tested by
        D1, D2 (of likelihood ratios) and D3.
    event : scalar, default=None
        Level of the outcome that is the event; not needed for 0/1 and booleans.
    dfcom : float, default=None
        Degrees of freedom of the complete data; by default rows minus coefficients, for a
        callable the result's ``df_resid`` or else infinity.
    confidence_level, se_precision
        As in `pool`.

    Returns
    -------
    PooledResult
        ``tests`` holds D1 for each term with several coefficients, and the comparison.

    Raises
    ------
    InputError
        If tables differ in their rows, have missing cells, or a model cannot be estimated.

    Warns
    -----
    SingleImputationWarning
        With one completed table.

    See Also
    --------
    pool : Pools estimates that were made elsewhere.
    ChainedImputer : Makes the tables; use `fit_transform_multiple`.
    sensitivity_analysis : The same analysis, draws shifted step by step.

    Notes
    -----
    The named models take every row as independent. With several rows for a patient pass a
    function that returns a covariance clustered by patient.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import ChainedImputer, fit_pooled
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 200)
    >>> table = pd.DataFrame({"age": age, "sbp": 90 + 0.6 * age + rng.normal(0, 5, 200)})
    >>> table.loc[::4, "sbp"] = np.nan
    >>> tables = ChainedImputer(random_state=0).fit_transform_multiple(table)
    >>> result = fit_pooled("linear", tables, outcome="sbp")
    >>> result.table["term"].tolist(), bool(abs(result.table["estimate"][1] - 0.6) < 0.1)
    (['(Intercept)', 'age'], True)
    """
    options = {"confidence_level": confidence_level, "se_precision": se_precision}
    tables = _checked(tables)
    if callable(model):
        _refuse_named(outcome=outcome, terms=terms, compare=compare, event=event)
        return _pool_callable(model, tables, dfcom, options)
    if not isinstance(model, str) or model not in MODELS:
        raise InputError(
            f"model={model!r} is unknown; use 'linear', 'logistic', or a function of one table "
            "that returns estimates and their covariance."
        )
    return _pool_named(MODELS[model], tables, outcome, terms, compare, event, dfcom, options)


def _pool_named(model, tables, outcome, terms, compare, event, dfcom, options):
    frames = [to_pandas(table) for table in tables]
    _check_rows(frames)
    outcomes = _outcomes(frames, outcome, event, binary=model.name == "logistic")
    terms = [c for c in frames[0].columns if c != outcome] if terms is None else list(terms)
    if outcome in terms:
        raise InputError(f"terms has the outcome {outcome!r} in it; leave it out.")
    design = make_design(frames, terms)
    Q, U = _fits(model, design, outcomes)
    dfcom = len(frames[0]) - len(design.names) if dfcom is None else dfcom
    result = pool(Q, U, terms=design.names, dfcom=dfcom, **options)
    rows = []
    if len(Q) > 1:
        rows = [_d1(term, design, Q, U, dfcom) for term, b in design.blocks.items() if len(b) > 1]
    if compare is not None:
        rows += _comparison(model, design, outcomes, Q, U, list(compare), dfcom)
    return replace(result, tests=table_of_tests(rows))


def _pool_callable(model, tables, dfcom, options):
    Q, U, left = [], [], []
    for place, table in enumerate(tables):
        fitted = model(table)
        if hasattr(fitted, "params") and hasattr(fitted, "cov_params"):
            left.append(getattr(fitted, "df_resid", np.inf))
            fitted = (fitted.params, fitted.cov_params())
        if not isinstance(fitted, tuple) or len(fitted) != 2:
            raise InputError(
                f"model returned a {type(fitted).__name__} for table {place}; return "
                "(estimates, covariance), or a result with params and cov_params()."
            )
        Q.append(fitted[0])
        U.append(fitted[1])
    if dfcom is None:
        dfcom = min(left, default=np.inf)
    if not isinstance(Q[0], pd.Series):
        Q, U = _stacked(Q, "estimates"), _stacked(U, "covariances")
    return pool(Q, U, dfcom=dfcom, **options)


def _stacked(parts, what):
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise InputError(
            f"model returned {what} of different shapes for different tables; it must have the "
            "same terms in each."
        )
    return np.asarray(parts, dtype=float)


def _fits(model, design, outcomes):
    m = len(outcomes)
    fits = [
        model.fit(X, y, f"table {k} of {m}")
        for k, (X, y) in enumerate(zip(design.tables, outcomes, strict=True))
    ]
    return np.array([coef for coef, _ in fits]), np.array([cov for _, cov in fits])


def _d1(term, design, Q, U, dfcom):
    places = np.array([design.names.index(name) for name in design.blocks[term]])
    test = wald_d1(Q[:, places], U[:, places[:, None], places], dfcom)
    return str(term), "D1", test, len(Q)


def _comparison(model, design, outcomes, Q, U, smaller, dfcom):
    """Return D1, D2 and D3 of the terms that the smaller model leaves out."""
    refuse_one(len(Q))
    unknown = [term for term in smaller if term not in design.blocks]
    dropped = [term for term in design.blocks if term not in smaller]
    if unknown or not dropped:
        raise InputError(
            "compare must name some, not all, of the terms"
            + (f"; {unknown[0]!r} is none of them." if unknown else ".")
        )
    small = design.keep(smaller)
    Q0, _ = _fits(model, small, outcomes)
    names = [name for term in dropped for name in design.blocks[term]]
    places = np.array([design.names.index(name) for name in names])
    own = _ratio(model, design, small, outcomes, Q, Q0)
    pooled = _ratio(model, design, small, outcomes, *(_repeated(part) for part in (Q, Q0)))
    tests = {
        "D1": wald_d1(Q[:, places], U[:, places[:, None], places], dfcom),
        "D2": combine_d2(own, len(places)),
        "D3": likelihood_d3(own, pooled, len(places)),
    }
    hypothesis = "without " + ", ".join(str(term) for term in dropped)
    return [(hypothesis, method, answer, len(Q)) for method, answer in tests.items()]


def _repeated(Q):
    return np.broadcast_to(Q.mean(axis=0), Q.shape)


def _ratio(model, design, small, outcomes, Q, Q0):
    """Return the likelihood-ratio statistic of each table at some coefficients."""
    parts = zip(design.tables, small.tables, outcomes, Q, Q0, strict=True)
    return np.array(
        [
            2 * (model.log_likelihood(X, y, q) - model.log_likelihood(X0, y, q0))
            for X, X0, y, q, q0 in parts
        ]
    )


def _checked(tables):
    if hasattr(tables, "columns") or not hasattr(tables, "__iter__"):
        raise InputError("tables is not a list of completed tables; pass [table, ...].")
    tables = list(tables)
    if not tables:
        raise InputError("tables is empty; pass the m completed tables.")
    return tables


def _check_rows(frames):
    if len({frame.shape[0] for frame in frames}) > 1:
        raise InputError("the tables have different numbers of rows; pool the same rows of each.")


def _outcomes(frames, outcome, event, *, binary):
    if outcome is None:
        raise InputError("outcome is not named; name the column that the model explains.")
    for k, frame in enumerate(frames):
        if outcome not in frame.columns:
            raise InputError(f"outcome={outcome!r} is no column of table {k}.")
        if frame[outcome].isna().any():
            raise InputError(f"the outcome {outcome!r} has missing cells in table {k}.")
    if binary:
        return [
            check_event(frame[outcome], event=event, name=str(outcome))[1].astype(float)
            for frame in frames
        ]
    if event is not None:
        raise InputError("event is for a logistic model; leave it out.")
    for frame in frames:
        dtype = frame[outcome].dtype
        if not types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
            raise InputError(f"the outcome {outcome!r} is not a number; use model='logistic'.")
    return [frame[outcome].to_numpy(dtype=float) for frame in frames]


def _refuse_named(**given):
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise InputError(
            f"{named[0]} is for a model given by name; a function of the table chooses them "
            f"itself. For several terms at once use PooledResult.test."
        )
