"""How well do the risks separate patients with the event from those without? Areas under curves."""

import numpy as np

from healthml._core._inputs import check_inputs
from healthml._core._sample import counts_of
from healthml.exceptions import InputError

__all__ = ["auprc", "auroc", "average_precision", "partial_auroc"]


def auroc(y_true, y_proba, *, sample_weight=None) -> float:
    """Area under the ROC curve, also called the c-statistic.

    The probability that a random patient with the event has a higher risk than a random patient
    without it; equal risks count one half.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Binary outcome, 0/1 or boolean; 1 is the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event, between 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    float
        Between 0 and 1; 0.5 is no discrimination.

    Raises
    ------
    ValueError
        If an outcome or risk is missing, outside its range, or if there is one class only.

    See Also
    --------
    partial_auroc : Area under the part of the ROC curve whose sensitivity (or specificity) is of
        interest.
    delong_test : Compare two areas under the ROC curve without resampling.
    roc_curve : Draw sensitivity against 1 - specificity, with a pointwise bootstrap band.

    Examples
    --------
    >>> from healthml.metrics import auroc
    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return auroc_of(counts_of(*check_inputs(y_true, y_proba, sample_weight)))


def average_precision(y_true, y_proba, *, sample_weight=None) -> float:
    """Sum of (step in sensitivity) x (positive predictive value) over descending thresholds.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`auroc`.

    Returns
    -------
    float
        Between 0 and 1; the prevalence is no discrimination.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    auprc : Area under the precision-recall curve, interpolated as Davis and Goadrich do.
    auroc : Area under the ROC curve, also called the c-statistic.
    precision_recall_curve : Draw positive predictive value against sensitivity, with a pointwise
        bootstrap band.

    Examples
    --------
    >>> from healthml.metrics import average_precision
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    return average_precision_of(counts_of(*check_inputs(y_true, y_proba, sample_weight)))


def auprc(y_true, y_proba, *, sample_weight=None) -> float:
    """Area under the precision-recall curve, interpolated as Davis and Goadrich do.

    Between two thresholds the counts of true and false positives are joined by a straight line, on
    which precision is curved; the area is summed by trapezoids one event wide [1]_.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`auroc`.

    Returns
    -------
    float
        Between 0 and 1; the prevalence is no discrimination.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    average_precision : Sum of (step in sensitivity) x (positive predictive value) over descending
        thresholds.
    precision_recall_curve : Draw positive predictive value against sensitivity, with a pointwise
        bootstrap band.

    References
    ----------
    .. [1] Davis J, Goadrich M. The relationship between precision-recall and ROC curves.
       Proc ICML. 2006:233-240.

    Examples
    --------
    >>> from healthml.metrics import auprc
    >>> round(auprc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.7917
    """
    return auprc_of(counts_of(*check_inputs(y_true, y_proba, sample_weight)))


def partial_auroc(
    y_true,
    y_proba,
    *,
    sample_weight=None,
    focus="sensitivity",
    limits=(0.8, 1.0),
    corrected=False,
) -> float:
    """Area under the part of the ROC curve whose sensitivity (or specificity) is of interest.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`auroc`.
    focus : {"sensitivity", "specificity"}, default="sensitivity"
        The axis to which `limits` refer.
    limits : tuple of two floats, default=(0.8, 1.0)
        Lowest and highest acceptable sensitivity (or specificity).
    corrected : bool, default=False
        McClish's correction [1]_: bring the area to a scale on which 0.5 is no discrimination and
        1 perfect, whatever the limits.

    Returns
    -------
    float
        Not normalised unless `corrected`: at most the width of `limits`.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    auroc : Area under the ROC curve, also called the c-statistic.
    roc_curve : Draw sensitivity against 1 - specificity, with a pointwise bootstrap band.

    References
    ----------
    .. [1] McClish DK. Analyzing a portion of the ROC curve. Med Decis Making. 1989;9:190-195.

    Examples
    --------
    >>> from healthml.metrics import partial_auroc
    >>> round(partial_auroc([0, 1, 0, 1], [0.1, 0.3, 0.2, 0.9]), 3)
    0.2
    """
    _check_limits(focus, limits)
    counts = counts_of(*check_inputs(y_true, y_proba, sample_weight))
    area = partial_auroc_of(counts, focus, limits)
    return corrected_area(area, limits) if corrected else area


