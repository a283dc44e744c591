"""What m models say together: spread of their predictions, coefficients side by side."""

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t
from sklearn.pipeline import Pipeline

from healthml._core._numerics import logit
from healthml.imputation._pooled import INTERCEPT


def spread_table(answers, confidence_level, classes=None):
    """Return mean, standard deviation and interval over m answers, by row and class.

    Parameters
    ----------
    answers : ndarray of shape (m, n_rows, n_classes)
        Risks, or predictions of a number (one class).
    confidence_level : float
        Chance that one more answer lies in the interval.
    classes : ndarray of shape (n_classes,), optional
        Names of the classes; the interval is then taken on the log odds.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._multiple.spread import spread_table
    >>> spread_table(np.array([1.0, 2.0, 3.0])[:, None, None], 0.95).round(2).values.tolist()
    [[0.0, 2.0, 1.0, -2.97, 6.97, 3.0]]
    """
    m, n, k = answers.shape
    there, back = (logit, expit) if classes is not None else (np.asarray, np.asarray)
    scores, estimate = there(answers), answers.mean(axis=0)
    sd, lower, upper = np.full((3, n, k), np.nan)
    if m > 1:
        sd = answers.std(axis=0, ddof=1)
        # one more draw from a normal whose mean and spread are estimated from m
        factor = t.ppf((1 + confidence_level) / 2, m - 1) * np.sqrt(1 + 1 / m)
        centre, reach = scores.mean(axis=0), factor * scores.std(axis=0, ddof=1)
        lower = np.minimum(back(centre - reach), estimate)
        upper = np.maximum(back(centre + reach), estimate)
    columns = {"row": np.repeat(np.arange(n), k)}
    if classes is not None:
        columns["class"] = np.tile(classes, n)
    numbers = {"estimate": estimate, "sd": sd, "lower": lower, "upper": upper}
    columns |= {name: value.ravel() for name, value in numbers.items()}
    return pd.DataFrame(columns | {"m": m})


def coef_table(models, names=None):
    """Return the mean of the models' coefficients and their spread, by term.

    Parameters
    ----------
    models : list of fitted estimators
        With ``coef_``, or Pipelines that end in one.
    names : sequence of str, optional
        Columns that the models were fitted on.

    Returns
    -------
    pandas.DataFrame
        ``class`` (classifiers only), ``term``, ``estimate``, ``sd``, ``m``.

    Raises
    ------
    AttributeError
        If the models have no coefficients.
    """
    long = pd.concat([_coefficients(model, names) for model in models], ignore_index=True)
    keys = [name for name in ("class", "term") if name in long.columns]
    by_term = long.groupby(keys, sort=False, dropna=False)["value"]
    summary = by_term.agg(estimate="mean", sd="std", m="count")
    return summary.reset_index()


def _coefficients(model, names):
    last = model[-1] if isinstance(model, Pipeline) else model
    if not hasattr(last, "coef_"):
        raise AttributeError(f"{type(last).__name__} has no coefficients, so there is no table.")
    if isinstance(model, Pipeline) and len(model) > 1:
        names = model[:-1].get_feature_names_out(names)
    coef = np.atleast_2d(last.coef_)
    terms = [f"x{j}" for j in range(coef.shape[1])] if names is None else list(map(str, names))
    intercept = np.broadcast_to(np.ravel(getattr(last, "intercept_", 0.0)), len(coef))
    parts = {"term": [INTERCEPT, *terms] * len(coef)}
    if hasattr(last, "classes_"):
        classes = last.classes_[-len(coef) :] if len(coef) > 1 else last.classes_[1:]
        if classes.dtype == np.float16:  # pandas groups by no halves
            classes = classes.astype(float)
        parts["class"] = np.repeat(classes, 1 + len(terms))
    parts["value"] = np.column_stack([intercept, coef]).ravel().astype(float)
    return pd.DataFrame(parts)
