"""Which cells are missing together: patterns, pairs of columns, influx and outflux."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment
from healthml._core._release import is_small, round_count
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError

# Patterns that a drawing shows, the most common ones: more rows cannot be read.
MOST_DRAWN = 30


_PAIR = ("rr", "rm", "mr", "mm")


@dataclass(frozen=True, repr=False)
class MissingnessPatternsResult(Result):
    """Patterns, pairs and flux of the missing cells; made by `missingness_patterns`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per pattern: ``n_samples``, ``share`` of the rows, ``n_missing`` columns and their
        names (``columns``).
    observed : pandas.DataFrame
        The same patterns as booleans, one column per column of the table, those with fewest
        missing cells first, as R's ``mice::md.pattern``.
    pairs : pandas.DataFrame
        For each ``column`` and ``other`` column the number of rows in which both are observed
        (``rr``), only the first (``rm``), only the second (``mr``), neither (``mm``).
    flux : pandas.DataFrame
        One row per column: share observed (``pobs``); ``influx``, how far its gaps lie in rows
        where others are observed; ``outflux``, how far its values lie in rows where others are
        missing; the same as averages over the other columns (``ainb``, ``aout``); share of
        incomplete rows among those in which it is observed (``fico``).
    """

    observed: pd.DataFrame = field(default_factory=pd.DataFrame)
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    flux: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _to_write(self):
        """Return what may leave: rows with a small count are rounded, shares that tell one are not.

        A pair's four counts add up to the rows, and a share observed times the rows is a count.
        """
        n, pairs, flux = self.table["n_samples"].sum(), self.pairs.copy(), self.flux.copy()
        if not len(pairs):
            return self
        counts = pairs[list(_PAIR)].to_numpy(dtype=float)
        few = is_small(counts)
        near = np.where(few, np.nan, round_count(counts))
        pairs[list(_PAIR)] = np.where(few.any(axis=1)[:, None], near, counts)
        is_told = is_small(np.round((1 - flux["pobs"].to_numpy(dtype=float)) * n))
        flux.loc[is_told, flux.columns.difference(["column"])] = np.nan
        return replace(self, pairs=pairs, flux=flux)

    def plot(self, ax=None, *, kind="patterns"):
        """Draw the matrix of patterns, the most frequent 30 on top, or outflux against influx.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.
        kind : {"patterns", "flux"}, default="patterns"
            Which picture.

        Returns
        -------
        matplotlib axes
        """
        import matplotlib.pyplot as plt

        if kind not in ("patterns", "flux"):
            raise InputError(f"kind={kind!r} is unknown; use 'patterns' or 'flux'.")
        ax = plt.subplots(figsize=(7, 4))[1] if ax is None else ax
        return _draw_patterns(self, ax) if kind == "patterns" else _draw_flux(self.flux, ax)


def missingness_patterns(X, *, missing=None):
    """Count the patterns of missing cells, and say which columns can inform which.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The table.
    missing : array-like of bool of shape (n_samples, n_features), default=None
        Which cells count as missing; by default the empty cells.

    Returns
    -------
    MissingnessPatternsResult

    Raises
    ------
    InputError
        If `missing` has another shape than the table.

    See Also
    --------
    missingness_report : For whom values are missing; it holds these patterns, too.
    little_mcar_test : Whether the patterns have equal means.

    Notes
    -----
    A column of high outflux helps to impute others, one of high influx can be imputed from
    others; columns low in both bring little to an imputation model [1]_. Outflux is missing in a
    table without gaps.

    References
    ----------
    .. [1] van Buuren S. Flexible Imputation of Missing Data. 2nd ed. Chapman & Hall/CRC; 2018,
       chapter 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import missingness_patterns
    >>> X = pd.DataFrame({"age": [50, 60, 70], "ph": [7.3, np.nan, np.nan], "bun": [9, 8, np.nan]})
    >>> missingness_patterns(X).to_frame()[["n_missing", "columns"]].values.tolist()
    [[0, ''], [1, 'ph'], [2, 'bun, ph']]
    """
    check_alignment(X=X, missing=missing)
    frame = to_pandas(X)
    return describe_patterns([str(c) for c in frame.columns], missing_cells(frame, missing))


def _as_flags(missing):
    try:
        return np.asarray(missing, dtype=bool)
    except (TypeError, ValueError):
        raise InputError("missing holds cells that are neither True nor False.") from None


def missing_cells(frame, missing=None):
    """Return which cells count as missing, as an array of the table's shape."""
    is_missing = frame.isna().to_numpy() if missing is None else _as_flags(missing)
    if is_missing.shape != frame.shape:
        raise InputError(
            f"missing has shape {is_missing.shape}, the table {frame.shape}; pass one flag for "
            "each cell."
        )
    return is_missing


