"""Whether it holds at another site, and later: refitted without the site, or on earlier rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.utils import check_random_state

from healthml._core._intervals import simultaneous_level
from healthml._core._numerics import cluster_variance
from healthml._core._paired import few_events_interval, paired_scores
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.meta_analysis._options import FEWEST
from healthml.validation._splits import PatientTimeSplit, rows_of_others, time_values
from healthml.validation._transport.site_measures import pool_sites, site_lines
from healthml.validation._transport.temporal import temporal_performance

__all__ = ["TransportResult", "later_time", "leave_site_out", "time_values"]

_MEASURES = ("auroc", "oe_ratio", "calibration_slope")
# Codes of a row in a split; -1 is in neither part.
_TEST, _TRAIN = 0, 1
# Share of a fold's rows that are left without a site, from which both models have about as many: a
# learning curve is flat over so few rows. By judgement; higher costs refits for nothing.
_ABOUT_AS_MANY = 0.98


@dataclass(frozen=True, repr=False)
class TransportResult(Result):
    """Performance where the model was not made; made by `leave_site_out` and `later_time`.

    Parameters
    ----------
    table : DataFrame
        place (site or period), measure, estimate, lower, upper, n_samples, n_events, n_patients,
        prevalence.
    risk : ndarray
        Risk of each row from a model that did not see its place; NaN where none was made.
    note : str
        What was left out of the table and why.
    n_compared : int
        Places compared; the intervals hold for all of them together.
    pooled : DataFrame or None
        Mean over the sites and prediction interval for a new one, as `internal_external` makes
        them; of three sites or more.
    part : ndarray or None
        Which sites were left out together: a number for each row.
    """

    risk: np.ndarray = None
    note: str = ""
    n_compared: int = 1
    pooled: pd.DataFrame | None = None
    part: np.ndarray = None

    def plot(self, ax=None, *, measure="oe_ratio", **kwargs):
        """Draw one measure by place with its intervals."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        table = self._drawn()
        rows = table[table["measure"] == measure].dropna(subset=["estimate"]).iloc[::-1]
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        ax.errorbar(rows["estimate"], rows["place"].astype(str), xerr=spread, fmt="o", **kwargs)
        if measure != "auroc":
            ax.axvline(1.0, color="0.6", lw=1)
        label = {"auroc": "AUC", "oe_ratio": "Observed / expected events"}.get(measure, measure)
        ax.set(xlabel=label)
        return ax


def leave_site_out(
    judge, estimator, X, site, *, max_refits=10, min_rows=50, min_events=10, label="site left out"
):
    """Predict every site by a model that never saw it.

    With more than `max_refits` sites, sites are left out several at a time. A site is reported
    alone when it has `min_rows` rows and `min_events` patients with the event; its AUC and slope
    also need `min_events` patients without it. The pooled AUC compares patients of one site only.
    Where a patient was at several sites, the rows at the others train no model for this one.

    Parameters
    ----------
    judge : Evaluator
        Holds outcome, patients and level.
    estimator : scikit-learn classifier
        Refitted without the site.
    X : DataFrame of shape (n_samples, n_features)
        The table, without the site itself.
    site : array-like of shape (n_samples,)
        Site of each row.
    max_refits : int, default=10
        Most refits.
    min_rows, min_events : int
        Smallest site to report alone: rows, and patients with the event.
    label : str
        Name in progress.

    Returns
    -------
    TransportResult

    Raises
    ------
    InputError
        With fewer than two sites.
    """
    codes, labels = pd.factorize(pd.Series(np.asarray(site)).astype("string").fillna("missing"))
    if len(labels) < 2:
        raise InputError("site has one value; at least two sites are needed to leave one out.")
    size_order = np.argsort(-np.bincount(codes), kind="stable")
    part = np.empty(len(labels), dtype=np.int64)
    part[size_order] = np.arange(len(labels)) % min(max_refits, len(labels))
    left_out = [part[codes] == k for k in range(part.max() + 1)]
    folds = np.array([_test_or_train(judge, test, ~test) for test in left_out])
    for fold in folds:
        if len(np.unique(judge.y[fold == _TRAIN])) < 2:
            raise InputError(
                "Without some site the other rows have one class; it cannot be left out."
            )
    risks = judge.risks(estimator, X, folds=folds, only=_TEST, label=label)
    risk = risks[part[codes], np.arange(len(codes))]
    big, small = [], 0
    for k in range(len(labels)):
        rows = codes == k
        events = _patients(judge, rows & (judge.y == 1))
        enough = rows.sum() >= min_rows and events >= min_events
        big, small = ([*big, k], small) if enough else (big, small + 1)
    places = [("all sites, each left out", np.ones(len(codes), bool), codes, None)]
    places += [(labels[k], codes == k, None, folds[part[k]] == _TRAIN) for k in big]
    table = _place_table(judge, risk, places, min_events)
    scarce = f"fewer than {min_rows} rows or {min_events} patients with the event"
    verb = "is" if small == 1 else "are"
    note = f"{len(labels)} sites" + (
        f"; {small} with {scarce} {verb} only in the pooled line."
        if small
        else f", none with {scarce}."
    )
    pooled = _pooled_sites(judge, risk, [(labels[k], np.flatnonzero(codes == k), "") for k in big])
    return TransportResult(table, risk, note, len(big), pooled, part[codes])


