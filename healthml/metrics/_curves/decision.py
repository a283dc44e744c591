"""Decision curves: what deciding by the risks is worth against treating all or nobody."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._checks import check_alignment
from healthml._core._inputs import check_risks
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml._core._sample import as_models, make_sample
from healthml.exceptions import InputError
from healthml.metrics._measures import check_prevalence
from healthml.metrics._multiclass import one_vs_rest, risk_of_event
from healthml.metrics._uncertainty import contrast_of_counts, contrast_of_rates

__all__ = ["DecisionCurveDisplay", "DecisionCurveResult", "decision_curve"]

ALL, NONE = "treat all", "treat none"


@dataclass(frozen=True, repr=False)
class DecisionCurveResult(Result):
    """Net benefit over thresholds; made by `decision_curve`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per strategy and threshold: model, threshold, estimate (net benefit), lower, upper,
        standardized, true_positives, false_positives (per patient), interventions_avoided (net,
        per patient, against treating all) with its own lower and upper, n_samples, n_events.
    differences : pandas.DataFrame
        One row per pair and threshold: model, reference, threshold, estimate (net benefit of model
        minus reference), lower, upper. References are the first model and treating all.
    confidence_level : float
        Pointwise coverage of the intervals.
    prevalence : float
        Prevalence that the net benefit is for.
    """

    differences: pd.DataFrame = None
    confidence_level: float = 0.95
    prevalence: float = np.nan

    def plot(self, ax=None, **kwargs):
        """Draw the curves; returns a `DecisionCurveDisplay`."""
        return DecisionCurveDisplay(self).plot(ax=ax, **kwargs)


@one_vs_rest
def decision_curve(
    y_true,
    y_proba,
    *,
    thresholds=None,
    prevalence=None,
    groups=None,
    sample_weight=None,
    weight_type=None,
    confidence_level=0.95,
    event=None,
    classes=None,
) -> DecisionCurveResult:
    """Compute net benefit over a range of decision thresholds, with treat-all and treat-none.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,) or dict of str to array-like
        Predicted probability of the event, or those of several models by name.
    thresholds : array-like of float, default=None
        Risks between 0 and 1 at which somebody would act; 0.01 to 0.99 when None. Name the range
        that is plausible for the decision.
    prevalence : float, default=None
        Prevalence of the population of interest, sensitivity and specificity unchanged; taken as
        known by the intervals.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; intervals are then for patients.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    weight_type : {"frequency", "sampling"}, default=None
        What the weights are; required with them.
    confidence_level : float, default=0.95
        Pointwise coverage of the intervals.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    classes : list, default=None
        Labels of the columns of a `y_proba` with three or more; the sorted labels when None.

    Returns
    -------
    DecisionCurveResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or a threshold is not between 0 and 1.

    See Also
    --------
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.
    threshold_table : Tabulate sensitivity, specificity, predictive values and alerts over
        thresholds.
    healthml.validation.validate : Judge a modelling procedure on patients that it has not seen, by
        refitting it.

    Notes
    -----
    The interval of a model's net benefit joins Wilson's intervals of its true and false positives
    (MOVER [3]_), so that it holds where few patients reach the threshold. With patients or sampling
    weights, and for differences between models, which are paired, it is normal, from the influence
    of each row (or patient), and too narrow at thresholds that almost nobody reaches.

    References
    ----------
    .. [1] Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making. 2006;26:565-574.
    .. [2] Marsh TL, Janes H, Pepe MS. Statistical inference for net benefit measures in biomarker
       validation studies. Biometrics. 2020;76:843-852.
    .. [3] Zou GY, Donner A. Construction of confidence limits about effect measures: a general
       approach. Stat Med. 2008;27:1693-1702.

    Examples
    --------
    >>> from healthml.metrics import decision_curve
    >>> y, risk = [0, 1, 0, 1, 0, 0], [0.1, 0.5, 0.3, 0.4, 0.2, 0.1]
    >>> table = decision_curve(y, risk, thresholds=[0.2, 0.4]).to_frame()
    >>> table[["model", "threshold", "estimate"]].round(3).values.tolist()[:2]
    [['model', 0.2, 0.25], ['model', 0.4, 0.333]]
    """
    level = check_confidence_level(confidence_level)
    prevalence = check_prevalence(prevalence)
    at = _check_thresholds(thresholds)
    models = as_models(y_proba)
    check_alignment(y_true=y_true, y_proba=models, sample_weight=sample_weight, groups=groups)
    if clash := {ALL, NONE} & set(models):
        raise InputError(f"A model cannot be called {clash.pop()!r}; give it another name.")
    options = {"sample_weight": sample_weight, "weight_type": weight_type, "groups": groups}
    names = iter(models)
    sample = make_sample(y_true, models[next(names)], **options, event=event)
    risks = [sample.proba, *(check_risks(models[name], len(sample.event), name) for name in names)]
    compare = _Comparison(sample, at, prevalence, level)
    for name, proba in zip(models, risks, strict=True):
        compare.passed[name] = _thresholds_passed(proba, at)
    table = _stack([compare.strategy(name) for name in (*models, ALL, NONE)])
    first = next(iter(models))
    pairs = [(n, first) for n in models if n != first] + [(n, ALL) for n in models]
    differences = _stack([compare.difference(a, b, model=a, reference=b) for a, b in pairs])
    known = sample.mean(sample.event) if prevalence is None else prevalence
    return DecisionCurveResult(table, differences, level, known)


def _check_thresholds(thresholds):
    at = np.arange(1, 100) / 100 if thresholds is None else np.unique(np.asarray(thresholds, float))
    if at.ndim != 1 or not at.size or not ((at > 0) & (at < 1)).all():
        raise InputError("thresholds has values outside 0 to 1 (ends excluded); leave them out.")
    return at


def _thresholds_passed(proba, at, n_cells=1 << 14):
    """Count the thresholds that each risk is at or above.

    A risk is compared with the one threshold in its own narrow cell, by table elsewhere; this is
    a binary search without the search, and as exact.
    """
    cell_of = (at * n_cells).astype(np.intp)
    if len(np.unique(cell_of)) < len(at):
        return np.searchsorted(at, proba, side="right")
    below = np.cumsum(np.bincount(cell_of + 1, minlength=n_cells + 2))
    inside = np.full(n_cells + 1, np.inf)
    inside[cell_of] = at
    cell = (proba * n_cells).astype(np.intp)
    return below[cell] + (proba >= inside[cell])


def _stack(parts):
    """Stack dicts of columns into one table; a text stands for a whole column."""
    n = len(parts[0]["threshold"])
    return pd.DataFrame(
        {
            name: np.concatenate(
                [np.full(n, p[name]) if np.ndim(p[name]) == 0 else p[name] for p in parts]
            )
            for name in parts[0]
        }
    )


class _Comparison:
    """Net benefit of one way to decide over another, at all thresholds at once.

    A way to decide is, for each row, the number of thresholds (in rising order) at which it is
    positive; two ways differ for a row exactly between their two numbers.
    """

    def __init__(self, sample, at, prevalence, level):
        self.sample, self.at, self.prevalence, self.level = sample, at, prevalence, level
        self.code = sample.event.astype(np.intp)
        self.known = {}
        n, total = len(sample.event), sample.mean(sample.event)
        self.passed = {ALL: np.full(n, len(at)), NONE: np.zeros(n, dtype=np.intp)}
        self.total = total
        self.odds = at / (1 - at)
        self.up, self.down = np.ones_like(self.odds), self.odds
        if prevalence is not None:
            self.up = self.up * prevalence / total
            self.down = (1 - prevalence) / (1 - total) * self.odds

    def strategy(self, name):
        """Return the table of one strategy."""
        table = self.difference(name, NONE, model=name)
        gains, losses = self._shares(name)
        known = self.total if self.prevalence is None else self.prevalence
        avoided = self.difference(name, ALL)
        table["standardized"] = table["estimate"] / known
        table["true_positives"] = gains * self.up
        table["false_positives"] = losses * self.down / self.odds
        for column in ("estimate", "lower", "upper"):
            suffix = "" if column == "estimate" else f"_{column}"
            table[f"interventions_avoided{suffix}"] = avoided[column] / self.odds
        return {**table, "n_samples": self.sample.n_samples, "n_events": self.sample.n_events}

    def difference(self, strategy, other, **labels):
        """Return estimate and interval of the difference in net benefit at each threshold."""
        gains, losses = self._shares(strategy) - self._shares(other)
        estimate = self.up * gains - self.down * losses
        columns = {**labels, "threshold": self.at, "estimate": estimate}
        known = {strategy, other} <= {ALL, NONE} and (
            strategy == other or self.prevalence is not None
        )
        if self.sample.independent and other in (ALL, NONE) and not known:
            lower, upper = self._recovered(strategy, other)
        else:
            step = self._normal_step(strategy, other, estimate, gains, losses)
            lower, upper = estimate - step, estimate + step
        return {**columns, "lower": lower, "upper": upper}

    def _recovered(self, strategy, other):
        """Join Wilson's intervals of the counts by which a way differs from all or none."""
        gains, losses = self._positive(strategy, 1)
        n_events = self.sample.weight @ self.sample.event
        n_others = self.sample.weight.sum() - n_events
        if self.prevalence is None:
            n = n_events + n_others
            if other == NONE:
                return contrast_of_counts(gains, losses, n, self.odds, self.level)
            spared, missed = n_others - losses, n_events - gains
            ends = contrast_of_counts(spared, missed, n, 1 / self.odds, self.level)
            return tuple(self.odds * end for end in ends)
        prices = self.prevalence, self.odds * (1 - self.prevalence)
        if other == NONE:
            return contrast_of_rates(gains, n_events, losses, n_others, prices, self.level)
        spared, missed = n_others - losses, n_events - gains
        return contrast_of_rates(spared, n_others, missed, n_events, prices[::-1], self.level)

    def _normal_step(self, strategy, other, estimate, gains, losses):
        """Half the width of the normal interval."""
        centre = (estimate / self.up, -estimate / self.down)
        if self.prevalence is not None:
            centre = gains / self.total, losses / (1 - self.total)
        clustered = self.sample.groups is not None
        error = (self._clustered_error if clustered else self._error)(strategy, other, centre)
        return norm.ppf(0.5 + self.level / 2) * error

    def _shares(self, name):
        """Shares of all rows that are positive with the event, and without it."""
        return self._positive(name, 1) / self.sample.weight.sum()

    def _positive(self, name, power):
        """Sum of weights (or their squares) of positive events and others, by threshold."""
        if (name, power) not in self.known:
            self.known[name, power] = self._sums(self.passed[name], power)
        return self.known[name, power]

    def _sums(self, passed, power):
        weight = self.sample.row_weight
        weight = weight if weight is None else weight**power
        count = np.bincount(2 * passed + self.code, weight, 2 * len(self.at) + 2)
        above = np.cumsum(count.reshape(-1, 2)[::-1], axis=0)[::-1][1:]
        return np.stack([above[:, 1], above[:, 0]]).astype(float)

    def _changed(self, strategy, other, power):
        """Sum of weights of the rows that the two ways decide differently."""
        if {strategy, other} & {ALL, NONE}:
            return np.abs(self._positive(strategy, power) - self._positive(other, power))
        a, b = self.passed[strategy], self.passed[other]
        return self._sums(np.maximum(a, b), power) - self._sums(np.minimum(a, b), power)

    def _error(self, strategy, other, centre):
        """Return the standard error of the difference, from each row's squared influence."""
        sample, power = self.sample, 1 if self.sample.frequency else 2
        changed = self._changed(strategy, other, power)
        net = self._positive(strategy, power) - self._positive(other, power)
        squares = sample.weight**power
        total = 0.0
        for k, (part, factor) in enumerate(
            ((sample.event, self.up), (1 - sample.event, self.down))
        ):
            spread = changed[k] - 2 * centre[k] * net[k] + centre[k] ** 2 * (squares @ part)
            total = total + factor**2 * spread
        n = sample.n_samples
        return np.sqrt(np.maximum(total, 0) / sample.weight.sum() ** 2 * n / (n - 1))

    def _clustered_error(self, strategy, other, centre):
        sample, n_groups = self.sample, int(self.sample.groups.max()) + 1
        weight, is_event = sample.weight / sample.weight.sum(), sample.event == 1
        error = np.empty(len(self.at))
        for k in range(len(self.at)):
            change = (self.passed[strategy] > k) * 1.0 - (self.passed[other] > k)
            gain, loss = (change - centre[j][k] for j in (0, 1))
            influence = np.where(is_event, self.up[k] * gain, -self.down[k] * loss)
            sums = np.bincount(sample.groups, weight * influence, n_groups)
            error[k] = np.sqrt(np.square(sums).sum() * n_groups / (n_groups - 1))
        return error


