"""Linear and logistic models of completed tables, by maximum likelihood, with terms named as in R.

The designs of the m tables are built together, so that a category has the same indicator columns
in each of them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types
from scipy import linalg

from healthml._core._numerics import fit_logistic
from healthml.exceptions import InputError
from healthml.imputation._pooled.result import INTERCEPT

# Length left of a column of unit length, once the others are taken out, below which it cannot be
# told from them: R's lm takes 1e-7 of its own QR; here columns are scaled first, so rounding is
# smaller.
_DEPENDENT = 1e-9


@dataclass(frozen=True)
class Design:
    """Columns of the m completed tables as a model takes them.

    Parameters
    ----------
    tables : list of ndarray of shape (n, k)
        Intercept first.
    names : list of str
        Coefficients, named as in R.
    blocks : dict of str to list of str
        Term -> its coefficients.
    """

    tables: list
    names: list
    blocks: dict

    def keep(self, terms):
        """Return the design of some of the terms, with the intercept."""
        kept = [INTERCEPT, *(name for term in terms for name in self.blocks[term])]
        places = [self.names.index(name) for name in kept]
        blocks = {term: self.blocks[term] for term in terms}
        return Design([X[:, places] for X in self.tables], kept, blocks)


def make_design(tables, terms):
    """Return the design of m completed tables.

    Parameters
    ----------
    tables : list of pandas.DataFrame
    terms : list of str
        Columns, or interactions written "a:b".

    Returns
    -------
    Design

    Raises
    ------
    InputError
        If a column is unknown, has missing cells, or holds dates.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.imputation._pooled.models import make_design
    >>> table = pd.DataFrame({"age": [60, 70, 80], "stage": ["I", "II", "I"]})
    >>> make_design([table], ["age", "stage"]).names
    ['(Intercept)', 'age', 'stageII']
    """
    n, names, blocks = len(tables[0]), [INTERCEPT], {}
    parts = [[np.ones((n, 1))] for _ in tables]
    for term in terms:
        labels, columns = _term(tables, term)
        blocks[term] = labels
        names += labels
        for part, column in zip(parts, columns, strict=True):
            part.append(column)
    return Design([np.hstack(part) for part in parts], names, blocks)


def _term(tables, term):
    """Return the names of a term's coefficients and its columns in each table."""
    if term in tables[0].columns or ":" not in str(term):
        return _column(tables, term)
    factors = [_column(tables, name) for name in term.split(":")]
    labels, columns = factors[0]
    for more, others in factors[1:]:
        labels = [f"{a}:{b}" for b in more for a in labels]
        pairs = zip(columns, others, strict=True)
        columns = [np.einsum("ni,nj->nji", A, B).reshape(len(A), -1) for A, B in pairs]
    return labels, columns


def _column(tables, name):
    for k, table in enumerate(tables):
        if name not in table.columns:
            raise InputError(f"terms names the column {name!r}, which table {k} does not have.")
        n_missing = int(table[name].isna().sum())
        if n_missing:
            raise InputError(
                f"column {name!r} of table {k} has {n_missing} missing cells; fit_pooled takes "
                "completed tables, as ChainedImputer.fit_transform_multiple returns them."
            )
    series = [table[name] for table in tables]
    numeric = {types.is_numeric_dtype(s.dtype) and not types.is_bool_dtype(s.dtype) for s in series}
    if len(numeric) > 1:
        raise InputError(f"column {name!r} holds numbers in some tables only; use one dtype.")
    if numeric == {True}:
        return [str(name)], [_numbers(s, name)[:, None] for s in series]
    if types.is_datetime64_any_dtype(series[0].dtype):
        raise InputError(f"column {name!r} holds dates; turn them into a number, such as years.")
    levels = _levels(series)
    if len(levels) < 2:
        raise InputError(f"column {name!r} has one level in all tables; leave it out of terms.")
    labels = [f"{name}{_written(level)}" for level in levels[1:]]
    cells = [s.astype(object).to_numpy()[:, None] for s in series]
    wanted = np.array([*levels[1:]], dtype=object)[None, :]
    return labels, [(cell == wanted).astype(float) for cell in cells]


def _numbers(series, name):
    values = series.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise InputError(f"column {name!r} has infinite values; repair them first.")
    return values


def _levels(series):
    """Return the levels seen in any table: in the order of a category, or sorted."""
    seen = pd.unique(np.concatenate([s.astype(object).unique() for s in series]))
    if all(isinstance(s.dtype, pd.CategoricalDtype) for s in series):
        order = list(dict.fromkeys(level for s in series for level in s.cat.categories))
        return [level for level in order if level in set(seen)]
    return sorted(seen, key=lambda level: (str(type(level)), level))


def _written(level):
    return str(level).upper() if isinstance(level, bool | np.bool_) else str(level)


@dataclass(frozen=True)
class Linear:
    """Least squares."""

    name = "linear"

    def fit(self, X, y, where):
        """Return coefficients and their covariance."""
        refuse_dependent(X, where)
        scale = np.linalg.norm(X, axis=0)
        Q, R = linalg.qr(X / scale, mode="economic")
        coef = linalg.solve_triangular(R, Q.T @ y) / scale
        inverse = linalg.solve_triangular(R, np.eye(len(R))) / scale[:, None]
        rss = ((y - X @ coef) ** 2).sum()
        return coef, rss / (len(y) - X.shape[1]) * inverse @ inverse.T

    def log_likelihood(self, X, y, coef):
        """Return the log-likelihood at some slopes, intercept and residual variance at best."""
        left = y - X[:, 1:] @ coef[1:]
        return -len(y) / 2 * (np.log(2 * np.pi * left.var()) + 1)


@dataclass(frozen=True)
class Logistic:
    """Logistic regression, unpenalised."""

    name = "logistic"

    def fit(self, X, y, where):
        """Return coefficients and their covariance."""
        refuse_dependent(X, where)
        fitted = fit_logistic(X[:, 1:], y)
        if fitted.separated or not fitted.converged:
            raise InputError(
                f"{where}: the terms separate the outcome, so that a maximum-likelihood estimate "
                "does not exist; leave out a term or join rare levels."
            )
        return fitted.coef, fitted.covariance

    def log_likelihood(self, X, y, coef):
        """Return the log-likelihood at some slopes, the intercept at its best."""
        return fit_logistic(None, y, offset=X[:, 1:] @ coef[1:]).log_likelihood


MODELS = {"linear": Linear(), "logistic": Logistic()}


def refuse_dependent(X, where):
    """Raise InputError where a column is constant or a combination of others, by its place."""
    n, k = X.shape
    if n <= k:
        raise InputError(f"{where}: {n} rows cannot estimate {k} coefficients; use fewer terms.")
    length = np.linalg.norm(X, axis=0)
    _, R, order = linalg.qr(X / np.where(length > 0, length, 1), mode="economic", pivoting=True)
    lost = order[np.abs(np.diag(R)) < _DEPENDENT]
    if len(lost):
        raise InputError(
            f"{where}: the coefficient at position {sorted(lost)[0]} (the intercept is 0) cannot "
            "be estimated, since its column is empty or a combination of others there; leave a "
            "term out or join rare levels."
        )
