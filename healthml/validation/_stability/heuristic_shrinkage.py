"""How much to shrink a logistic model, from its likelihood ratio alone."""

import numpy as np
import pandas as pd

from healthml._core._numerics import fit_logistic
from healthml._core._tables.frames import to_pandas
from healthml.exceptions import InputError
from healthml.validation._stability.bootstrap_shrinkage import ShrinkageResult
from healthml.validation._task import make_task


def heuristic_shrinkage(X, y, *, n_parameters=None, event=None) -> ShrinkageResult:
    """Estimate the shrinkage factor from the likelihood ratio of a logistic model.

    ``(LR - p) / LR``, LR being twice the gain in log-likelihood of the model over its intercept and
    p the number of its parameters [1]_.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_parameters)
        The columns of the model as numbers, without missing cells: categories as indicators,
        curves as their terms.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    n_parameters : int, optional
        Parameters that were considered, where the columns of `X` were chosen among more; the number
        of columns by default.
    event : scalar or str, optional
        The level of `y` that is the event.

    Returns
    -------
    ShrinkageResult

    Raises
    ------
    InputError
        If a column is not a number, the outcomes are separated, or p is too small.

    References
    ----------
    .. [1] van Houwelingen JC, Le Cessie S. Predictive value of statistical models. Stat Med.
       1990;9:1303-1325.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import heuristic_shrinkage
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 8))
    >>> y = (X[:, 0] + rng.normal(size=150) > 0).astype(int)
    >>> round(heuristic_shrinkage(X, y).factor, 2)
    0.87
    """
    task = make_task(
        None,
        X,
        y,
        groups=None,
        sample_weight=None,
        metrics=None,
        threshold_range=None,
        confidence_level=0.95,
        event=event,
    )
    matrix = _numbers(X)
    count = matrix.shape[1] if n_parameters is None else n_parameters
    if not isinstance(count, int | np.integer) or count < matrix.shape[1]:
        raise InputError(
            f"n_parameters is {n_parameters!r} and X has {matrix.shape[1]} columns; pass at least "
            "as many parameters as there are columns."
        )
    fit, null = fit_logistic(matrix, task.y), fit_logistic(None, task.y)
    if fit.separated:
        raise InputError(
            "The columns of X separate the events from the others, so that there is no likelihood "
            "ratio; use fewer columns or ShrunkenClassifier."
        )
    ratio = 2 * (fit.log_likelihood - null.log_likelihood)
    factor = (ratio - count) / ratio
    remarks = (f"Likelihood ratio {ratio:.2f} on {count} parameters.",)
    row = {"measure": "shrinkage_factor", "estimate": factor, "lower": np.nan, "upper": np.nan}
    row |= {"mcse": np.nan, "method": "heuristic, (LR - p) / LR", "n_samples": task.n}
    row |= {"n_events": int(task.y.sum()), "n_patients": task.n}
    row |= dict.fromkeys(("resamples_asked", "resamples_used", "resamples_failed"), 0)
    return ShrinkageResult(pd.DataFrame([row]), float(factor), remarks)


def _numbers(X):
    frame = to_pandas(X)
    try:
        matrix = frame.to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError(
            "X has columns that are not numbers; pass indicators instead of categories."
        ) from None
    missing = [
        str(name)
        for name, bad in zip(frame.columns, ~np.isfinite(matrix).all(0), strict=True)
        if bad
    ]
    if missing:
        raise InputError(
            f"X has missing or infinite cells in {len(missing)} columns, the first being "
            f"{missing[0]!r}; fill them first."
        )
    return matrix
