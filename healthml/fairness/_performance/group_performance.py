"""Performance by sensitive group: measures, gaps, claims, tests, with intervals and counts."""

import numpy as np

from healthml._core._checks import check_alignment, check_random_seeds
from healthml._core._intervals import check_confidence_level
from healthml.exceptions import InputError
from healthml.fairness._attributes import band_codes, find_partitions, refuse_identifiers
from healthml.fairness._contrasts import Claims
from healthml.fairness._estimates import SUMMED, measure_groups
from healthml.fairness._performance.assemble import (
    Judged,
    claims_of,
    gaps_of,
    homogeneity_rows,
    judge,
    metrics_of,
    shrunken_of,
    table_of,
)
from healthml.fairness._performance.checks import (
    check_counts,
    check_measures,
    check_rows,
    check_thresholds,
    reference_places,
    refuse_labels,
    refuse_options,
)
from healthml.fairness._performance.notes import notes_of
from healthml.fairness._performance.overall import overall_table
from healthml.fairness._performance.result import GroupPerformanceResult
from healthml.fairness._sums import sums_of_source


def group_performance(
    y_true,
    y_proba,
    sensitive_features,
    *,
    threshold=None,
    data=None,
    fold=None,
    groups=None,
    event=None,
    sample_weight=None,
    weight_type=None,
    control_features=None,
    crossed=False,
    pool_below=11,
    reference=None,
    measures=None,
    thresholds=None,
    min_events=10,
    confidence_level=0.95,
    n_resamples=200,
    random_state=None,
) -> GroupPerformanceResult:
    """Judge predicted risks in each sensitive group: for whom they work, and how sure that is.

    A missing attribute is a group of its own, so that nobody vanishes. In memory every group keeps
    its numbers; what is printed, drawn or written hides counts of 1 to 10 and the name of a group
    of fewer than 11 patients. What does not exist (a sensitivity without events) is NaN with its
    reason, never 0.

    Where the risks of a group lie close together nobody could rank its patients well: that is case
    mix, not harm. A group's AUC is therefore compared with the model-based concordance [1]_, what
    its AUC would be if every risk, recalibrated (intercept and slope) on all patients, were right.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), or str with `data`
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,), (n_samples, 2) or (n_repeats, n_samples)
        Out-of-sample risks of the event; of two columns, as `predict_proba` gives them, the second.
        With repeats NaN where a repeat has no risk for a row.
    sensitive_features : DataFrame, Series, dict or array-like, or str or list with `data`
        One or more features. Text (of digits, too) and numbers with 20 values or fewer are groups
        as they stand; ages of more than 10 values are cut at 18, 40, 65 and 80, other numbers at
        their quartiles.
    threshold : float, optional
        Risk from which a patient is flagged; without it there are no rates of decisions.
    data : DataFrame or lazy table, optional
        Table in which the first three are columns. Of a table that is not loaded (Polars lazy
        frame, DuckDB relation) sums are added up where it lies, and the measures that follow from
        them are returned: rates, O:E, Brier score, net benefit; every row is then a patient.
    fold : ndarray, optional
        Fold of each row, shaped as `y_proba`; the AUC compares rows of one fold only.
    groups : array-like of shape (n_samples,), optional
        The patient of each row; intervals, gaps and tests are then those of patients.
    event : scalar or str, optional
        The level of `y_true` that is the event.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows; rows of weight 0 are not used.
    weight_type : {"frequency", "sampling"}, optional
        What the weights are: so many equal rows, or inverse probabilities of being sampled.
    control_features : DataFrame, Series, dict or array-like, optional
        Groups are compared inside each of its levels.
    crossed : bool or list of tuple of str, default=False
        Crossings of features to judge beside the single ones; True for all pairs. Each adds groups,
        for which intervals and p-values have to hold together.
    pool_below : int, default=11
        Crossed groups of fewer patients are joined inside their level of the first feature, and
        what is then still small altogether; 1 joins none.
    reference : str, dict or "largest", optional
        Group to which gaps are taken, beside those to everybody else; {feature: group} for several
        features.
    measures : list of str or callable, or dict of str to callable, optional
        Measures wanted; functions of ``(y_true, y_proba)``, with ``sample_weight=`` where there are
        weights, are measures too. All that `threshold` allows by default.
    thresholds : array-like, optional
        Decision thresholds that net benefit is averaged over; `threshold` alone by default.
    min_events : int, default=10
        Fewest patients with and without the event for a claim about a group; of O:E, where each
        row is a patient, fewest expected ones will do.
    confidence_level : float, default=0.95
        Level of the intervals; those of `claims`, and the simultaneous ones of `gaps`, hold for all
        groups together.
    n_resamples : int, default=200
        Bootstrap resamples of patients behind the intervals of functions given as measures.
    random_state : int, RandomState or None, default=None
        Seed of these resamples; nothing else here is drawn anew.

    Returns
    -------
    GroupPerformanceResult
        With `table`, `gaps`, `claims`, `tests`, `shrunken`, `metrics`, `overall` and `notes`.

    Raises
    ------
    InputError
        If the lengths do not fit, a risk is no probability, decisions are given for risks, a
        feature is an identifier, the event must be named, a patient is missing, or it is not said
        what the weights are.

    Warns
    -----
    ResampledRowsWarning
        If the rows look as if one outcome had been drawn again and again.

    See Also
    --------
    performance_along : The same along a number, such as age, as curves.
    healthml.metrics.performance : The same measures over everybody.
    healthml.validation.internal_external : By site, each left out in turn.
    healthml.imputation.missingness_report : For which groups values are missing.

    Notes
    -----
    The table's intervals are those of `healthml.metrics.performance`: Wilson's for shares,
    DeLong's or for patients Obuchowski's for the AUC, likelihood for calibration, the log scale for
    O:E. Gaps join two of them (MOVER [2]_, for shares Newcombe's). O:E is compared as a ratio,
    everything else as a difference. Simultaneous ends are Sidak's, and hold whatever the
    correlations between groups are.

    References
    ----------
    .. [1] van Klaveren D, Gonen M, Steyerberg EW, Vergouwe Y. A new concordance measure for risk
       prediction models in external validation settings. Stat Med. 2016;35:4136-4152.
    .. [2] Zou GY, Donner A. Construction of confidence limits about effect measures: a general
       approach. Stat Med. 2008;27:1693-1702.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.fairness import group_performance
    >>> rng = np.random.default_rng(2)
    >>> risk, sex = rng.uniform(0.1, 0.9, 400), np.tile(["f", "m"], 200)
    >>> y = (rng.uniform(size=400) < risk).astype(int)
    >>> found = group_performance(y, risk, {"sex": sex}, threshold=0.5)
    >>> found.get("sensitivity", "f").round(2).tolist()
    [0.68, 0.59, 0.77]
    >>> found.claims["claim"].tolist()
    ['', '', '', '']
    """
    level = check_confidence_level(confidence_level)
    asked = thresholds
    threshold, thresholds = check_thresholds(threshold, thresholds)
    check_counts(pool_below=pool_below, min_events=min_events, n_resamples=n_resamples)
    wanted = check_measures(measures, threshold, thresholds)
    if data is not None:
        pairs = _from_data(data, y_true, y_proba, sensitive_features)
        if pairs is None:
            refuse_options(
                fold=fold,
                groups=groups,
                sample_weight=sample_weight,
                control_features=control_features,
                crossed=crossed or None,
                reference=reference,
                thresholds=asked,
            )
            columns = (y_true, y_proba, sensitive_features)
            return _from_source(data, columns, wanted, measures, (threshold, event, level))
        y_true, y_proba, sensitive_features = pairs
    check_alignment(y_true=y_true, sensitive_features=sensitive_features)
    options = {"threshold": threshold, "thresholds": thresholds}
    rows, place = check_rows(
        y_true,
        y_proba,
        fold=fold,
        groups=groups,
        event=event,
        sample_weight=sample_weight,
        weight_type=weight_type,
        options=options,
    )
    refuse_labels(rows.risk, wanted)
    split = {"crossed": crossed, "control": control_features, "pool_below": pool_below}
    patient = rows.patient if len(place) == len(np.asarray(y_true)) else None
    partitions = find_partitions(sensitive_features, len(y_true), patient=patient, **split)
    partitions = [part.of_rows(place).of_used(rows.used) for part in partitions]
    seed = check_random_seeds(random_state, 1)[0]
    bootstrap = {"n_resamples": n_resamples, "seed": seed}
    return _judged(rows, partitions, wanted, reference, bootstrap, (level, min_events))


