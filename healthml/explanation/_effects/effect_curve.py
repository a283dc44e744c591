"""How the prediction changes along one column, where there are patients to say so."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from healthml._core._bootstrap import check_count
from healthml._core._displays import BLUE, GREY, new_axes, shorten
from healthml._core._intervals import check_confidence_level
from healthml._core._parallel import run_parallel
from healthml._core._release import MIN_COUNT
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.explanation._effects.curves import Grid, ale, gap_effect, profile
from healthml.explanation._explain import check_refits, check_train, plain_model, refit_models

KINDS = ("ale", "pdp", "ice")
_MOST_CURVES = 200  # rows drawn one by one in an ICE picture; looks and memory only


@dataclass(frozen=True, repr=False)
class EffectCurveResult(Result):
    """Effect of one column on the prediction; made by `effect_curve`.

    Parameters
    ----------
    table : DataFrame
        A row for each value of the grid, in order, and one for missing cells: feature, value (a
        number, a level, or None for missing), estimate, lower, upper (over refits; missing without
        them), n_samples (rows between this value and the one before, or with this level),
        supported (whether these are 11 or more).
    feature : str
    kind : {"ale", "pdp", "ice"}
    scale : str
    is_number : bool
        Whether the values are drawn as a line.
    curves : ndarray of shape (n_rows, n_points)
        Single rows' curves, for "ice".
    n_refits : int
    confidence_level : float
    """

    feature: str = ""
    kind: str = "ale"
    scale: str = "probability"
    is_number: bool = True
    curves: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    n_refits: int = 0
    confidence_level: float = 0.95

    def plot(self, ax=None, **kwargs):
        """Draw the effect; dashes and hollow points are where fewer than 11 rows lie.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        **kwargs
            Passed to the line or the points.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = new_axes(ax, width=6.0, height=4.0)
        known = self.table[self.table["value"].notna()]
        (_draw_line if self.is_number else _draw_levels)(ax, self, known, **kwargs)
        gap = self.table[self.table["value"].isna()]
        if len(gap):
            row = gap.iloc[0]
            ax.axhline(row["estimate"], color=GREY, ls=":", lw=1.2, label="missing")
        if ax.get_legend_handles_labels()[1]:
            ax.legend(fontsize=8, frameon=False)
        what = {"ale": "Effect (mean 0)", "pdp": "Mean prediction", "ice": "Prediction"}[self.kind]
        words = f"; band: {self.confidence_level:.0%} over refits" if self.n_refits else ""
        ax.xaxis.label.set_parse_math(False)
        ax.set(xlabel=f"{self.feature}{words}", ylabel=f"{what}, {self.scale.replace('_', ' ')}")
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        return ax


def _draw_line(ax, result, known, **kwargs):
    x = known["value"].to_numpy(dtype=float)
    for curve in result.curves[:_MOST_CURVES]:
        ax.plot(x, curve[: len(x)], color=GREY, lw=0.4, alpha=0.4)
    y, inside = known["estimate"].to_numpy(), known["supported"].to_numpy(dtype=bool)
    few = None if inside.all() else "fewer than 11 rows"
    ax.plot(x, y, **({"color": BLUE, "ls": "--", "lw": 1, "label": few} | kwargs))
    ax.plot(x, np.where(inside, y, np.nan), **({"color": BLUE, "lw": 2} | kwargs))
    if result.n_refits:
        ax.fill_between(x, known["lower"], known["upper"], color=BLUE, alpha=0.18, lw=0)
    ax.plot(x, np.full(len(x), 0.01), "|", color=GREY, transform=ax.get_xaxis_transform())


def _draw_levels(ax, result, known, **kwargs):
    y = np.arange(len(known))
    if result.n_refits:
        ax.vlines(y, known["lower"], known["upper"], color=BLUE, lw=1.2)
    inside = known["supported"].to_numpy(dtype=bool)
    face = [BLUE if ok else "none" for ok in inside]
    options = {"facecolors": face, "edgecolors": BLUE, "zorder": 3} | kwargs
    ax.scatter(y, known["estimate"], **options)
    ax.set_xticks(y, [shorten(str(value), 14) for value in known["value"]], parse_math=False)


