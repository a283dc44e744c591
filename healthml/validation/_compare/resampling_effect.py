"""What resampling or class weights in a model do to its risks: the same model without them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._inputs import log_odds
from healthml._core._numerics import cluster_variance
from healthml._core._recalibration import fit_recalibration
from healthml._core._results import Result
from healthml.resampling._guards import uncorrected_resampling, without_resampling

_COLUMNS = ["measure", "estimate", "lower", "upper", "reference", "reference_lower"]
_COLUMNS += ["reference_upper", "difference", "difference_lower", "difference_upper"]


@dataclass(frozen=True, repr=False)
class ResamplingEffect(Result):
    """Risks of a resampled model beside the same model without; made by `resampling_effect`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure (oe_ratio, calibration_slope, auroc, scaled_brier, net_benefit):
        estimate, lower, upper of the model; reference, reference_lower, reference_upper of what it
        is compared with; difference (model minus reference, paired; of logarithms for oe_ratio),
        difference_lower, difference_upper; n_samples, n_events, n_patients.
    cause : str
        What changed the share of events that the learner saw.
    compared_with : str
        "the same model without it", or "the same risks, recalibrated" where it cannot be taken out.
    """

    cause: str = ""
    compared_with: str = ""

    def get(self, measure):
        """Return the row of a measure as a Series."""
        return self.table[self.table["measure"] == measure].iloc[0]

    @property
    def shown(self):
        """Whether O:E is shown to be farther from 1 because of it, by the paired interval."""
        row = self.get("oe_ratio")
        farther = abs(np.log(row["estimate"])) > abs(np.log(row["reference"]))
        return bool(farther and row["difference_lower"] * row["difference_upper"] > 0)


def resampling_effect(judge, estimator, X, risk):
    """Measure what resampling does to the risks of a model, on patients left out.

    Parameters
    ----------
    judge : Evaluator
        Outcome, patients, splits and thresholds.
    estimator : scikit-learn classifier or pipeline
        The judged procedure.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The columns it is given.
    risk : ndarray of shape (n_repeats, n_samples)
        Its out-of-sample risks on the judge's splits.

    Returns
    -------
    ResamplingEffect or None
        None where nothing is resampled or weighted, or the risks are corrected.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation._compare import resampling_effect
    >>> from healthml.validation._scoring import Evaluator
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2))
    >>> y = (X[:, 0] + rng.normal(size=500) > 2).astype(int)
    >>> judge = Evaluator(y, n_repeats=1, random_state=0)
    >>> model = LogisticRegression(class_weight="balanced")
    >>> effect = resampling_effect(judge, model, X, judge.risks(model, X))
    >>> effect.cause, effect.shown
    ('class weights', True)
    """
    cause = uncorrected_resampling(estimator)
    if cause is None:
        return None
    plain, words = without_resampling(estimator), "the same model without it"
    if plain is None:
        reference, words = _recalibrated(judge, risk), "the same risks, recalibrated"
    else:
        reference = judge.risks(plain, X, label="the model without resampling")
    scores = judge.score({"model": risk, "reference": reference[: len(np.atleast_2d(risk))]})
    return ResamplingEffect(_table(scores, judge), cause, words)


def _recalibrated(judge, risk):
    """Return the risks recalibrated, for each fold by the other folds of its repeat."""
    mended = np.full(np.shape(risk), np.nan)
    for r, own in enumerate(risk):
        for k in np.unique(judge.folds[r][judge.folds[r] >= 0]):
            test = judge.folds[r] == k
            train = ~test & np.isfinite(own)
            fit = fit_recalibration(log_odds(own[train]), judge.y[train])
            mended[r, test] = fit(log_odds(own[test]))
    return mended


def _table(scores, judge):
    z, rows = norm.ppf(0.5 + judge.confidence_level / 2), []
    for measure in scores.table["measure"].unique():
        own, other = scores.get("model", measure), scores.get("reference", measure)
        gap, lower, upper = _difference(scores, measure, judge.groups, z)
        row = [measure, *own[["estimate", "lower", "upper"]]]
        row += [*other[["estimate", "lower", "upper"]], gap, lower, upper]
        counts = own[["n_samples", "n_events", "n_patients"]].to_dict()
        rows.append(dict(zip(_COLUMNS, row, strict=True)) | counts)
    return pd.DataFrame(rows)


def _difference(scores, measure, groups, z):
    if measure != "oe_ratio":
        return scores.difference("model", "reference", measure)
    (own, own_moved), (other, other_moved) = (
        scores.values[name, measure] for name in ("model", "reference")
    )
    error = np.sqrt(cluster_variance(own_moved / own - other_moved / other, groups))
    gap = np.log(own / other)
    return gap, gap - z * error, gap + z * error
