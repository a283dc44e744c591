"""A small model in place of a large one, and how faithful it is."""

from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from healthml._core._displays import BLUE, new_axes
from healthml._core._release import MIN_COUNT
from healthml._core._results import Result, table_text
from healthml._core._tables import parse_numbers, to_pandas
from healthml.exceptions import InputError
from healthml.explanation._explain import plain_model
from healthml.explanation._points import PointsResult, card_of_risks

_SHARE_HELD = 1 / 3  # rows on which fidelity is measured; by judgement
# Leaves of the least size that the table must hold, so that a first split is possible on the rows
# that are not held back. Chosen by judgement, not by simulation; fewer, and no tree grows.
_LEAST_LEAVES = 4


@dataclass(frozen=True, repr=False)
class SurrogateResult(Result):
    """A small tree or a card of points that imitates a model; made by `surrogate`.

    Parameters
    ----------
    table : DataFrame
        A row for each leaf: rule, estimate (mean of the model's predictions there), spread (their
        standard deviation: what the leaf does not tell), n_samples. For points the card: column,
        level, points, log_odds, n_samples.
    fidelity : float
        Share of the variance of the model's predictions that it gives, on rows that it was not
        made from (R squared).
    mean_gap : float
        Mean distance from the model's prediction on these rows.
    scale : str
    n_held : int
        Rows that fidelity is measured on.
    points : PointsResult or None
        Card and chart, the risk of each total, where points were asked for.
    """

    fidelity: float = np.nan
    mean_gap: float = np.nan
    scale: str = "probability"
    n_held: int = 0
    points: PointsResult | None = None

    def summary(self):
        """Return fidelity in words, and the rules or the card."""
        kind = "tree" if self.points is None else "card of points"
        share = f"{self.fidelity:.0%}" if self.fidelity > 0 else "none"
        words = (
            f"The {kind} gives {share} of the variance of the model's predictions on "
            f"{self.n_held} rows that it was not made from; it is off by {self.mean_gap:.3f} on "
            f"average. It imitates the model, and says nothing about patients."
        )
        if np.isnan(self.fidelity):
            words = f"The model's prediction is the same for {self.n_held} rows held out."
        if self.points is None:
            return f"{words}\n{table_text(self.table)}"
        card, chart = self.points.card_text(), self.points.chart_text()
        return f"{words}\n{card}\nThe model's risk by total:\n{chart}"

    def _repr_html_(self):
        from html import escape

        return f"<pre>{escape(self.summary())}</pre>"

    def plot(self, ax=None, **kwargs):
        """Draw the leaves' mean predictions, their spread as lines; or the card's nomogram.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        **kwargs
            Passed to ``Axes.errorbar``, or to the points of the nomogram.

        Returns
        -------
        matplotlib.axes.Axes
        """
        if self.points is not None:
            return self.points.plot(ax, **kwargs)
        rows = self.table.iloc[::-1]
        names = ["\n".join(wrap(rule, 44)) for rule in rows["rule"]]
        n_lines = sum(name.count("\n") + 1 for name in names)
        ax = new_axes(ax, width=7.4, height=1.2 + 0.24 * n_lines + 0.1 * len(rows))
        options = {"fmt": "o", "color": BLUE} | kwargs
        ax.errorbar(rows["estimate"], range(len(rows)), xerr=rows["spread"], **options)
        ax.set_yticks(range(len(rows)), names, parse_math=False)
        ax.set_xlabel(f"Model's prediction, {self.scale}; R\N{SUPERSCRIPT TWO} {self.fidelity:.2f}")
        return ax


def surrogate(
    estimator,
    X,
    *,
    kind="tree",
    max_leaves=6,
    n_bins=4,
    max_points=10,
    scale=None,
    min_rows=20,
    random_state=None,
):
    """Imitate a fitted model by a small tree or a card of points on the raw columns.

    How faithfully is measured on a third of the rows that it is not made from.

    Parameters
    ----------
    estimator : fitted estimator or function
        As in `explain`.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows to imitate it on; their outcome is not needed.
    kind : {"tree", "points"}, default="tree"
        Rules, or whole points for levels of each column that are added up, as `PointsScore` has
        them; points are for risks.
    max_leaves : int, default=6
        Leaves of the tree at most; more are more faithful and less readable.
    n_bins, max_points : int, default=4 and 10
        Ranges of a number, and points of the column with the widest span, at most.
    scale : {"log_odds", "probability", "prediction"}, optional
        What a tree imitates: probability for a classifier, prediction for anything else by
        default.
    min_rows : int, default=20
        Fewest rows of a leaf; 11 or more.
    random_state : int, RandomState or None, default=None
        Of the rows that are held out.

    Returns
    -------
    SurrogateResult

    Raises
    ------
    InputError
        If there are too few rows, or an option does not fit.

    See Also
    --------
    PointsScore : A readable model from the start.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.explanation import surrogate
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(60, 10, 600), "sex": rng.choice(["f", "m"], 600)})
    >>> small = surrogate(lambda t: (t["age"] > 65) * 1.0, X, max_leaves=2, random_state=0)
    >>> small.table["rule"].str.slice(0, 6).tolist(), small.fidelity > 0.9
    (['age <=', 'age > '], True)
    """
    frame, as_array = to_pandas(X), not hasattr(X, "columns")
    _check_options(kind, scale, min_rows, max_leaves, n_bins, max_points)
    least = _LEAST_LEAVES * min_rows
    if len(frame) < least:
        raise InputError(f"X has {len(frame)} rows; pass {least} or more, or fewer min_rows.")
    model, own = plain_model(estimator, scale)
    wanted = model.values(frame.to_numpy() if as_array else frame, own)
    order = check_random_state(random_state).permutation(len(frame))
    parts = np.split(order, [int(_SHARE_HELD * len(frame))])
    if kind == "points":
        return _as_points(frame, wanted, parts, n_bins, max_points)
    return _as_tree(frame, wanted, parts, own, max_leaves, min_rows)