def auroc_of(counts):
    """Area under the ROC curve by the trapezoidal rule, exact with ties."""
    tp, fp = np.r_[0, counts.tp], np.r_[0, counts.fp]
    area = ((tp[1:] + tp[:-1]) * np.diff(fp)).sum() / 2
    return float(area / (tp[-1] * fp[-1]))


def average_precision_of(counts):
    """Average precision from the cumulated counts."""
    tp, positives = counts.tp, counts.tp + counts.fp
    precision = np.divide(tp, positives, out=np.zeros(len(tp)), where=positives > 0)
    return float((np.diff(tp, prepend=0) * precision).sum() / tp[-1])


def auprc_of(counts):
    """Area under the precision-recall curve, trapezoids of one event between counts."""
    tp, fp = np.r_[0, counts.tp], np.r_[0, counts.fp]
    rising = np.flatnonzero(np.diff(tp) > 0)
    up, right = np.diff(tp)[rising], np.diff(fp)[rising]
    tp, fp, total = tp[rising], fp[rising], counts.tp[-1]
    steps = np.maximum(np.ceil(up - 1e-9), 1).astype(int)
    part = np.repeat(np.arange(len(up)), steps)
    begin = np.arange(len(part)) - np.repeat(np.cumsum(steps) - steps, steps)
    low, high = begin / steps[part], (begin + 1) / steps[part]
    heights = [_precision(tp[part] + f * up[part], fp[part] + f * right[part]) for f in (low, high)]
    at_origin = (tp[part] + fp[part] == 0) & (begin == 0)
    heights[0] = np.where(at_origin, heights[1], heights[0])
    return float((up[part] / steps[part] * (heights[0] + heights[1])).sum() / 2 / total)


def _precision(tp, fp):
    total = tp + fp
    return np.divide(tp, total, out=np.zeros(len(tp)), where=total > 0)


def partial_auroc_of(counts, focus="sensitivity", limits=(0.8, 1.0)):
    """Partial area from the cumulated counts."""
    sensitivity = np.r_[0, counts.tp] / counts.tp[-1]
    specificity = 1 - np.r_[0, counts.fp] / counts.fp[-1]
    if focus == "sensitivity":
        return _area_between(sensitivity, specificity, *limits)
    return _area_between(specificity[::-1], sensitivity[::-1], *limits)


def corrected_area(area, limits):
    """Return a partial area by McClish's correction: 0.5 on the diagonal, 1 at most."""
    low, high = limits
    least, most = (high - low) * (2 - low - high) / 2, high - low
    return (1 + (area - least) / (most - least)) / 2


def _area_between(x, y, low, high):
    """Area under the broken line (x, y), x not decreasing, between low and high."""
    inside = slice(max(np.searchsorted(x, low) - 1, 0), np.searchsorted(x, high, "right") + 1)
    x, y = x[inside], y[inside]
    before, after = x[:-1], x[1:]
    left, right = np.clip(before, low, high), np.clip(after, low, high)
    width = np.where(after > before, after - before, 1.0)
    slope = np.diff(y) / width
    middle = (left + right) / 2 - before
    return float(((right - left) * (y[:-1] + slope * middle)).sum())


def _check_limits(focus, limits):
    if focus not in ("sensitivity", "specificity"):
        raise InputError(f"focus is {focus!r}; pass 'sensitivity' or 'specificity'.")
    low, high = limits
    if not 0 <= low < high <= 1:
        raise InputError(f"limits is {limits!r}; pass two increasing numbers within 0 and 1.")
