"""Cells hidden on purpose, by patterns whose chances depend on the table as one chooses."""

from collections.abc import Mapping

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from pandas.api import types
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.utils import check_random_state

from healthml._core._tables import LARGEST_EXACT_FLOAT, backend_of, parse_numbers, to_pandas
from healthml.exceptions import InputError

MECHANISMS = ("mcar", "mar", "mnar")

# how the chance of a pattern moves with the standardised score of a row
SHAPES = {
    "right": lambda z: z,
    "left": lambda z: -z,
    "mid": lambda z: -np.abs(z),
    "tail": np.abs,
}


def ampute(
    X,
    *,
    share=0.5,
    mechanism="mcar",
    patterns=None,
    score_weights=None,
    frequencies=None,
    kind="right",
    random_state=None,
):
    """Hide cells of a table at random, or depending on what is seen or hidden (Schouten 2018).

    Each row is given one pattern of columns that go missing together. In a pattern, the chance of
    a row to lose these columns is logistic in its score, a weighted sum of standardised columns;
    the intercept is solved so that on average the asked share of rows loses them.

    Parameters
    ----------
    X : DataFrame or array of shape (n_samples, n_features)
        The table; cells that are missing already stay so, and count as the mean in a score.
    share : float, default=0.5
        Share of rows that lose cells, on average.
    mechanism : {"mcar", "mar", "mnar"} or list, default="mcar"
        "mcar": every row has the same chance. "mar": it depends on the columns that the pattern
        leaves. "mnar": it depends on the columns that it hides. A list names one for each pattern.
    patterns : list of lists, default=None
        Names of the columns that go missing together; None hides each column alone.
    score_weights : list of mappings, default=None
        For each pattern, weights of columns of numbers in the score. None weighs all columns that
        the mechanism allows alike: those left (mar) or hidden (mnar).
    frequencies : list of float, default=None
        How many rows get each pattern, relative to each other; None means alike.
    kind : {"right", "left", "mid", "tail"} or list, default="right"
        Whether rows with high, low, middle or extreme scores lose cells. A list names one for
        each pattern.
    random_state : int, RandomState or None, default=None
        Draws the patterns and the rows that lose cells.

    Returns
    -------
    amputed : DataFrame or array
        The table with the cells hidden, of the kind of `X`. Integers and booleans without a
        place for missing cells become floats, ``Int64`` beyond 2**53, and ``boolean``.
    mask : ndarray of bool of shape (n_samples, n_features)
        Cells hidden by this call.

    Raises
    ------
    InputError
        If a pattern names no column or an unknown one, a weight stands on a column that the
        mechanism does not allow or that holds no numbers, or a parameter is out of range.

    See Also
    --------
    sensitivity_analysis : For gaps that are there already.
    healthml.datasets.make_ehr_cohort : Cohorts with gaps of known origin.

    Notes
    -----
    The other rows stay complete. The dependence on the score is that of R's ``mice::ampute``: a
    standard deviation of the score moves the log odds by one. A table of several "mar" patterns is
    missing at random as a whole: the chance of each pattern depends on cells that it leaves.

    References
    ----------
    .. [1] Schouten RM, Lugtig P, Vink G. Generating missing values for simulation purposes: a
       multivariate amputation procedure. J Stat Comput Simul. 2018;88:2909-2930.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import ampute
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(1000, 2)), columns=["age", "ph"])
    >>> amputed, mask = ampute(X, share=0.3, mechanism="mar", patterns=["ph"], random_state=0)
    >>> bool(abs(mask[:, 1].mean() - 0.3) < 0.05)
    True
    >>> bool(X.loc[mask[:, 1], "age"].mean() > X["age"].mean())
    True
    """
    frame = to_pandas(X)
    state = check_random_state(random_state)
    share = _check_share(share)
    hidden = _read_patterns(frame, patterns)
    mechanisms = _one_each("mechanism", mechanism, len(hidden), MECHANISMS)
    kinds = _one_each("kind", kind, len(hidden), tuple(SHAPES))
    weights = [
        _read_weights(frame, columns, *asked)
        for columns, *asked in zip(
            hidden, mechanisms, _weights_each(score_weights, hidden), strict=True
        )
    ]
    pattern_of = state.choice(
        len(hidden), len(frame), p=_read_frequencies(frequencies, len(hidden))
    )
    luck = state.random_sample(len(frame))
    mask = np.zeros(frame.shape, dtype=bool)
    for k, columns in enumerate(hidden):
        rows = np.flatnonzero(pattern_of == k)
        chance = _chances(_scores(frame, weights[k])[rows], share, SHAPES[kinds[k]])
        lost = rows[luck[rows] < chance]
        mask[np.ix_(lost, frame.columns.get_indexer(columns))] = True
    mask &= frame.notna().to_numpy()
    return hide_cells(X, frame, mask), mask