@dataclass
class DecisionCurveDisplay:
    """Net benefit against the decision threshold.

    Parameters
    ----------
    result : DecisionCurveResult
        What is drawn.

    See Also
    --------
    decision_curve : Compute net benefit over a range of decision thresholds, with treat-all and
        treat-none.

    Examples
    --------
    >>> from healthml.metrics import DecisionCurveDisplay
    >>> y, risk = [0, 1, 0, 1, 0, 0], [0.1, 0.5, 0.3, 0.4, 0.2, 0.1]
    >>> display = DecisionCurveDisplay.from_predictions(y, risk, thresholds=[0.2, 0.4])
    >>> display.ax_.get_xlabel()
    'Decision threshold (risk)'
    """

    result: DecisionCurveResult

    @classmethod
    def from_predictions(cls, y_true, y_proba, *, ax=None, **options):
        """Compute the curve from outcomes and risks and draw it."""
        return decision_curve(y_true, y_proba, **options).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **options):
        """Compute the curve from a fitted classifier and draw it."""
        proba = risk_of_event(estimator, X, options.get("event"))
        return cls.from_predictions(y, proba, ax=ax, **options)

    def plot(self, ax=None, *, band=True, **kwargs):
        """Draw into `ax`, or into new axes; further options go to the models' lines."""
        from healthml._core._displays import GREY, line_style, new_axes

        self.ax_ = ax = new_axes(ax, width=5.5)
        table, number = self.result.table, 0
        for name, part in table.groupby("model", sort=False):
            if name in (ALL, NONE):
                dashes = "-" if name == NONE else (0, (6, 2))
                ax.plot(
                    part["threshold"], part["estimate"], color=GREY, ls=dashes, lw=1, label=name
                )
                continue
            style = line_style(number)
            number += 1
            ax.plot(part["threshold"], part["estimate"], **{**style, "label": name, **kwargs})
            if band:
                ax.fill_between(
                    part["threshold"],
                    part["lower"],
                    part["upper"],
                    color=style["color"],
                    alpha=0.15,
                    lw=0,
                )
        models = table[~table["model"].isin([ALL, NONE])]
        top = max(models["upper"].max(), self.result.prevalence) * 1.05
        ax.set(
            ylim=(-0.12 * top, top),
            xlabel="Decision threshold (risk)",
            ylabel=f"Net benefit, {self.result.confidence_level:.0%} CI",
        )
        ax.margins(x=0)
        ax.legend(frameon=False)
        return self