def later_time(judge, estimator, X, time, *, test_share=0.25):
    """Predict the latest rows by a model fitted on all earlier rows (`temporal_performance`).

    Which rows are trained on never depends on who returns later: that would be known in the future
    only. New patients and those seen before are judged apart.

    Parameters
    ----------
    judge : Evaluator
        Holds outcome, patients and level.
    estimator : scikit-learn classifier
        Refitted on the earlier rows.
    X : DataFrame of shape (n_samples, n_features)
        The table, without the time itself.
    time : array-like of shape (n_samples,)
        Time of the prediction: numbers or dates.
    test_share : float, default=0.25
        Least share of rows in the later period; whole periods are kept together.

    Returns
    -------
    TransportResult

    Raises
    ------
    InputError
        If the time has one value, or a period has no row with or without the event.
    """
    values = time_values(time)
    if values.isna().any():
        raise InputError(
            f"time is missing in {int(values.isna().sum())} rows, the first at position "
            f"{int(np.flatnonzero(values.isna())[0])}; fill it or leave those rows out."
        )
    start = _later_start(values, test_share)
    later = (values >= start).to_numpy()
    for rows, what in ((~later, "earlier"), (later, "later")):
        if rows.sum() == 0 or judge.y[rows].min() == judge.y[rows].max():
            raise InputError(
                f"The {what} period has {int(rows.sum())} rows of one class; time cannot split it."
            )
    judged = temporal_performance(
        estimator,
        X,
        judge.y,
        cv=PatientTimeSplit(values, starts=[start], patients="all"),
        groups=judge.groups,
        n_jobs=judge.n_jobs,
        verbose=judge.verbose,
        random_state=judge.random_state,
    )
    returning = later & judged.seen
    places = [("later period", later, None, ~later)]
    if returning.any():
        parts = {"new": later & ~returning, "returning": returning}
        places = [
            (f"later period, {population} patients", rows, None, ~later)
            for population, rows in parts.items()
            if rows.any()
        ]
    table = _place_table(judge, judged.risk, places)
    note = (
        f"Fitted on all {int((~later).sum()):,} earlier rows, judged on {int(later.sum()):,} later "
    )
    note += f"rows, {int(returning.sum()):,} of them of patients seen before."
    return TransportResult(table, judged.risk, note, len(places))


def ranking_at_new_sites(judge, estimator, X, risk, result, site):
    """Compare the AUC inside sites that took part in the model with that at sites left out.

    Without a large site fewer rows are left to learn from, which costs an AUC at any place. For
    such a site the model that knows it is therefore refitted on no more rows.

    Parameters
    ----------
    judge : Evaluator
        Holds outcome, patients and folds.
    estimator : scikit-learn classifier
        Refitted with a part of the rows, for large sites.
    X : DataFrame of shape (n_samples, n_features)
        The table, without the site itself.
    risk : ndarray of shape (n_repeats, n_samples)
        Out-of-sample risks of the model that knew the sites.
    result : TransportResult
        Of `leave_site_out`.
    site : array-like of shape (n_samples,)
        Site of each row.

    Returns
    -------
    loss : tuple of float
        AUC of known sites minus AUC of sites left out, with its interval.
    known, new : Series
        The two AUCs.
    """
    site = np.unique(site, return_inverse=True)[1]
    risk = _by_as_few_rows(judge, estimator, X, risk[0], result.part, site)
    parts = site[None, :] * (int(judge.folds.max()) + 1) + judge.folds[:1]
    scores = judge.score(
        {"known": risk[None, :], "new": result.risk[None, :]},
        folds={"known": parts, "new": site[None, :]},
    )
    loss = scores.difference("known", "new")
    return loss, scores.get("known", "auroc"), scores.get("new", "auroc")


def _by_as_few_rows(judge, estimator, X, risk, part, site):
    """Return risks of models that know the sites, made from about as few rows as those without."""
    risk, n, folds = risk.copy(), len(part), judge.folds[:1]
    trained = 1 - 1 / (int(folds.max()) + 1)  # share of the rows that a fold's model is made from
    for k, size in enumerate(np.bincount(part)):
        share = (n - size) / (trained * n)
        if share < _ABOUT_AS_MANY:
            rows = _share_of_patients(judge, site, share)
            other = judge.risks(estimator, X, folds=folds, rows=rows, label="with fewer rows")
            risk[part == k] = other[0, part == k]
    return risk


