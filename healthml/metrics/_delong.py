"""DeLong's test: do two models rank patients equally well? Paired, unpaired, by patient."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t

from healthml._core._checks import check_alignment
from healthml._core._inputs import check_risks
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml._core._sample import both_outcomes, make_sample
from healthml.exceptions import InputError
from healthml.metrics._multiclass import refuse_multiclass
from healthml.metrics._uncertainty import delong_covariance, placements

__all__ = ["DelongResult", "delong_test"]


@dataclass(frozen=True, repr=False)
class DelongResult(Result):
    """Difference of two areas under the ROC curve; made by `delong_test`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row: estimate (first minus second), lower, upper, auroc_1, auroc_2, standard_error,
        statistic, df, p_value, n_samples, n_events, method.
    confidence_level : float
        Coverage of the interval.
    """

    confidence_level: float = 0.95

    def plot(self, ax=None, **kwargs):
        """Draw the difference with its interval."""
        from healthml._core._displays import BLUE, GREY, new_axes

        row, ax = self._drawn().iloc[0], new_axes(ax, height=1.6)
        ends = [[row.estimate - row.lower], [row.upper - row.estimate]]
        ax.errorbar([row.estimate], [0], xerr=ends, **{"fmt": "o", "color": BLUE, **kwargs})
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.set_yticks([])
        ax.set_xlabel(f"Difference in AUROC, {self.confidence_level:.0%} CI")
        return ax


def delong_test(
    y_true,
    y_proba_1,
    y_proba_2,
    *,
    y_true_2=None,
    groups=None,
    groups_2=None,
    confidence_level=0.95,
    event=None,
) -> DelongResult:
    """Compare two areas under the ROC curve without resampling.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba_1, y_proba_2 : array-like of shape (n_samples,)
        Risks of the two models; of the same rows unless `y_true_2` is given.
    y_true_2 : array-like, default=None
        Outcome of other patients, to whom `y_proba_2` belongs: the test is then unpaired, with
        Welch's degrees of freedom as in pROC.
    groups, groups_2 : array-like, default=None
        Patient of each row (of the first and the second set): the variance is then Obuchowski's.
    confidence_level : float, default=0.95
        Coverage of the interval of the difference.
    event : scalar or str, default=None
        The level of `y_true` that is the event.

    Returns
    -------
    DelongResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or there is one class only.

    See Also
    --------
    healthml.validation.compare_models : Procedures, refitted on the same splits: which should be
        built?
    compare_performance : Risks that exist, any measure, on the same patients: which is better?
    healthml.fairness.group_performance : One model in several groups: for whom is it worse?
    healthml.imputation.compare_imputers : Imputers in front of one model: which serves it best?

    Notes
    -----
    The test takes the two models as they are. It must not compare a model with itself plus one
    predictor on the data it was fitted on: the difference is then not normal (Demler et al. 2012).

    References
    ----------
    .. [1] DeLong ER, et al. Comparing the areas under two or more correlated receiver operating
       characteristic curves. Biometrics. 1988;44:837-845.
    .. [2] Sun X, Xu W. Fast implementation of DeLong's algorithm. IEEE Signal Process Lett.
       2014;21:1389-1393.
    .. [3] Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics.
       1997;53:567-578.

    Examples
    --------
    >>> from healthml.metrics import delong_test
    >>> y = [0, 0, 1, 0, 1, 1, 0, 1]
    >>> first = [0.1, 0.4, 0.35, 0.2, 0.8, 0.7, 0.3, 0.9]
    >>> second = [0.3, 0.2, 0.4, 0.6, 0.5, 0.7, 0.1, 0.2]
    >>> delong_test(y, first, second).to_frame()["estimate"].round(4).tolist()
    [0.2188]
    """
    level = check_confidence_level(confidence_level)
    for proba in (y_proba_1, y_proba_2):
        refuse_multiclass(proba, "delong_test")
    first = both_outcomes(
        make_sample(y_true, y_proba_1, groups=groups, event=event, name="y_proba_1")
    )
    if y_true_2 is None:
        check_alignment(y_true=y_true, y_proba_1=y_proba_1, y_proba_2=y_proba_2, groups=groups)
        if groups_2 is not None:
            raise InputError("groups_2 belongs to y_true_2; for paired risks pass groups alone.")
        second = first.with_proba(check_risks(y_proba_2, len(first.event), "y_proba_2"))
        numbers = _paired(first, second)
    else:
        second = both_outcomes(
            make_sample(y_true_2, y_proba_2, groups=groups_2, event=event, name="y_proba_2")
        )
        numbers = _unpaired(first, second)
    row = _tested(*numbers, level)
    return DelongResult(pd.DataFrame({name: [value] for name, value in row.items()}), level)


def _paired(first, second):
    parts = [placements(s.event, s.proba) for s in (first, second)]
    covariance = delong_covariance(first.event, parts, first.weight, first.groups)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    name = "DeLong" if first.groups is None else "Obuchowski (patients)"
    counts = (first.n_samples, first.n_events)
    return parts[0].area, parts[1].area, variance, np.inf, f"{name}, paired", counts


def _unpaired(first, second):
    parts = [placements(s.event, s.proba) for s in (first, second)]
    variances = [
        float(delong_covariance(s.event, [part], s.weight, s.groups)[0, 0])
        for s, part in zip((first, second), parts, strict=True)
    ]
    clustered = first.groups is not None or second.groups is not None
    freedom = np.inf
    if not clustered and sum(variances) > 0:
        sizes = first.n_samples - 1, second.n_samples - 1
        freedom = sum(variances) ** 2 / sum(v**2 / n for v, n in zip(variances, sizes, strict=True))
    name = "Obuchowski (patients)" if clustered else "DeLong"
    counts = (first.n_samples + second.n_samples, first.n_events + second.n_events)
    return parts[0].area, parts[1].area, sum(variances), freedom, f"{name}, unpaired", counts


def _tested(area_1, area_2, variance, freedom, method, counts, level):
    if np.isnan(variance):
        raise InputError(
            "The variance of an AUROC needs two events and two non-events, and with groups two "
            "patients with each; take more rows."
        )
    difference, error = area_1 - area_2, float(np.sqrt(max(variance, 0.0)))
    same = error == 0 and difference == 0
    with np.errstate(divide="ignore"):
        statistic = 0.0 if same else float(np.divide(difference, error))
    step = t.ppf(0.5 + level / 2, freedom) * error
    return {
        "estimate": difference,
        "lower": difference - step,
        "upper": difference + step,
        "auroc_1": area_1,
        "auroc_2": area_2,
        "standard_error": error,
        "statistic": statistic,
        "df": freedom,
        "p_value": float(2 * t.sf(abs(statistic), freedom)),
        "n_samples": counts[0],
        "n_events": counts[1],
        "method": method,
    }
