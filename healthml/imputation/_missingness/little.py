"""Little's test of missing completely at random, with the means and covariance by EM."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.stats import chi2

from healthml._core._checks import check_alignment
from healthml._core._results import Result
from healthml._core._tables import parse_numbers, refuse_infinite, to_pandas
from healthml.exceptions import ConvergenceWarning, InputError
from healthml.imputation._missingness.patterns import distinct_patterns, missing_cells

NOTE = (
    "A small p-value speaks against missing completely at random (MCAR); a large one does not show "
    "it, and nothing in the data tells missing at random from missing not at random."
)


@dataclass(frozen=True, repr=False)
class LittleResult(Result):
    """Little's MCAR test; made by `little_mcar_test`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row: ``statistic``, ``df``, ``p_value``, ``n_patterns``, ``n_samples`` with at least
        one value, ``n_left_out`` without any, ``n_iter`` rounds of EM, ``converged``.
    mu : pandas.Series
        Maximum-likelihood means.
    sigma : pandas.DataFrame
        Maximum-likelihood covariance (divided by n).
    by_pattern : pandas.DataFrame
        For each pattern: ``n_samples``, ``n_missing``, names of the missing ``columns`` and its
        part of the statistic (``distance``).
    note : str
        What the test cannot say.
    """

    mu: pd.Series = field(default_factory=pd.Series)
    sigma: pd.DataFrame = field(default_factory=pd.DataFrame)
    by_pattern: pd.DataFrame = field(default_factory=pd.DataFrame)
    note: str = NOTE

    def summary(self):
        """Return the test and what it cannot say as plain text."""
        return f"{super().summary()}\n{self.note}"

    def plot(self, ax=None):
        """Draw how far each pattern lies from the common means, the 30 farthest.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.

        Returns
        -------
        matplotlib axes
        """
        import matplotlib.pyplot as plt

        shown = self.by_pattern.nlargest(30, "distance").iloc[::-1]
        ax = plt.subplots(figsize=(7, 1 + 0.25 * len(shown)))[1] if ax is None else ax
        ax.barh(np.arange(len(shown)), shown["distance"], color="0.7")
        names = shown["columns"].replace("", "complete")
        ax.set_yticks(np.arange(len(shown)), names, parse_math=False)
        ax.set(xlabel="Part of Little's statistic", ylabel="Missing columns")
        return ax


def little_mcar_test(X, *, missing=None, max_iter=2000, tol=1e-9):
    """Test whether values are missing completely at random (Little 1988).

    Parameters
    ----------
    X : DataFrame or array of shape (n_samples, n_features)
        Numbers and booleans with missing cells. Rows without any value are left out and counted.
    missing : array-like of bool of shape (n_samples, n_features), default=None
        Which cells count as missing besides the empty ones.
    max_iter : int, default=2000
        Most rounds of EM.
    tol : float, default=1e-9
        EM ends when no mean or covariance moves by more than this, in units of the columns'
        standard deviations.

    Returns
    -------
    LittleResult

    Raises
    ------
    InputError
        If a column holds text, infinite values, no value, one value only, or is a combination of
        the others.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` rounds were not enough.

    See Also
    --------
    missingness_report : Which gaps the values of other columns predict, column by column.
    missingness_patterns : The patterns whose means are compared.

    Notes
    -----
    The statistic adds up, over patterns, how far the means of the observed columns lie from the
    maximum-likelihood means. It is chi-square for normal columns, or for patterns of many rows;
    with patterns of a few rows of skewed columns it rejects too often. It compares means only.

    References
    ----------
    .. [1] Little RJA. A test of missing completely at random for multivariate data with missing
       values. J Am Stat Assoc. 1988;83:1198-1202.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import little_mcar_test
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["ph", "lactate"])
    >>> X["lactate"] = X["lactate"].mask(X["ph"] < -1)
    >>> bool(little_mcar_test(X).table["p_value"].item() < 0.001)
    True
    """
    check_alignment(X=X, missing=missing)
    result = little_of(*_read_numbers(to_pandas(X), missing), max_iter, tol)
    if not result.table["converged"].item():
        warnings.warn(
            f"EM moved by more than tol={tol} after {max_iter} rounds; raise max_iter, or leave "
            "out columns that are rarely observed together.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return result


def little_of(names, cells, max_iter, tol):
    """Return the test of named columns of floats, NaN in the gaps."""
    _refuse_flat(names, cells)
    known = ~np.isnan(cells)
    some = known.any(axis=1)
    cells, known = cells[some], known[some]
    centre, spread = np.nanmean(cells, axis=0), np.nanstd(cells, axis=0)
    patterns, row = distinct_patterns(~known)
    table = GappyTable((cells - centre) / spread, patterns, row)
    mu, sigma, n_iter, converged = fit_normal(table, max_iter, tol, names)
    distance = pattern_distances(table, mu, invert(sigma, names))
    df = int((~patterns).sum() - len(names))
    test = {
        "statistic": distance.sum(),
        "df": df,
        "p_value": chi2.sf(distance.sum(), df) if df else np.nan,
        "n_patterns": len(patterns),
        "n_samples": len(cells),
        "n_left_out": int((~some).sum()),
        "n_iter": n_iter,
        "converged": converged,
    }
    return LittleResult(
        pd.DataFrame([test]),
        pd.Series(centre + spread * mu, index=names),
        pd.DataFrame(sigma * np.outer(spread, spread), index=names, columns=names),
        _by_pattern(names, patterns, row, distance),
    )


def _read_numbers(frame, missing):
    """Return names and cells as floats, refusing what the test cannot use."""
    refuse_infinite(frame)
    is_missing = missing_cells(frame) | missing_cells(frame, missing)
    cells = np.empty(frame.shape)
    for j, name in enumerate(frame.columns):
        number, is_text = parse_numbers(frame[name])
        text = np.flatnonzero(is_text.to_numpy() & ~is_missing[:, j])
        if len(text):
            raise InputError(
                f"column {name!r} holds {len(text)} cells that are no number, the first at position"
                f" {text[0]}; Little's test compares means, so leave the column out."
            )
        cells[:, j] = np.where(is_missing[:, j], np.nan, number)
    return [str(name) for name in frame.columns], cells


def _refuse_flat(names, cells):
    for name, column in zip(names, cells.T, strict=True):
        seen = column[~np.isnan(column)]
        if not len(seen) or seen.min() == seen.max():
            what = "no value" if not len(seen) else "one value only"
            raise InputError(f"column {name!r} has {what}; leave it out of Little's test.")
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            variance = np.var(seen)
        if not (np.isfinite(variance) and variance > np.finfo(float).tiny):
            raise InputError(
                f"column {name!r} holds numbers so large or so small that their variance is no "
                "number; multiply it by a power of ten, or leave it out of Little's test."
            )


def _by_pattern(names, patterns, row, distance):
    names = np.array(names, dtype=object)
    return pd.DataFrame(
        {
            "n_samples": np.bincount(row),
            "n_missing": patterns.sum(axis=1),
            "columns": pd.Series([", ".join(names[p]) for p in patterns], dtype=str),
            "distance": distance,
        }
    )


# Smallest share of a column's variance that the other columns may leave. Below it the column is a
# sum of others as far as doubles can tell, and its pivot is rounding alone.
SINGULAR = 1e-10

# Cells worked on at a time (16 MB of doubles); no result depends on it.
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class GappyTable:
    """Rows with gaps, sorted so that patterns with as many gaps are handled together.

    Parameters
    ----------
    cells : ndarray of shape (n_samples, n_columns)
        Values with NaN in the gaps, columns on a common scale.
    patterns : ndarray of bool of shape (n_patterns, n_columns)
        Distinct rows of gaps.
    row : ndarray of shape (n_samples,)
        Pattern of each row.
    """

    cells: np.ndarray
    patterns: np.ndarray
    row: np.ndarray

    def parts(self):
        """Return parts of equal numbers of gaps: patterns, where their gaps are, their rows."""
        count, order = self.patterns.sum(axis=1), np.argsort(self.row, kind="stable")
        starts = np.searchsorted(self.row[order], np.arange(len(self.patterns) + 1))
        equal_parts = []
        for m in np.unique(count[count > 0]):
            same = np.flatnonzero(count == m)
            for some in np.array_split(same, 1 + len(same) * m * m // CELLS_AT_ONCE):
                rows = np.concatenate([order[starts[k] : starts[k + 1]] for k in some])
                place = np.repeat(np.arange(len(some)), starts[some + 1] - starts[some])
                gaps = np.nonzero(self.patterns[some])[1].reshape(len(some), m)
                equal_parts.append((some, gaps, rows, place))
        return equal_parts


def fit_normal(table, max_iter, tol, names):
    """Return means, covariance, rounds taken and whether they settled.

    With the inverse covariance P, the expectation of a row's gaps is
    ``mu - inv(P[gaps, gaps]) @ P[gaps, known] @ (known - mu)``; the first factor is their
    covariance.

    Parameters
    ----------
    table : GappyTable
    max_iter : int
    tol : float
        Largest change of a mean or covariance that ends the search.
    names : list of str
        Columns, for the error.
    """
    n, p = table.cells.shape
    parts, holes = table.parts(), np.isnan(table.cells)
    mu, sigma = np.zeros(p), np.eye(p)
    for n_iter in range(1, max_iter + 1):
        full = np.where(holes, 0.0, table.cells - mu)
        unsure = _fill(full, parts, invert(sigma, names))
        shift = full.mean(axis=0)
        new = (full.T @ full + unsure) / n - np.outer(shift, shift)
        change = max(np.abs(shift).max(), np.abs(new - sigma).max())
        mu, sigma = mu + shift, new
        if change <= tol:
            return mu, sigma, n_iter, True
    return mu, sigma, max_iter, False


def _fill(full, parts, precision):
    """Write expectations into the gaps of centred rows; return the covariance that is left."""
    pull, unsure = full @ precision, np.zeros(precision.shape)
    for _, gaps, rows, place in parts:
        left = np.linalg.inv(precision[gaps[:, :, None], gaps[:, None, :]])
        where = gaps[place]
        expected = np.einsum("rij,rj->ri", left[place], pull[rows[:, None], where])
        full[rows[:, None], where] = -expected
        size = np.bincount(place, minlength=len(gaps))
        flat = gaps[:, :, None] * len(precision) + gaps[:, None, :]
        weight = (left * size[:, None, None]).ravel()
        unsure += np.bincount(flat.ravel(), weight, unsure.size).reshape(unsure.shape)
    return unsure


def pattern_distances(table, mu, precision):
    """Return n times the squared Mahalanobis distance of each pattern's means from `mu`."""
    size = np.bincount(table.row)
    away = np.where(np.isnan(table.cells), 0.0, table.cells - mu)
    mean = np.column_stack([np.bincount(table.row, column) for column in away.T]) / size[:, None]
    pull = mean @ precision
    distance = (mean * pull).sum(axis=1)
    for some, gaps, _, _ in table.parts():
        inside = precision[gaps[:, :, None], gaps[:, None, :]]
        at_gaps = pull[some[:, None], gaps]
        solved = np.linalg.solve(inside, at_gaps[:, :, None])[:, :, 0]
        distance[some] -= (at_gaps * solved).sum(axis=1)
    return size * distance


def invert(sigma, names):
    """Return the inverse covariance, refusing columns whose variance the others explain."""
    spread = np.sqrt(np.diag(sigma))
    try:
        inverse = cho_solve(cho_factor(sigma / np.outer(spread, spread)), np.eye(len(sigma)))
    except LinAlgError:
        raise InputError(_refusal("some columns are", names)) from None
    worst = int(np.argmax(np.diag(inverse)))
    if not inverse[worst, worst] < 1 / SINGULAR:  # the inverse's diagonal is 1 / (1 - R squared)
        raise InputError(_refusal(f"column {names[worst]!r} is", names))
    return inverse / np.outer(spread, spread)


def _refusal(which, names):
    return (
        f"{which} (nearly) a combination of the others, or there are too few rows for "
        f"{len(names)} columns; leave such columns out of Little's test."
    )