def _share_of_patients(judge, site, share):
    """Return a random share of the patients, alike among sites and outcomes."""
    groups = np.arange(len(site)) if judge.groups is None else judge.groups
    first, unit = np.unique(groups, return_index=True, return_inverse=True)[1:]
    event = np.bincount(unit, judge.y) > 0
    stratum = site[first] * 2 + event
    order = check_random_state(judge.random_state).permutation(len(first))
    order = order[np.argsort(stratum[order], kind="stable")]
    place = np.empty(len(first))
    place[order] = np.arange(len(first))
    # every patient whose place passes another whole number of shares: as even as can be
    kept = np.floor((place + 1) * share) > np.floor(place * share)
    return kept[unit]


def _test_or_train(judge, test, train):
    """Return the fold of each row; training rows of patients in the test take no part (-1)."""
    train = train & rows_of_others(test, judge.groups)
    return np.where(test, _TEST, np.where(train, _TRAIN, -1))


def _pooled_sites(judge, risk, places):
    """Return the pooled lines of each measure."""
    if len(places) < FEWEST:
        return None
    words = {"method": "REML", "test": "knha", "prediction": "t(k-2)"}
    tables = []
    for measure in _MEASURES:
        options = ("influence", judge.confidence_level)
        lines = site_lines(measure, places, judge.y, risk, judge.groups, *options)
        table, _ = pool_sites(measure, lines, words, judge.confidence_level)
        tables.append(table[table["kind"].isin(["pooled", "prediction"])])
    return pd.concat(tables, ignore_index=True)


def _later_start(values, test_share):
    """Return the first time of the later period: the latest one with enough rows from then on."""
    periods = np.sort(values.unique())
    if len(periods) < 2:
        raise InputError("time has one value; at least two are needed to judge a later period.")
    share = np.array([(values >= p).mean() for p in periods[1:]])
    enough = np.flatnonzero(share >= test_share)
    return periods[1:][enough[-1]] if enough.size else periods[1:][0]


def _patients(judge, rows):
    """Return how many patients some rows belong to."""
    return int(rows.sum()) if judge.groups is None else len(np.unique(judge.groups[rows]))


def _scarcest(judge, rows):
    """Return the patients with, or without, the event among some rows, whichever are fewer."""
    return min(_patients(judge, rows & (judge.y == k)) for k in (0, 1))


def _place_table(judge, risk, places, min_events=10):
    """Score each place; the intervals of single places hold for all of them together."""
    rows, n_single = [], sum(parts is None for _, _, parts, _ in places)
    level = simultaneous_level(judge.confidence_level, n_single)
    for place, mask, parts, train in places:
        folds = None if parts is None else {"m": parts}
        scores = paired_scores(
            judge.y,
            {"m": risk},
            folds=folds,
            rows={"m": mask},
            groups=judge.groups,
            confidence_level=judge.confidence_level if parts is not None else level,
        )
        few = _scarcest(judge, mask) < min_events
        for measure in _MEASURES:
            got = scores.table[scores.table["measure"] == measure]
            if got.empty:
                continue
            got = got.iloc[0].copy()
            if train is not None and measure == "oe_ratio":
                ends = _wider(got, _rate_error(judge, train), level)
                few_ends = few_events_interval(got["estimate"], got["n_events"], *ends, level)
                got[["lower", "upper"]] = few_ends
            if few and measure != "oe_ratio":
                got[["estimate", "lower", "upper"]] = np.nan
            prevalence = got["n_events"] / max(got["n_samples"], 1)
            rows.append(
                (
                    place,
                    measure,
                    got["estimate"],
                    got["lower"],
                    got["upper"],
                    got["n_samples"],
                    got["n_events"],
                    got["n_patients"],
                    prevalence,
                )
            )
    columns = ["place", "measure", "estimate", "lower", "upper"]
    return pd.DataFrame(
        rows, columns=[*columns, "n_samples", "n_events", "n_patients", "prevalence"]
    )


def _rate_error(judge, train):
    """Return the standard error of the log event rate that the model was fitted to."""
    events = judge.y[train]
    groups = None if judge.groups is None else judge.groups[train]
    rate = events.mean()
    return float(np.sqrt(cluster_variance((events - rate) / len(events), groups)) / rate)


def _wider(got, error, level):
    """Add the error of the expected events to an interval of O:E; both vary between samples.

    A model that sees another event rate than the true one, because its patients were few, is off
    everywhere alike: that is chance in the making of the model, not a place that differs.
    """
    estimate, z = got["estimate"], norm.ppf(0.5 + level / 2)
    if not estimate > 0:
        return got["lower"], got["upper"]
    ends = np.log([got["lower"] / estimate, got["upper"] / estimate])
    wider = np.sign(ends) * np.hypot(ends, z * error)
    return tuple(estimate * np.exp(wider))
