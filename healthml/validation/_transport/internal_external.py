"""Internal-external validation: leave out every site in turn, then ask how far sites differ."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.utils.validation import _num_samples

from healthml._core._checks import check_alignment, check_event, check_groups, check_random_seeds
from healthml._core._intervals import check_confidence_level
from healthml._core._release import needs_protection
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.meta_analysis import PoissonMetaResult, pool_events
from healthml.meta_analysis._options import FEW, FEWEST, check_words
from healthml.validation._refits import Resample, as_judged, failure_of, refit, warn_failed
from healthml.validation._splits import LeaveOneSiteOut, column_or_values
from healthml.validation._transport.site_measures import (
    COLUMNS,
    IDEAL,
    SCALES,
    pool_sites,
    site_lines,
)

__all__ = ["InternalExternalResult", "internal_external"]


@dataclass(frozen=True, repr=False)
class InternalExternalResult(Result):
    """Performance at every site left out, and pooled; made by `internal_external`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure and site and, at the end of each measure, the pooled mean and the
        prediction interval: measure, site, kind ("site", "left out" where the site cannot be
        pooled, "pooled", "prediction"), estimate, lower, upper, se (on the scale of pooling),
        scale, n_samples, n_events, n_patients, n_sites, tau2, i2, method, reason.
    sites : pandas.DataFrame
        One row per site: n_samples, n_events, n_patients, prevalence, n_train, n_not_trained (rows
        of its patients at other sites), reason (why no model was made for it).
    pooled : dict of str to MetaResult
        Measure -> everything about its pooling, for measures that at least 3 sites have.
    events : PoissonMetaResult or None
        O:E of all sites in one stage, where a site without events cannot be pooled on the log
        scale.
    risk : ndarray of shape (n_samples,)
        Risk of each row from the model that never saw its site.
    note : str
        What weakens the answer.
    estimand : str
        What the numbers are about.
    confidence_level : float
        Level of the intervals.
    estimator : estimator
        The procedure as it was judged, unfitted; see `ValidationResult.estimator`.
    """

    sites: pd.DataFrame = None
    pooled: dict = field(default_factory=dict)
    events: PoissonMetaResult | None = None
    risk: np.ndarray = None
    note: str = ""
    estimand: str = ""
    confidence_level: float = 0.95
    estimator: object = None

    def summary(self):
        """Return sites, pooled lines and what could not be pooled as plain text."""
        columns = ["measure", "site", "estimate", "lower", "upper", "n_samples", "n_events"]
        text = table_text(self.table, [*columns, "reason"], na_rep="")
        return "\n".join(part for part in (text, self.note) if part)

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without anything that belongs to single rows."""
        parts = {"risk": None}
        if needs_protection(self.sites):  # the studies of the pooling are the sites, unrounded
            parts |= {"pooled": {}, "events": None}
        return Result.to_json(replace(self, **parts), indent=indent)

    def get(self, measure="auroc", site="pooled"):
        """Return one row of the table as a Series; `site` may be "pooled" or "a new site"."""
        rows = self.table[(self.table["measure"] == measure) & (self.table["site"] == site)]
        if rows.empty:
            raise InputError(f"There is no row for measure {measure!r} and site {site!r}.")
        return rows.iloc[0]

    def plot(self, ax=None, *, measure=None, **kwargs):
        """Draw forest plots.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes for one measure.
        measure : str, default=None
            Measure to draw; by default the first with `ax`, and all side by side without.
        **kwargs
            Options of the drawing.

        Returns
        -------
        Axes, or array of Axes when several measures are drawn
        """
        from healthml._core._displays import new_grid

        names = list(dict.fromkeys(self.table["measure"]))
        if measure is not None or ax is not None:
            return self._draw(measure or names[0], ax, kwargs)
        height = 1.1 + 0.27 * (len(self.sites) + 2)
        axes = new_grid(len(names), width=6.4, height=height)
        for name, part in zip(names, axes, strict=True):
            self._draw(name, part, kwargs)
            if part.get_subplotspec().colspan.start:  # the names stand at the left of each row
                part.set_yticks(part.get_yticks(), [])
        return axes

    def _draw(self, measure, ax, kwargs):
        from healthml._core._displays import draw_forest
        from healthml.metrics import get_measure

        table = self._drawn()
        rows = table[table["measure"] == measure]
        if rows.empty:
            raise InputError(f"There is no measure {measure!r}; draw one of {list(self.pooled)}.")
        pooled = self.pooled.get(measure)
        tau2 = pooled.tau2 if pooled is not None and np.isfinite(pooled.tau2) else 0.0
        spread = rows["se"] ** 2 + tau2
        weight = np.where(rows["kind"] == "site", 1 / spread, np.nan)
        rows = rows.assign(study=rows["site"], weight=weight)
        options = {"label": get_measure(measure).label, "ideal": IDEAL.get(measure)}
        options |= {"log": SCALES[measure] == "log", "confidence_level": self.confidence_level}
        return draw_forest(rows, ax=ax, **options | kwargs)


