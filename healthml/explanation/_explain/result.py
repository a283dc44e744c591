"""An explanation: the table, the picture and what stands around it."""

from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._results import Result, table_text
from healthml.exceptions import InputError

KINDS = ("waterfall", "bars", "beeswarm", "dependence")


@dataclass(frozen=True, repr=False)
class ExplanationResult(Result):
    """Why the model gives these rows these predictions; made by `explain`.

    Base value and values add up to the prediction on `scale`. The three uncertainties stand apart:
    chance in sampled orders (`mc_se`), the choice of background rows, and refitting the model.

    Parameters
    ----------
    table : DataFrame
        A row for each explained row and player: row (position in `X`), feature, value, unit,
        status ("measured", "out of range" of the schema's limits or the background's values,
        "below detection", "imputed", "missing"; a group has that of its worst cell), estimate,
        mc_se, background_lower, background_upper, refit_lower, refit_upper, stable, reason.
    values : ndarray of shape (n_samples, n_players)
        The estimates.
    base_values, predictions : ndarray of shape (n_samples,)
        Mean of the background rows of other patients, and the model's own value, on `scale`.
    scale : {"log_odds", "probability", "prediction"}
    route, why : str
        How the values were computed, and a sentence why so.
    features : list of str
        Players.
    n_background, n_background_given : int
        Background rows used, and those that were given.
    event_rate : float
        Share of events among the rows of `train`; missing without them.
    mean_prediction : float
        Mean prediction of the background rows, a probability for a classifier.
    probabilities : ndarray of shape (n_samples,) or None
        Risks of the explained rows.
    background_probabilities : ndarray of shape (n_background,) or None
        Risks of the background rows.
    rows, background : DataFrame
        What was explained, and what it was compared with.
    own_background : ndarray of int of shape (n_samples,)
        For each explained row the background row of the same patient, which is left out; -1 where
        there is none.
    refit_values : ndarray of shape (n_refits, n_samples, n_players)
        Values by refitted models.
    refit_predictions : ndarray of shape (n_refits, n_samples)
        Their predictions on `scale`.
    sign_shares : ndarray of shape (n_samples, n_players)
        Share of refits in which a value has the sign of the estimate.
    proposed_players : dict
        Columns that go together in the background and might play as one.
    additivity_gap : float
        Largest distance of base value and values from the prediction.
    confidence_level : float
    """

    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    base_values: np.ndarray = field(default_factory=lambda: np.zeros(0))
    predictions: np.ndarray = field(default_factory=lambda: np.zeros(0))
    scale: str = "prediction"
    route: str = ""
    why: str = ""
    features: list = field(default_factory=list)
    n_background: int = 0
    n_background_given: int = 0
    event_rate: float = np.nan
    mean_prediction: float = np.nan
    probabilities: np.ndarray | None = None
    background_probabilities: np.ndarray | None = None
    rows: pd.DataFrame | None = None
    background: pd.DataFrame | None = None
    own_background: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    refit_values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0)))
    refit_predictions: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    sign_shares: np.ndarray | None = None
    proposed_players: dict = field(default_factory=dict)
    additivity_gap: float = 0.0
    confidence_level: float = 0.95

    def importance(self):
        """Return the mean size of the values by player, largest first: feature, mean_size."""
        table = pd.DataFrame({"feature": self.features, "mean_size": np.abs(self.values).mean(0)})
        return table.sort_values("mean_size", ascending=False, kind="stable", ignore_index=True)

    def summary(self):
        """Return in words how the values were computed, and the mean size of each; no cell."""
        lines = [
            f"{len(self.values)} rows explained on the scale {self.scale!r}, {self.route}.",
            self.why,
            f"Base value {np.mean(self.base_values):.3f}: the mean prediction of "
            f"{self.n_background} background rows (of {self.n_background_given} given).",
        ]
        if np.isfinite(self.mean_prediction) and self.probabilities is not None:
            rate = "not known" if np.isnan(self.event_rate) else f"{self.event_rate:.3f}"
            lines.append(
                f"Mean risk of the background {self.mean_prediction:.3f}; event rate of the "
                f"cohort {rate}."
            )
        lines.append(self._refit_words())
        if self.proposed_players:
            groups = "; ".join(self.proposed_players)
            lines.append(f"Columns that go together and might play as one: {groups}.")
        return "\n".join([*lines, table_text(self.importance())])

    def _refit_words(self):
        n = len(self.refit_values)
        if not n:
            return (
                "Not refitted: how far another sample of patients would move the reasons is not "
                "known. Pass n_refits with train, or refits."
            )
        share = self.table["stable"].mean()
        return f"{n} refits: the sign of {share:.0%} of the values is stable."

    def _repr_html_(self):
        from html import escape

        return f"<pre>{escape(self.summary())}</pre>"

    def plot(self, ax=None, *, kind="waterfall", row=0, feature=None, most=10, **kwargs):
        """Draw the explanation.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        kind : {"waterfall", "bars", "beeswarm", "dependence"}, default="waterfall"
            One row; mean size of the values; all values; values against one column.
        row : int, default=0
            Row of the waterfall.
        feature : str, optional
            Column of "dependence"; that with the largest values by default.
        most : int, default=10
            Players shown apart; the waterfall adds up the others.
        **kwargs
            Passed to matplotlib.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from healthml.explanation import _displays as draw

        if kind not in KINDS:
            raise InputError(f"kind is {kind!r}; pass one of {', '.join(map(repr, KINDS))}.")
        if kind == "waterfall":
            return draw.waterfall(self, check_row(self, row), ax, most=most, **kwargs)
        if kind == "dependence":
            feature = self.importance()["feature"][0] if feature is None else feature
            if feature not in self.features:
                raise InputError(f"feature is {feature!r}, which is no player of the result.")
            return draw.dependence(self, feature, ax, **kwargs)
        return {"bars": draw.bars, "beeswarm": draw.beeswarm}[kind](self, ax, most=most, **kwargs)

    def to_shap(self):
        """Return the values as a ``shap.Explanation``, for shap's own plots.

        Returns
        -------
        shap.Explanation
        """
        import shap

        cells = self.table["value"].to_numpy(dtype=object).reshape(self.values.shape)
        return shap.Explanation(
            values=self.values.copy(),
            base_values=self.base_values.copy(),
            data=cells,
            feature_names=list(self.features),
        )


def check_row(result, row):
    """Return the position of an explained row, refused where there is none."""
    if not isinstance(result, ExplanationResult):
        raise InputError(
            f"result is a {type(result).__name__}; pass what explain returns, an ExplanationResult."
        )
    if isinstance(row, bool) or not isinstance(row, Integral):
        raise InputError(f"row is a {type(row).__name__}; pass a position, 0 for the first row.")
    if not -len(result.values) <= row < len(result.values):
        raise InputError(f"row {row} is not among the {len(result.values)} explained rows.")
    return int(row) % len(result.values)
