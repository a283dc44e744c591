"""What the model would say of the same patient with another value in a declared column or two."""

from dataclasses import dataclass, field
from itertools import combinations, product
from numbers import Real

import numpy as np
import pandas as pd

from healthml._core._checks import as_tuple
from healthml._core._displays import BLUE, GREY, VERMILION, new_axes, shorten
from healthml._core._results import Result
from healthml._core._tables import parse_numbers, to_pandas
from healthml.exceptions import InputError
from healthml.explanation._displays import value_text
from healthml.explanation._explain import plain_model

_STEPS = 25
"""Values tried of a number, evenly over its range; by judgement. More find smaller changes."""
NO_CAUSES = (
    "This asks the model about other inputs. It does not say that changing a value changes what "
    "happens to the patient."
)


@dataclass(frozen=True, repr=False)
class CounterfactualResult(Result):
    """Predictions for other values in one or two columns; made by `counterfactual`.

    Parameters
    ----------
    table : DataFrame
        Best first: columns (changed, joined by " and "), before, after (their values as text),
        size (sum of the moves as shares of the ranges; 1 for another level), prediction (now),
        estimate (with the change), change, reaches (whether the target is met).
    prediction : float
        What the model gives the row as it is.
    target : float or None
    scale : str
    lines : list of str
        The best answers in words.
    """

    prediction: float = np.nan
    target: float | None = None
    scale: str = "probability"
    lines: list = field(default_factory=list)

    def summary(self):
        """Return the answers in words."""
        return "\n".join(self.lines)

    def _repr_html_(self):
        from html import escape

        return f"<pre>{escape(self.summary())}</pre>"

    def plot(self, ax=None, *, most=6, **kwargs):
        """Draw the predictions with each change, from the prediction as it is.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        most : int, default=6
            Answers shown.
        **kwargs
            Passed to the lines.

        Returns
        -------
        matplotlib.axes.Axes
        """
        rows = self.table.head(most).iloc[::-1].reset_index(drop=True)
        ax = new_axes(ax, width=7.0, height=1.3 + 0.36 * max(len(rows), 1))
        for k, row in rows.iterrows():
            colour = BLUE if row["change"] < 0 else VERMILION
            marker = "<" if row["change"] < 0 else ">"
            ax.plot([self.prediction, row["estimate"]], [k, k], **({"color": colour} | kwargs))
            ax.plot(row["estimate"], k, marker=marker, color=colour)
        names = [
            shorten(f"{c}: {a}", 44) for c, a in zip(rows["columns"], rows["after"], strict=True)
        ]
        ax.set_yticks(range(len(rows)), names, parse_math=False)
        ax.axvline(self.prediction, color=GREY, lw=0.8, ls="--")
        if self.target is not None:
            ax.axvline(self.target, color=GREY, lw=0.8)
        ax.set_xlabel(f"Prediction, {self.scale} (dashed: as it is)")
        return ax


def counterfactual(
    estimator, X, *, actionable, ranges, monotone=None, target=None, most_columns=2, scale=None
):
    """Ask which other values in one or two declared columns would change the prediction.

    Only columns that are declared are changed, only within their declared range, and only in the
    declared direction; every other cell stays. The smallest change that meets the target comes
    first. It is a question to the model, not advice.

    Parameters
    ----------
    estimator : fitted estimator or function
        As in `explain`.
    X : DataFrame of one row
        The patient.
    actionable : str or list of str
        Columns that may be changed.
    ranges : dict
        For each of them (low, high) for a number, or a list of levels.
    monotone : dict of str to {"up", "down"}, optional
        Numbers that may only be raised or only lowered.
    target : float, optional
        Prediction to get to or below; above, where the row's is below it. Without one the lowest
        prediction comes first.
    most_columns : {1, 2}, default=2
        Columns changed at once.
    scale : {"log_odds", "probability", "prediction"}, optional
        Probability for a classifier and prediction for anything else by default.

    Returns
    -------
    CounterfactualResult

    Raises
    ------
    InputError
        If `X` is not one row, a column or range is not declared or does not fit, or nothing may be
        changed.

    See Also
    --------
    explain : What moves this prediction from that of others.
    effect_curve : One column over all patients.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.explanation import counterfactual
    >>> row = pd.DataFrame({"sbp": [160.0], "age": [70.0]})
    >>> found = counterfactual(lambda t: t["sbp"] / 200 + t["age"] / 1000, row, actionable="sbp",
    ...                        ranges={"sbp": (120, 160)}, monotone={"sbp": "down"}, target=0.8)
    >>> found.table[["columns", "after"]].iloc[0].tolist()
    ['sbp', '145']
    """
    frame, as_array = to_pandas(X), not hasattr(X, "columns")
    if len(frame) != 1:
        raise InputError(f"X has {len(frame)} rows; a counterfactual is asked of one patient.")
    if most_columns not in (1, 2):
        raise InputError(f"most_columns is {most_columns!r}; pass 1 or 2, more nobody can follow.")
    columns = list(as_tuple(actionable))
    _check_declared(columns, frame, ranges, monotone or {})
    tried = {name: _allowed(frame, name, ranges, monotone or {}) for name in columns}
    model, own = plain_model(estimator, scale)
    _check_target(target, own)
    changes = [
        dict(zip(chosen, cells, strict=True))
        for k in range(1, most_columns + 1)
        for chosen in combinations(columns, k)
        for cells in product(*(tried[c] for c in chosen))
    ]
    if not changes:
        raise InputError("nothing may be changed: ranges and monotone leave no other value.")
    asked = _asked(frame, changes)
    predictions = model.values(asked.to_numpy() if as_array else asked, own)
    table = _table(frame, changes, predictions, ranges, target)
    is_risk = model.kind == "classifier" and own != "log_odds"
    most = min(most_columns, len(columns))
    words = _lines(table, float(predictions[0]), target, is_risk, most)
    return CounterfactualResult(table, float(predictions[0]), target, own, words)


