"""How reasons agree between refits: the same leading columns, the same signs, the same ranks."""

from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._displays import BLUE, GREY, new_axes, shorten
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.explanation._explain import check_row


@dataclass(frozen=True, repr=False)
class StabilityResult(Result):
    """Agreement of explanations between refits; made by `stability`.

    Parameters
    ----------
    table : DataFrame
        A row for each explained row and player: row, feature, estimate, rank (1 is the largest in
        size), rank_lower, rank_upper (over refits), top_share (share of refits in which it is
        among the k largest), sign_share, stable.
    rows : DataFrame
        A row for each explained row: row, same_top (share of refits with the same k leading
        players), overlap (mean share of them found again), sign_flips (mean share of refits in
        which the sign of a leading player differs), n_refits.
    k : int
    confidence_level : float
    """

    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    k: int = 3
    confidence_level: float = 0.95

    def summary(self):
        """Return the mean agreement over the rows and by player."""
        mean = self.rows[["same_top", "overlap", "sign_flips"]].mean()
        words = (
            f"In {mean['same_top']:.0%} of {self.rows['n_refits'].iloc[0]} refits the same "
            f"{self.k} columns lead; {mean['overlap']:.0%} of the leading columns are found again, "
            f"and their sign differs in {mean['sign_flips']:.0%} (means over {len(self.rows)} "
            "rows)."
        )
        by_player = self.table.groupby("feature", sort=False)[["top_share", "sign_share"]].mean()
        return f"{words}\n{table_text(by_player.reset_index())}"

    def _repr_html_(self):
        from html import escape

        return f"<pre>{escape(self.summary())}</pre>"

    def plot(self, ax=None, *, row=0, most=10, **kwargs):
        """Draw the ranks of one row's players with their intervals over refits.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        row : int, default=0
            Explained row.
        most : int, default=10
            Players shown.
        **kwargs
            Passed to ``Axes.errorbar``.

        Returns
        -------
        matplotlib.axes.Axes
        """
        part = self.table[self.table["row"] == row].sort_values("rank").head(most).iloc[::-1]
        ax = new_axes(ax, width=6.0, height=1.2 + 0.32 * len(part))
        spread = np.abs(part[["rank_lower", "rank_upper"]].sub(part["rank"], axis=0)).to_numpy().T
        options = {"fmt": "o", "color": BLUE} | kwargs
        ax.errorbar(part["rank"], range(len(part)), xerr=spread, **options)
        ax.axvline(self.k + 0.5, color=GREY, lw=0.8, ls="--")
        ax.set_yticks(
            range(len(part)), [shorten(str(name)) for name in part["feature"]], parse_math=False
        )
        ax.set_xlabel(f"Rank by size, {self.confidence_level:.0%} interval over refits")
        return ax


def stability(result, *, k=3):
    """Measure how far the explanations of refitted models agree.

    Parameters
    ----------
    result : ExplanationResult
        Of `explain` with `refits` or `n_refits`.
    k : int, default=3
        Leading players that are compared.

    Returns
    -------
    StabilityResult

    Raises
    ------
    InputError
        If there are no refits, or `k` is no number between 1 and the number of players.

    See Also
    --------
    explain : Makes the refits.
    healthml.validation.prediction_instability : How far refits move the risk itself.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.explanation import explain, stability
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"noise": rng.normal(size=300), "lactate": rng.normal(size=300)})
    >>> y = (X["lactate"] + rng.normal(size=300) > 0.5).astype(int).to_numpy()
    >>> model = LogisticRegression().fit(X, y)
    >>> result = explain(model, X[:3], background=X, train=(X, y), n_refits=20, random_state=0)
    >>> stability(result, k=1).rows["n_refits"].tolist()
    [20, 20, 20]
    """
    check_row(result, 0)
    if not len(result.refit_values):
        raise InputError(
            "the result has no refits; pass n_refits with train, or refits, to explain."
        )
    p = len(result.features)
    if not isinstance(k, Integral) or not 1 <= k <= p:
        raise InputError(f"k is {k!r}; pass a whole number from 1 to {p}, the number of players.")
    own, again = size_ranks(result.values), size_ranks(result.refit_values)
    leads, leads_again = own <= k, again <= k
    edge = (1 - result.confidence_level) / 2
    lower, upper = np.quantile(again, [edge, 1 - edge], axis=0)
    table = result.table[["row", "feature", "estimate"]].assign(
        rank=own.ravel(),
        rank_lower=lower.ravel(),
        rank_upper=upper.ravel(),
        top_share=leads_again.mean(axis=0).ravel(),
        sign_share=result.sign_shares.ravel(),
        stable=result.table["stable"],
    )
    flips = np.where(leads, 1 - result.sign_shares, 0).sum(axis=1) / k
    rows = pd.DataFrame(
        {
            "row": np.arange(len(own)),
            "same_top": (leads_again == leads).all(axis=2).mean(axis=0),
            "overlap": (leads_again & leads).sum(axis=2).mean(axis=0) / k,
            "sign_flips": flips,
            "n_refits": len(again),
        }
    )
    return StabilityResult(table, rows, int(k), result.confidence_level)


def size_ranks(values):
    """Return ranks by size along the last axis, 1 for the largest; equal sizes in column order.

    Examples
    --------
    >>> size_ranks(np.array([[0.1, -3.0, 2.0]])).tolist()
    [[3, 1, 2]]
    """
    order = np.argsort(-np.abs(values), axis=-1, kind="stable")
    return np.argsort(order, axis=-1, kind="stable") + 1