def _judged(rows, partitions, wanted, reference, bootstrap, settings):
    """Return the result of checked rows in their partitions."""
    level, min_events = settings
    claims = Claims(rows)
    right = claims.right if "expected_auroc" in wanted else []
    places = reference_places(reference, partitions)
    judged = [
        judge(part, rows, wanted, right, place, bootstrap)
        for part, place in zip(partitions, places, strict=True)
    ]
    simple = len(rows.risk) == 1
    asked = {"oe_ratio", "auroc", "expected_auroc"} & set(wanted)
    claimed = claims_of(judged if asked else [], claims, level, min_events)
    overall = overall_table(judged, rows, wanted, right, bootstrap, level)
    return _result(judged, claimed, overall, level, simple, partitions, rows.threshold)


def _result(judged, claimed, overall, level, simple, partitions=(), threshold=None):
    tests = homogeneity_rows(judged, level, simple=simple)
    return GroupPerformanceResult(
        table_of(judged, level),
        gaps=gaps_of(judged, level),
        claims=claimed,
        tests=tests,
        shrunken=shrunken_of(judged, level),
        metrics=metrics_of(judged, level, simple=simple),
        overall=overall,
        notes=notes_of(judged, partitions, tests, level),
        threshold=threshold,
        confidence_level=level,
        sums={(part.feature, part.control): part.sums for part in judged},
    )