def _chances(score, share, shape):
    """Return each row's chance, with `share` as their mean."""
    spread = score.std() if len(score) else 0.0
    if share in (0.0, 1.0) or not spread > 0:
        return np.full(len(score), share)
    moved = shape((score - score.mean()) / spread)
    reach = 40 + np.abs(moved).max()
    start = brentq(lambda b: expit(b + moved).mean() - share, -reach, reach, xtol=1e-10)
    return expit(start + moved)


def _scores(frame, weights):
    score = np.zeros(len(frame))
    for name, weight in weights.items():
        number = _numbers(frame[name])
        spread = np.nanstd(number) if np.isfinite(number).any() else 0.0
        if spread > 0:
            score += weight * np.nan_to_num((number - np.nanmean(number)) / spread)
    return score


def _numbers(series):
    """Return a column as numbers: dates as time, ordered levels as their places."""
    if isinstance(series.dtype, pd.CategoricalDtype) and series.cat.ordered:
        codes = series.cat.codes.to_numpy(dtype=float)
        return np.where(codes < 0, np.nan, codes)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        elapsed = pd.DatetimeIndex(series) - series.min()
        return np.asarray(elapsed / pd.Timedelta(days=1), dtype=float)
    number, is_text = parse_numbers(series)
    infinite = int(np.isinf(number).sum())
    if is_text.any() or infinite:
        what = f"{infinite} infinite values" if infinite else f"{is_text.sum()} cells of text"
        raise InputError(
            f"column {series.name!r} holds {what} and cannot be part of a score; leave it out of "
            "score_weights, or code it as numbers."
        )
    return number.to_numpy()


def _check_share(share):
    if isinstance(share, bool) or not isinstance(share, int | float | np.number):
        raise InputError(f"share={share!r} is no number; pass the share of rows, 0 to 1.")
    if not 0 <= share <= 1:
        raise InputError(f"share={share!r} is outside 0 to 1; pass the share of rows.")
    return float(share)


def _read_patterns(frame, patterns):
    if patterns is None:
        return [[name] for name in frame.columns]
    patterns = [[part] if isinstance(part, str) else list(part) for part in patterns]
    if not patterns:
        raise InputError("patterns is empty; name the columns that go missing together.")
    for k, columns in enumerate(patterns):
        unknown = [name for name in columns if name not in frame.columns]
        if unknown:
            raise InputError(f"pattern {k} names the column {unknown[0]!r}, which X does not have.")
        if not columns:
            raise InputError(f"pattern {k} names no column; a complete row needs no pattern.")
    return patterns


def _one_each(name, value, n, known):
    values = [value] * n if isinstance(value, str) else list(value)
    wrong = [v for v in values if v not in known]
    if wrong:
        raise InputError(f"{name}={wrong[0]!r} is unknown; use one of {', '.join(known)}.")
    if len(values) != n:
        raise InputError(f"{name} has {len(values)} entries for {n} patterns; pass one for each.")
    return values