def effect_curve(
    estimator,
    X,
    *,
    feature,
    kind="ale",
    scale=None,
    n_points=20,
    max_rows=2000,
    refits=None,
    n_refits=0,
    train=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Follow a fitted model's prediction along one column of the table as given.

    Accumulated local effects [1]_ compare each row with itself a small step away, so that no
    patient is made up who could not be; partial dependence sets every row to every value, and so
    may ask about patients that do not exist where columns go together.

    Parameters
    ----------
    estimator : fitted estimator or function
        As in `explain`.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows to average over; training rows or others like them.
    feature : str
        Column to follow: numbers along their quantiles, levels one by one (for "ale" in an order
        in which neighbours have like patients). Missing cells are a level of their own: how far
        rows with a gap are from what known cells would give them.
    kind : {"ale", "pdp", "ice"}, default="ale"
        Accumulated local effects, partial dependence, or the curves of single rows and their mean.
    scale : {"log_odds", "probability", "prediction"}, optional
        Probability for a classifier and prediction for anything else by default.
    n_points : int, default=20
        Values of a number at most, at even shares of the rows.
    max_rows : int, default=2000
        Rows averaged over at most, drawn at random.
    refits, n_refits, train
        As in `explain`: the interval is over refits.
    confidence_level : float, default=0.95
        Level of the interval at each value.
    n_jobs : int, optional
        Parallel jobs over refits.
    verbose : int, default=0
        Above 0, report progress.
    random_state : int, RandomState or None, default=None
        Of rows and refits.

    Returns
    -------
    EffectCurveResult

    Raises
    ------
    InputError
        If `feature` is no column or is empty, or an option does not fit.

    See Also
    --------
    interaction_strength : Whether one curve tells the story.
    explain : The same question for one row.

    References
    ----------
    .. [1] Apley DW, Zhu J. Visualizing the effects of predictor variables in black box supervised
       learning models. J R Stat Soc B. 2020;82:1059-1086.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.explanation import effect_curve
    >>> X = pd.DataFrame({"age": np.arange(100.0), "crp": np.arange(100.0) % 7})
    >>> curve = effect_curve(lambda t: 2 * t["age"] + t["crp"], X, feature="age", n_points=5)
    >>> curve.table["value"].tolist()
    [0.0, 25.0, 50.0, 74.0, 99.0]
    >>> [round(step) for step in curve.table["estimate"].diff().tolist()[1:]]
    [50, 50, 48, 50]
    """
    check_confidence_level(confidence_level)
    frame, as_array = to_pandas(X), not hasattr(X, "columns")
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; pass one of {', '.join(map(repr, KINDS))}.")
    check_feature(frame, feature)
    given, number = check_refits(refits, n_refits)
    rng = check_random_state(random_state)
    chosen = np.sort(rng.permutation(len(frame))[: check_count(max_rows, "max_rows")])
    seed = int(rng.randint(np.iinfo(np.int32).max))
    frame = frame.iloc[chosen].reset_index(drop=True)
    if check_count(n_points, "n_points") < 2:
        raise InputError("n_points is 1; a curve takes 2 or more.")
    grid = Grid(frame[feature], n_points)
    if number:
        learnt = check_train(train, estimator)
        given = refit_models(
            estimator, learnt, number, n_jobs=n_jobs, verbose=verbose, seed=seed, as_array=as_array
        )
    tasks = [(model, scale, kind, frame, feature, grid, as_array) for model in [estimator, *given]]
    curves_of_fits = run_parallel(_curve, tasks, n_jobs=n_jobs, verbose=verbose, what="curves")
    curve, curves, own_scale = curves_of_fits[0]
    again = np.array([other for other, _, _ in curves_of_fits[1:]])
    return EffectCurveResult(
        _table(feature, grid, curve, again, confidence_level),
        feature=str(feature),
        kind=kind,
        scale=own_scale,
        is_number=grid.is_number,
        curves=curves,
        n_refits=len(given),
        confidence_level=confidence_level,
    )


def check_feature(frame, feature):
    """Refuse a column that is not there, or has no cell."""
    if feature not in frame.columns:
        raise InputError(f"feature is {feature!r}, which is no column of X.")
    if frame[feature].isna().all():
        raise InputError(f"column {feature!r} of X has no value; there is nothing to follow.")


def _curve(task):
    """Return the curve of one model, the gap's effect last, single curves, and the scale."""
    estimator, scale, kind, frame, feature, grid, as_array = task
    model, own = plain_model(estimator, scale)

    def predict(table):
        return model.values(table.to_numpy() if as_array else table, own)

    gap = [] if grid.gap is None else [gap_effect(predict, frame, feature, grid)]
    if kind == "ale":
        return np.r_[ale(predict, frame, feature, grid), gap], np.zeros((0, 0)), own
    curves = profile(predict, frame, feature, grid)
    mean = curves.mean(axis=0)
    gap = [mean.mean() + value for value in gap]
    return np.r_[mean, gap], curves if kind == "ice" else np.zeros((0, 0)), own


def _table(feature, grid, curve, again, confidence_level):
    place, n = grid.places(), len(grid.positions)
    count = np.bincount(place[place >= 0], minlength=n)[:n]
    if grid.is_number and n > 1:
        count[0] = count[1]  # the first value opens the first interval
    values = grid.values()
    if grid.gap is not None:
        values, count = [*values, None], np.r_[count, int((place < 0).sum())]
    lower = upper = np.full(len(curve), np.nan)
    if len(again):
        edge = (1 - confidence_level) / 2
        lower, upper = np.quantile(again, [edge, 1 - edge], axis=0)
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return pd.DataFrame(
        {
            "feature": str(feature),
            "value": cells,
            "estimate": curve,
            "lower": lower,
            "upper": upper,
            "n_samples": count,
            "supported": count >= MIN_COUNT,
        }
    )