def describe_patterns(names, is_missing):
    """Return the `MissingnessPatternsResult` of named columns.

    Parameters
    ----------
    names : list of str
    is_missing : ndarray of bool of shape (n_samples, n_columns)

    Returns
    -------
    MissingnessPatternsResult
    """
    order = np.argsort(is_missing.sum(axis=0), kind="stable")
    patterns, row = distinct_patterns(is_missing[:, order])
    size = np.bincount(row, minlength=len(patterns))
    ordered = [names[k] for k in order]
    table = pd.DataFrame(
        {
            "n_samples": size,
            "share": size / len(is_missing),
            "n_missing": patterns.sum(axis=1),
            "columns": pd.Series(
                [", ".join(np.array(ordered, dtype=object)[p]) for p in patterns], dtype=str
            ),
        }
    )
    observed = pd.DataFrame(~patterns, columns=ordered)
    back = np.argsort(order)
    counts = _pair_counts(~patterns[:, back], size)
    return MissingnessPatternsResult(
        table, observed, _long(names, counts), _flux(names, ~patterns[:, back], size, counts)
    )


def distinct_patterns(is_missing):
    """Return the distinct rows of a boolean table in lexical order, and the one of each row.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._missingness.patterns import distinct_patterns
    >>> patterns, row = distinct_patterns(np.array([[True, False], [False, False], [True, False]]))
    >>> patterns.tolist(), row.tolist()
    ([[False, False], [True, False]], [1, 0, 1])
    """
    row = np.zeros(len(is_missing), dtype=np.int64)
    for start in range(0, is_missing.shape[1], 32):
        part = is_missing[:, start : start + 32]
        word = part @ (1 << np.arange(part.shape[1], dtype=np.int64))
        word = pd.factorize(word)[0]
        row = pd.factorize(row * (word.max(initial=0) + 1) + word)[0]
    return _in_order(is_missing, row)


def _in_order(is_missing, row):
    place = np.empty(row.max() + 1, dtype=np.int64)
    place[row[::-1]] = np.arange(len(row))[::-1]
    patterns = is_missing[place]
    order = np.lexsort(patterns.T[::-1])
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return patterns[order], rank[row]


def _pair_counts(observed, size):
    """Return rr, rm, mr and mm: rows by whether each of two columns is observed."""
    seen = observed.astype(float)
    is_missing, weighted = 1 - seen, seen * size[:, None]
    rr, rm = weighted.T @ seen, weighted.T @ is_missing
    mm = (is_missing * size[:, None]).T @ is_missing
    return {"rr": rr, "rm": rm, "mr": rm.T, "mm": mm}


def _long(names, counts):
    table = {"column": np.repeat(names, len(names)), "other": np.tile(names, len(names))}
    table |= {name: np.rint(value).astype(int).ravel() for name, value in counts.items()}
    return pd.DataFrame(table)


def _flux(names, observed, size, counts):
    rr, rm, mr, mm = (counts[name] for name in ("rr", "rm", "mr", "mm"))
    n_observed, n = np.diag(rr), size.sum()
    incomplete = (~observed.all(axis=1)) * size
    return pd.DataFrame(
        {
            "column": names,
            "pobs": n_observed / n,
            "influx": _ratio(mr.sum(axis=1), n_observed.sum()),
            "outflux": _ratio(rm.sum(axis=1), np.diag(mm).sum()),
            "ainb": _mean_of_others(mr, mr + mm),
            "aout": _mean_of_others(rm, rm + rr),
            "fico": _ratio(observed.T.astype(float) @ incomplete, n_observed),
        }
    )


def _ratio(part, whole):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part, dtype=float) / whole


def _mean_of_others(part, whole):
    """Return the mean ratio over the other columns; a ratio of nothing counts as 0."""
    return _ratio(np.nan_to_num(_ratio(part, whole)).sum(axis=1), len(part) - 1)


def _draw_patterns(result, ax):
    shown = result.table["n_samples"].sort_values(ascending=False, kind="stable").index
    shown = shown[:MOST_DRAWN]
    names = list(result.observed.columns)
    ax.pcolormesh(~result.observed.loc[shown].to_numpy(), cmap="Greys", edgecolor="0.8", vmax=1.4)
    share = result.table.loc[shown, "share"]
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=60, ha="right", parse_math=False)
    ax.set_yticks(np.arange(len(shown)) + 0.5, [f"{100 * s:.1f}%" for s in share])
    more = len(result.table) - len(shown)
    ax.set_ylabel("Share of rows" + (f" ({more} more patterns)" if more else ""))
    ax.invert_yaxis()
    return ax


def _draw_flux(flux, ax):
    ax.plot([0, 1], [1, 0], color="0.8", lw=1)
    ax.plot(flux["influx"], flux["outflux"], "o")
    for row in flux.itertuples():
        if np.isfinite(row.outflux):
            ax.annotate(row.column, (row.influx, row.outflux), fontsize=8, parse_math=False)
    ax.set(xlabel="Influx", ylabel="Outflux", xlim=(-0.02, 1), ylim=(-0.02, 1.05))
    return ax