MEASURES = ("auroc", "oe_ratio", "calibration_slope")


def internal_external(
    estimator,
    X,
    y,
    *,
    site,
    groups=None,
    measures=MEASURES,
    method="REML",
    test="knha",
    prediction="t(k-2)",
    oe_interval="binomial",
    event=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> InternalExternalResult:
    """Predict every site by a model refitted without it, and pool what was found.

    The mean says how the procedure does at an average new site; the prediction interval says where
    it may end up at the next one.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure; cloned and refitted whole without each site.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table, without the site itself unless the procedure leaves it out.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    site : str or array-like of shape (n_samples,)
        Site of each row, or the name of the column of `X` that holds it.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row. Rows at other sites of a patient who was also at the site left out
        train no model for it, and intervals are for patients.
    measures : sequence of {"auroc", "oe_ratio", "calibration_slope", "calibration_in_the_large"}
        The first three by default. Sites are pooled on the logit scale (AUC), the log scale (O:E)
        or as they are.
    method, test, prediction
        Pooling, as in `random_effects`.
    oe_interval : {"binomial", "influence"}, default="binomial"
        Variance of log O:E at a site: events as binomial (Debray), or that of the influence
        function as in `healthml.metrics.performance`, which is always taken with `groups`.
    event : scalar or str, default=None
        The level of `y` that is the event.
    confidence_level : float, default=0.95
        Level of all intervals.
    n_jobs, verbose
        Parallel refits and progress on standard error, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the refits.

    Returns
    -------
    InternalExternalResult

    Raises
    ------
    InputError
        With fewer than 3 sites.

    See Also
    --------
    LeaveOneSiteOut : Train on all sites but one and test on that one, for every site that can be
        judged.
    healthml.meta_analysis.random_effects : Pool estimates of several studies (sites) whose true
        values differ.
    external_validate : Judge a frozen model on patients it was not made with.

    Notes
    -----
    A site with an AUC of 1, or without events, has no place on the logit or log scale: it is
    listed with the reason and takes no part in that mean. This favours sites with many events;
    `events` holds the O:E ratio of all sites from a one-stage Poisson model where it matters.

    References
    ----------
    .. [1] Steyerberg EW, Harrell FE. Prediction models need appropriate internal,
       internal-external, and external validation. J Clin Epidemiol. 2016;69:245-247.
    .. [2] Debray TPA, et al. A guide to systematic review and meta-analysis of prediction model
       performance. BMJ. 2017;356:i6460.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import internal_external
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["a", "b", "c", "d", "e", "f"], 150)
    >>> X = rng.normal(size=(900, 2))
    >>> y = (X[:, 0] + rng.normal(size=900) > 0.5).astype(int)
    >>> found = internal_external(LogisticRegression(), X, y, site=site)
    >>> found.get("auroc")[["estimate", "lower", "upper"]].astype(float).round(2).tolist()
    [0.81, 0.79, 0.84]
    """
    words = {"method": method, "test": test, "prediction": prediction}
    check_words(**words)
    measures = _check_measures(measures, oe_interval)
    level = check_confidence_level(confidence_level)
    check_alignment(X=X, y=y, groups=groups, site=site)
    y01 = check_event(y, event=event)[1]
    codes = None if groups is None else check_groups(groups, len(y01))
    parts = _site_parts(column_or_values(site, X, "site"), X, y01, codes)
    run = {"n_jobs": n_jobs, "verbose": verbose, "random_state": random_state}
    risk, reasons = _risks(estimator, X, y01, codes, parts, run)
    sites = _site_table(parts, reasons, y01, codes)
    places = [(part.name, part.test, why) for part, why in zip(parts, reasons, strict=True)]
    tables, pooled = [], {}
    for measure in measures:
        lines = site_lines(measure, places, y01, risk, codes, oe_interval, level)
        table, study = pool_sites(measure, lines, words, level)
        tables.append(table)
        pooled |= {} if study is None else {measure: study}
    events = _one_stage(parts, y01, risk, level) if "oe_ratio" in measures else None
    judged, words = as_judged(estimator, X, y01, codes)
    estimand = "procedure refitted without the site, judged at a site it has not seen"
    return InternalExternalResult(
        pd.concat(tables, ignore_index=True)[COLUMNS],
        sites,
        pooled,
        events,
        risk,
        _note(sites, pooled, measures, events),
        " ".join([f"{estimand}.", *words]) if words else estimand,
        level,
        judged,
    )


def _check_measures(measures, oe_interval):
    names = [measures] if isinstance(measures, str) else list(dict.fromkeys(measures))
    unknown = [name for name in names if name not in SCALES]
    if unknown or not names:
        raise InputError(f"measures has {unknown}; choose from {', '.join(SCALES)}.")
    if oe_interval not in ("binomial", "influence"):
        raise InputError(f"oe_interval is {oe_interval!r}; choose 'binomial' or 'influence'.")
    return names


def _site_parts(site, X, y, codes):
    if _num_samples(X) != len(y):
        raise InputError(f"X has {_num_samples(X)} rows and y has {len(y)}; pass the same rows.")
    parts = LeaveOneSiteOut(site, min_rows=0, min_events=0).parts(X, y, codes)
    if len(parts) < FEWEST:
        raise InputError(
            f"site has {len(parts)} values; at least {FEWEST} sites are needed to say how far "
            "sites differ. Report each site left out with LeaveOneSiteOut instead."
        )
    return parts


def _risks(estimator, X, y, codes, parts, run):
    """Return the risk of each row from a model without its site, and why there is none."""
    seeds = check_random_seeds(run.pop("random_state"), len(parts))
    fitted = [(k, part) for k, part in enumerate(parts) if not part.reason]
    resamples = [
        Resample(part.train, part.test, k, seeds[k], f"the fit without site number {k + 1}")
        for k, part in fitted
    ]
    options = {"groups": codes, "on_error": "record", "what": "sites left out", **run}
    fits = refit(estimator, X, y, resamples, **options)
    warn_failed(resamples, fits, stacklevel=3)
    risk, reasons = np.full(len(y), np.nan), [part.reason for part in parts]
    for (k, part), fit in zip(fitted, fits, strict=True):
        if fit.risk is None:
            reasons[k] = f"no model without it: {failure_of(fit, seeds[k])}"
        else:
            risk[part.test] = fit.risk
    if fits and not np.isfinite(risk).any():
        raise InputError(
            f"None of {len(fits)} refits gave a model; {resamples[0].where}: {fits[0].failure}."
        )
    return risk, reasons


def _site_table(parts, reasons, y, codes):
    table = pd.DataFrame([part.line(y, codes) for part in parts]).assign(reason=reasons)
    table.insert(4, "prevalence", table["n_events"] / table["n_samples"])
    return table


def _one_stage(parts, y, risk, level):
    """Pool O:E over all sites in one model where one of them has no events."""
    sites = [part.test for part in parts if np.isfinite(risk[part.test]).all()]
    observed = np.array([y[rows].sum() for rows in sites])
    expected = np.array([risk[rows].sum() for rows in sites])
    if len(sites) < FEWEST or observed.all() or not observed.any() or not expected.all():
        return None
    return pool_events(observed, expected, confidence_level=level)


def _note(sites, pooled, measures, events):
    sentences = []
    not_fitted = int((sites["reason"] != "").sum())
    if not_fitted:
        sentences.append(
            f"{not_fitted} of {len(sites)} sites have no model of their own; see `sites`."
        )
    for measure in measures:
        k = pooled[measure].n_studies if measure in pooled else 0
        if measure in pooled and k < len(sites):
            sentences.append(
                f"{measure}: {len(sites) - k} of {len(sites)} sites listed, not pooled."
            )
    fewest = min((found.n_studies for found in pooled.values()), default=0)
    if 0 < fewest < FEW:
        sentences.append(
            f"Only {fewest} sites: how far sites differ is little more than a guess, and so is "
            "the prediction interval."
        )
    if events is not None:
        row = events.table.iloc[0]
        sentences.append(
            f"O:E of all sites in one stage: {row['estimate']:.2f} ({row['lower']:.2f} to "
            f"{row['upper']:.2f})."
        )
    return " ".join(sentences)