def _weights_each(score_weights, hidden):
    weights = [None] * len(hidden) if score_weights is None else list(score_weights)
    if isinstance(score_weights, Mapping) or len(weights) != len(hidden):
        raise InputError(
            f"score_weights must be a list of one mapping (or None) for each of {len(hidden)} "
            "patterns."
        )
    return weights


def _read_weights(frame, hidden, mechanism, asked):
    """Return the columns in a pattern's score with their weights."""
    if mechanism == "mcar":
        if asked:
            raise InputError('mechanism "mcar" depends on nothing; leave out score_weights.')
        return {}
    allowed = [name for name in frame.columns if (name in hidden) == (mechanism == "mnar")]
    if asked is None:
        chosen = {name: 1.0 for name in allowed if _is_number(frame[name])}
        if not chosen:
            what = "leaves" if mechanism == "mar" else "hides"
            raise InputError(
                f'mechanism "{mechanism}" depends on columns of numbers, and a pattern {what} '
                'none; change the pattern, or use "mcar".'
            )
        return chosen
    for name in asked:
        if mechanism == "mar" and name in hidden:
            raise InputError(
                f'score_weights weighs {name!r}, which the pattern hides: that is "mnar".'
            )
        if name not in frame.columns:
            raise InputError(f"score_weights names the column {name!r}, which X does not have.")
        _numbers(frame[name])
    return dict(asked)


def _is_number(series):
    try:
        return bool(np.isfinite(_numbers(series)).any())
    except InputError:
        return False


def _read_frequencies(frequencies, n):
    if frequencies is None:
        return np.full(n, 1 / n)
    values = np.asarray(frequencies, dtype=float)
    if values.shape != (n,) or not (values >= 0).all() or not 0 < values.sum() < np.inf:
        raise InputError(
            f"frequencies must be {n} numbers, one for each pattern, 0 or more and not all 0."
        )
    return values / values.sum()


def hide_cells(X, frame, mask):
    """Return a copy of a table with cells set to missing.

    Parameters
    ----------
    X : DataFrame or array
        The table as it came in.
    frame : pandas.DataFrame
        The same table.
    mask : ndarray of bool of shape (n_samples, n_features)
        Cells to hide.

    Returns
    -------
    DataFrame or array
        Of the kind of `X`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation._missingness.ampute import hide_cells
    >>> table = pd.DataFrame({"ok": [True, False]})
    >>> hide_cells(table, table, np.array([[True], [False]]))["ok"].tolist()
    [<NA>, False]
    """
    backend = None if isinstance(X, list | tuple | pd.Series) else backend_of(X)
    if backend not in (None, nw.Implementation.PANDAS):
        return _hide_elsewhere(X, mask)
    out = frame.copy(deep=False)
    for j in np.flatnonzero(mask.any(axis=0)):
        out.isetitem(j, _with_room(frame.iloc[:, j]).mask(mask[:, j]))
    return out.to_numpy() if isinstance(X, np.ndarray | list | tuple) else out


def _with_room(series):
    """Return a column in a dtype that can hold a gap."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biu":
        return series
    if types.is_bool_dtype(dtype):
        return series.astype("boolean")
    if max(abs(int(series.max())), abs(int(series.min()))) <= LARGEST_EXACT_FLOAT:
        return series.astype(float)
    return series.astype("UInt64" if dtype.kind == "u" else "Int64")


def _hide_elsewhere(X, mask):
    table = nw.from_native(X, eager_only=True)
    space, columns = nw.get_native_namespace(table), []
    for name, hidden_cells in zip(table.columns, mask.T, strict=True):
        if hidden_cells.any():
            seen = nw.new_series(
                "seen", (~hidden_cells).tolist(), nw.Boolean, native_namespace=space
            )
            pair = table.select(name).with_columns(seen.alias("__seen__"))
            pair = pair.select(nw.when(nw.col("__seen__")).then(nw.col(name)).alias(name))
            columns.append(pair[name])
        else:
            columns.append(table[name])
    return nw.to_native(table.select(*columns))