def _check_target(target, scale):
    if target is None:
        return
    if isinstance(target, bool) or not isinstance(target, Real) or not np.isfinite(target):
        raise InputError(f"target is {target!r}; pass a number on the scale {scale!r}.")
    if scale == "probability" and not 0 <= target <= 1:
        raise InputError(f"target is {target!r}; a probability is between 0 and 1.")


def _check_declared(columns, frame, ranges, monotone):
    for name in columns:
        if name not in frame.columns:
            raise InputError(f"actionable names {name!r}, which is no column of X.")
        if name not in ranges:
            raise InputError(f"ranges has nothing for {name!r}; give (low, high) or levels.")
    if not columns:
        raise InputError("actionable names no column.")
    for name in monotone:
        if name not in columns:
            raise InputError(f"monotone names {name!r}, which is not among the actionable columns.")


def _is_pair(given):
    return isinstance(given, tuple) and len(given) == 2 and _are_numbers(given)


def _are_numbers(cells):
    """Whether all cells are plain numbers."""
    return not parse_numbers(pd.Series(list(cells), dtype=object))[1].any()


def _allowed(frame, name, ranges, monotone):
    """Return the other cells that a column may hold."""
    cell, given = frame[name].iloc[0], ranges[name]
    if not _is_pair(given):
        if name in monotone:
            raise InputError(f"monotone names {name!r}, which has levels; it is for numbers.")
        return [level for level in given if level != cell]
    low, high = map(float, given)
    if not low < high:
        raise InputError(f"ranges[{name!r}] is not (low, high) with low below high.")
    direction = monotone.get(name)
    if direction not in (None, "up", "down"):
        raise InputError(f"monotone[{name!r}] is {direction!r}; pass 'up' or 'down'.")
    grid = np.linspace(low, high, _STEPS)
    if pd.api.types.is_integer_dtype(frame[name].dtype):
        grid = np.unique(np.rint(grid))
    if pd.isna(cell):
        return [] if direction else list(grid)
    keep = {"up": grid > cell, "down": grid < cell}.get(direction, grid != cell)
    return list(grid[keep])


def _asked(frame, changes):
    """Return the row as it is, then with each change; columns keep their type where they can."""
    rows = frame.iloc[np.zeros(len(changes) + 1, dtype=int)].reset_index(drop=True)
    for name in {name for change in changes for name in change}:
        cell = frame[name].iloc[0]
        cells = pd.Series([cell, *(change.get(name, cell) for change in changes)])
        dtype = frame[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            levels = dtype.categories.union(pd.Index(cells.dropna().unique()), sort=False)
            dtype = pd.CategoricalDtype(levels, ordered=dtype.ordered)
        rows[name] = cells.astype(dtype)
    return rows


def _table(frame, changes, predictions, ranges, target):
    own = float(predictions[0])
    rows = []
    for change, value in zip(changes, predictions[1:], strict=True):
        before = [value_text(frame[name].iloc[0]) for name in change]
        after = [value_text(cell) for cell in change.values()]
        rows.append(
            (
                " and ".join(map(str, change)), ", ".join(before), ", ".join(after),
                sum(_size(frame, name, cell, ranges) for name, cell in change.items()),
                own, value, value - own, _reaches(value, own, target),
            )
        )  # fmt: skip
    names = ["columns", "before", "after", "size", "prediction", "estimate", "change", "reaches"]
    table = pd.DataFrame(rows, columns=names)
    table["n"] = [len(change) for change in changes]
    # how far from the target it stays, on the side of the row's own prediction
    side = 1.0 if target is None or own > target else -1.0
    goal = -np.inf if target is None else side * target
    table["miss"] = np.maximum(side * table["estimate"], goal)
    table = table.sort_values(["miss", "n", "size"], kind="stable")
    # of each set of columns only its best answer
    return table.drop_duplicates("columns").drop(columns=["n", "miss"]).reset_index(drop=True)


def _size(frame, name, cell, ranges):
    given, own = ranges[name], frame[name].iloc[0]
    if not _is_pair(given) or pd.isna(own):
        return 1.0
    return abs(float(cell) - float(own)) / (float(given[1]) - float(given[0]))


def _reaches(value, own, target):
    if target is None:
        return False
    return bool(value <= target) if own > target else bool(value >= target)


def _lines(table, own, target, is_risk, most):
    """Return the answers in words that claim no cause."""
    shown = (lambda v: f"{100 * v:.1f}%") if is_risk else (lambda v: f"{v:.3g}")
    lines = [f"As it is, the model gives {shown(own)}."]
    best = table[table["reaches"]] if target is not None else table
    if target is not None and best.empty:
        at_once = "one column" if most == 1 else "one or two columns at once"
        lines.append(
            f"None of the changes tried within the declared ranges ({at_once}, {_STEPS} values of "
            f"a number) brings it to {shown(target)}; the nearest:"
        )
        best = table
    lines += [
        f"It would give {shown(row.estimate)} if {row.columns} were {row.after} instead of "
        f"{row.before}, all else as it is."
        for row in best.head(3).itertuples()
    ]
    return [*lines, NO_CAUSES]