def _from_data(data, y_true, y_proba, sensitive_features):
    """Return the columns of a table in memory; None for one that is not loaded."""
    import narwhals as nw

    frame = nw.from_native(data, pass_through=False)
    if isinstance(frame, nw.LazyFrame):
        return None
    names = _names(sensitive_features)
    for name in (y_true, y_proba, *names):
        if not isinstance(name, str) or name not in frame.columns:
            raise InputError(
                f"data has no column {name!r}; with data, pass the names of its columns "
                f"({', '.join(map(str, frame.columns))})."
            )
    return frame[y_true].to_numpy(), frame[y_proba].to_numpy(), frame.select(names).to_pandas()


def _names(features):
    return [features] if isinstance(features, str) else list(features)


def _from_source(data, columns, wanted, measures, settings):
    """Return the result of a table that is not loaded, from sums added up where it lies."""
    y_true, y_proba, features = columns
    threshold, event, level = settings
    chosen = [name for name, function in wanted.items() if name in SUMMED and function is None]
    if measures is not None and len(chosen) < len(wanted):
        other = ", ".join(name for name in wanted if name not in chosen)
        raise InputError(
            f"{other} cannot be added up in a table that is not loaded; load it, or ask for "
            f"measures among {', '.join(SUMMED)}."
        )
    judged = []
    for feature in _names(features):
        options = {"threshold": threshold, "event": event, "bands": _bands}
        sums = sums_of_source(data, y_true, y_proba, feature, **options)
        part = Judged(feature, "", sums)
        rows = None if threshold is None else _Decision(threshold)
        part.measured = {name: measure_groups(name, rows, None, sums) for name in chosen}
        judged.append(part)
    claimed = claims_of([], None, level, 0)
    overall = overall_table(judged, None, dict.fromkeys(chosen), [], {}, level)
    return _result(judged, claimed, overall, level, True, (), threshold)


def _bands(values, counts):
    names, codes = band_codes(values, counts)
    refuse_identifiers(values.name, names, int(counts.sum()))
    return names, codes


class _Decision:
    """The threshold of a table that is not loaded, in place of its rows."""

    thresholds = None
    risk = (None,)

    def __init__(self, threshold):
        self.threshold = threshold