def _check_options(kind, scale, min_rows, max_leaves, n_bins, max_points):
    if kind not in ("tree", "points"):
        raise InputError(f"kind is {kind!r}; pass 'tree' or 'points'.")
    if min_rows < MIN_COUNT or max_leaves < 2:
        raise InputError(f"min_rows is {MIN_COUNT} or more, and max_leaves 2 or more.")
    if n_bins < 2 or max_points < 2:
        raise InputError("n_bins and max_points are 2 or more.")
    if kind == "points" and scale == "log_odds":
        raise InputError("kind='points' imitates risks; leave scale out.")


def _fidelity(wanted, imitated):
    """Return R squared and the mean distance."""
    gap, spread = wanted - imitated, float(np.var(wanted))
    flat = np.ptp(wanted) <= 1e-12 * max(1.0, np.abs(wanted).max())  # rounding alone
    fidelity = np.nan if flat else 1 - float(np.mean(gap**2)) / spread
    return fidelity, float(np.abs(gap).mean())


def _as_points(frame, wanted, parts, n_bins, max_points):
    held, used = parts
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InputError("kind='points' imitates risks, and the predictions are not within 0 to 1.")
    card = card_of_risks(frame.iloc[used], wanted[used], n_bins, max_points)
    fidelity = _fidelity(wanted[held], card.risk(card.totals(frame.iloc[held])))
    points = PointsResult(card.table(), card.chart(card.totals(frame)))
    return SurrogateResult(points.table, *fidelity, "probability", len(held), points)


def _as_tree(frame, wanted, parts, scale, max_leaves, min_rows):
    held, grown = parts
    codes, names = _encoded(frame)
    tree = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves, min_samples_leaf=min_rows, random_state=0
    ).fit(codes[grown], wanted[grown])
    fidelity = _fidelity(wanted[held], tree.predict(codes[held]))
    gaps = {name for name in frame.columns if frame[name].isna().any()}
    leaf, rules = tree.apply(codes), _rules(tree.tree_, names, gaps)
    rows = [
        (rule, wanted[leaf == node].mean(), wanted[leaf == node].std(), int((leaf == node).sum()))
        for node, rule in rules.items()
    ]
    table = pd.DataFrame(rows, columns=["rule", "estimate", "spread", "n_samples"])
    table = table.sort_values("estimate", ignore_index=True)
    return SurrogateResult(table, *fidelity, scale, len(held))


def _encoded(frame):
    """Return numbers as they are and a 0/1 column for each level, with (column, level) names."""
    columns, names = [], []
    for name in frame.columns:
        values, is_text = parse_numbers(frame[name])
        if not is_text.any():
            columns.append(values.to_numpy())
            names.append((name, None))
            continue
        for level in frame[name].dropna().unique():
            columns.append((frame[name] == level).fillna(False).to_numpy(dtype=float))
            names.append((name, level))
    return np.column_stack(columns), names


def _rules(tree, names, gaps):
    """Return the rule of each leaf in words, one condition for each column and level."""
    rules, todo = {}, [(0, ())]
    while todo:
        node, path = todo.pop()
        if tree.children_left[node] < 0:
            rules[node] = _in_words(path, names, gaps)
            continue
        to_left = bool(getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))[node])
        step = int(tree.feature[node]), float(tree.threshold[node])
        todo.append((tree.children_right[node], (*path, (*step, False, not to_left))))
        todo.append((tree.children_left[node], (*path, (*step, True, to_left))))
    return rules


def _in_words(path, names, gaps):
    """Return a path of (column, cut, below, missing goes this way) as words."""
    words = []
    for column in dict.fromkeys(step[0] for step in path):
        name, level = names[column]
        own = [step for step in path if step[0] == column]
        if level is not None:
            words.append(f"{name} is {'not ' if own[-1][2] else ''}{level}")
            continue
        high = min((cut for _, cut, below, _ in own if below), default=None)
        low = max((cut for _, cut, below, _ in own if not below), default=None)
        if low is None or high is None:
            text = f"{name} <= {cut_text(high)}" if low is None else f"{name} > {cut_text(low)}"
        else:
            text = f"{cut_text(low)} < {name} <= {cut_text(high)}"
        missing = name in gaps and all(step[3] for step in own)
        words.append(f"({text} or missing)" if missing else text)
    return " and ".join(words) or "all rows"


def cut_text(cut):
    """Return a cut as text: four digits, and all digits before the point.

    Examples
    --------
    >>> cut_text(2.54999), cut_text(154321.5)
    ('2.55', '154321.5')
    """
    return f"{cut:.4g}" if abs(cut) < 1e3 else f"{cut:.1f}".removesuffix(".0")
