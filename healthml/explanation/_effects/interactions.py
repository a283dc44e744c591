"""How far columns act together: what a sum of single effects leaves unexplained."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from healthml._core._bootstrap import check_count
from healthml._core._displays import BLUE, GREY, new_axes, shorten
from healthml._core._intervals import check_confidence_level
from healthml._core._parallel import run_parallel
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.explanation._effects.effect_curve import check_feature
from healthml.explanation._explain import check_refits, check_train, plain_model, refit_models


@dataclass(frozen=True, repr=False)
class InteractionResult(Result):
    """Strength of interactions; made by `interaction_strength`.

    Parameters
    ----------
    table : DataFrame
        feature_1, feature_2, estimate (standard deviation of the part of the joint effect that
        single effects do not give, on `scale`), lower, upper (over refits; missing without), share
        (Friedman and Popescu's H squared: that variance as a share of the joint effect's); largest
        first.
    scale : str
    n_refits : int
    """

    scale: str = "probability"
    n_refits: int = 0

    def plot(self, ax=None, *, most=10, **kwargs):
        """Draw the strongest pairs, with their interval over refits.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        most : int, default=10
            Pairs shown.
        **kwargs
            Passed to ``Axes.plot``.

        Returns
        -------
        matplotlib.axes.Axes
        """
        rows = self.table.head(most).iloc[::-1].reset_index(drop=True)
        ax = new_axes(ax, width=6.4, height=1.2 + 0.32 * len(rows))
        ax.hlines(rows.index, rows["lower"], rows["upper"], color=BLUE, lw=1.2)
        ax.plot(rows["estimate"], rows.index, **({"marker": "o", "ls": "", "color": BLUE} | kwargs))
        names = rows["feature_1"].astype(str) + " and " + rows["feature_2"].astype(str)
        ax.set_yticks(rows.index, [shorten(name) for name in names], parse_math=False)
        ax.axvline(0.0, color=GREY, lw=0.8)
        ax.set_xlabel(f"Strength of the interaction, {self.scale.replace('_', ' ')}")
        return ax


_ROUNDING = 1e-9  # share of the effects below which an interaction is rounding of the sums


def interaction_strength(
    estimator,
    X,
    *,
    features=None,
    scale=None,
    max_rows=60,
    refits=None,
    n_refits=0,
    train=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Measure how far pairs of columns act together rather than one by one.

    Partial dependence of two columns, less that of each of them [1]_. The share H squared is large
    for noise where neither column does anything; so the size is given first, and the share beside
    it.

    Parameters
    ----------
    estimator : fitted estimator or function
        As in `explain`.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows to average over.
    features : list of str, optional
        Columns whose pairs are looked at; all by default, which for 20 columns are 190 pairs.
    scale : {"log_odds", "probability", "prediction"}, optional
        Log odds for a classifier by default, since single effects on log odds already bend
        together as probabilities; prediction for anything else.
    max_rows : int, default=60
        Rows averaged over at most; their square is predicted for each pair.
    refits, n_refits, train
        As in `explain`.
    confidence_level : float, default=0.95
        Level of the interval over refits.
    n_jobs : int, optional
        Parallel jobs over refits.
    verbose : int, default=0
        Above 0, report progress.
    random_state : int, RandomState or None, default=None
        Of rows and refits.

    Returns
    -------
    InteractionResult

    Raises
    ------
    InputError
        If a feature is no column, fewer than two are named, or an option does not fit.

    See Also
    --------
    effect_curve : The effects one by one.

    References
    ----------
    .. [1] Friedman JH, Popescu BE. Predictive learning via rule ensembles. Ann Appl Stat.
       2008;2:916-954.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.explanation import interaction_strength
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(100, 3)), columns=["a", "b", "c"])
    >>> found = interaction_strength(lambda t: t["a"] * t["b"] + t["c"], X, random_state=0)
    >>> found.table[["feature_1", "feature_2"]].iloc[0].tolist()
    ['a', 'b']
    """
    check_confidence_level(confidence_level)
    frame, as_array = to_pandas(X), not hasattr(X, "columns")
    names = list(frame.columns) if features is None else list(features)
    for name in names:
        check_feature(frame, name)
    if len(names) < 2:
        raise InputError("features names fewer than two columns; an interaction takes two.")
    given, number = check_refits(refits, n_refits)
    rng = check_random_state(random_state)
    chosen = np.sort(rng.permutation(len(frame))[: check_count(max_rows, "max_rows")])
    seed = int(rng.randint(np.iinfo(np.int32).max))
    frame = frame.iloc[chosen].reset_index(drop=True)
    if number:
        given = refit_models(
            estimator, check_train(train, estimator), number, n_jobs=n_jobs, verbose=verbose,
            seed=seed, as_array=as_array,
        )  # fmt: skip
    tasks = [(model, scale, frame, names, as_array) for model in [estimator, *given]]
    strengths = run_parallel(_strengths, tasks, n_jobs=n_jobs, verbose=verbose, what="models")
    size, share, own_scale = strengths[0]
    lower = upper = np.full(len(size), np.nan)
    if given:
        edge = (1 - confidence_level) / 2
        lower, upper = np.quantile([f[0] for f in strengths[1:]], [edge, 1 - edge], axis=0)
    pairs = list(combinations(names, 2))
    table = pd.DataFrame(pairs, columns=["feature_1", "feature_2"]).assign(
        estimate=size, lower=lower, upper=upper, share=share
    )
    table = table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)
    return InteractionResult(table, own_scale, len(given))


def _strengths(task):
    """Return size and share of each pair for one model."""
    estimator, scale, frame, names, as_array = task
    model, own = plain_model(estimator, scale)
    if scale is None and model.kind == "classifier":
        own = "log_odds"

    def mean_at(columns):
        """Return the mean prediction with these columns set to those of each row."""
        n = len(frame)
        rows = frame.iloc[np.tile(np.arange(n), n)].reset_index(drop=True)
        order = np.repeat(np.arange(n), n)
        cells = {c: frame[c].take(order).reset_index(drop=True) for c in columns}
        table = rows.assign(**cells)
        values = model.values(table.to_numpy() if as_array else table, own)
        mean = values.reshape(n, n).mean(axis=1)
        return mean - mean.mean()

    single = {name: mean_at([name]) for name in names}
    size, share = [], []
    for a, b in combinations(names, 2):
        joint = mean_at([a, b])
        rest = joint - single[a] - single[b]
        alone = max(np.abs(single[a]).max(), np.abs(single[b]).max(), np.abs(joint).max())
        rest = np.where(np.abs(rest).max() <= _ROUNDING * alone, 0.0, rest)
        size.append(float(np.sqrt((rest**2).mean())))
        total = float((joint**2).sum())
        share.append(float((rest**2).sum() / total) if total > 1e-15 else 0.0)
    return np.array(size), np.array(share), own
