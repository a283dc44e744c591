"""How far missing values may differ from observed ones before a conclusion changes."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.imputation._chained import ChainedImputer
from healthml.imputation._missingness import MNAR
from healthml.imputation._pooled import INTERCEPT, fit_pooled
from healthml.imputation._sensitivity.scenarios import Scenarios
from healthml.imputation._sensitivity.tipping import conclude, limits_without_one, tipping_table


@dataclass(frozen=True, repr=False)
class SensitivityResult(Result):
    """A pooled estimate at each shift of the imputed cells; made by `sensitivity_analysis`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per shift: ``delta`` as asked; ``shift``, the same in units of the column or
        log-odds; ``estimate``, ``se``, ``lower``, ``upper`` of the term; ``conclusion``
        ("above", "below" or "unclear": where the interval lies from ``null``); ``imputed``, mean
        of the shifted cells or share of the shifted level (the last of ordered levels) among
        them; ``fmi``; ``n_shifted``; ``m``.
    tipping : pandas.DataFrame
        For the directions "down" and "up" from 0: ``delta`` at which the conclusion is no longer
        that of 0, interpolated; its Monte-Carlo error ``mc_error`` (jackknife over imputations);
        ``conclusion`` beyond it; ``reason`` why there is none.
    column, term, unit : str
        What was shifted, what was estimated, and what a delta counts.
    null : float
        Value with which the intervals are compared.
    observed : float
        Mean of the observed cells, or share of the shifted level among them.
    confidence_level : float
        Coverage of the intervals.
    """

    tipping: pd.DataFrame = field(default_factory=pd.DataFrame)
    column: str = ""
    term: str = ""
    unit: str = ""
    null: float = 0.0
    observed: float = np.nan
    confidence_level: float = 0.95

    def summary(self):
        """Return the table, the tipping points and what they cannot say."""
        lines = [super().summary()]
        start = self.table.loc[self.table["delta"] == 0, "conclusion"].item()
        for row in self.tipping.itertuples():
            what = f"{self.term}, {start} {self.null:g} at delta 0, going {row.direction}: "
            error = "" if np.isnan(row.mc_error) else f" (Monte-Carlo error {row.mc_error:.2g})"
            changes = f"{row.conclusion} from delta {row.delta:.3g}{error} on"
            lines.append(what + (row.reason or changes))
        lines.append(f"delta counts {self.unit} of {self.column}.")
        lines.append(MNAR + " Which deltas are plausible is for those who know it to say.")
        return "\n".join(lines)

    def plot(self, ax=None, **kwargs):
        """Draw estimate and interval against the shift, with the tipping points.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.
        **kwargs
            For the line of the estimate.

        Returns
        -------
        matplotlib axes
        """
        from healthml._core._displays import BLUE, GREY, VERMILION, new_axes

        ax, table = new_axes(ax), self._drawn()
        ax.plot(table["delta"], table["estimate"], **{"color": BLUE, "marker": "o", **kwargs})
        ax.fill_between(table["delta"], table["lower"], table["upper"], color=BLUE, alpha=0.15)
        ax.axhline(self.null, color=GREY, lw=0.9)
        for delta in self.tipping["delta"].dropna():
            ax.axvline(delta, color=VERMILION, ls="--", lw=1)
            note = {"xycoords": ("data", "axes fraction"), "rotation": 90, "va": "top"}
            ax.annotate(f"tips at {delta:.3g}", (delta, 0.98), ha="right", color=VERMILION, **note)
        ax.xaxis.label.set_parse_math(False)
        ax.yaxis.label.set_parse_math(False)
        ax.set(
            xlabel=f"delta: {self.unit}, imputed cells of {self.column}",
            ylabel=f"{self.term}, {self.confidence_level:.0%} CI",
        )
        return ax


def sensitivity_analysis(
    imputer,
    X,
    y=None,
    *,
    analysis,
    column,
    deltas,
    unit="units",
    category=None,
    rows=None,
    outcome=None,
    terms=None,
    term=None,
    event=None,
    null=0.0,
    confidence_level=0.95,
) -> SensitivityResult:
    """Impute under values that are missing not at random, over a grid of departures.

    Delta adjustment, a pattern-mixture model: after each draw of one column its imputed cells are
    shifted by delta, inside the chains, so that columns drawn later see the shifted cells [1]_.
    With delta 0 values are missing at random. Each delta is imputed with the same chance, analysed
    and pooled; the tipping point is the delta at which the conclusion changes.

    Parameters
    ----------
    imputer : ChainedImputer
        How columns are drawn, `m`, seed and jobs; neither fitted nor changed. Its bounds hold
        for shifted cells too. Columns that are passive follow.
    X : DataFrame of shape (n_samples, n_features)
        The table, missing cells in it. It needs the outcome of the analysis as a column (or `y`),
        which then predicts the missing cells, as inference needs.
    y : array-like of shape (n_samples,), default=None
        The outcome where it is no column of `X`; its name is that of a Series, or "outcome".
    analysis : {"linear", "logistic"} or callable
        As `fit_pooled` takes it; a callable gets a completed pandas table and returns
        (estimates, covariance).
    column : str
        Column whose imputed cells are shifted; it may be the outcome.
    deltas : sequence of float
        The grid; 0 is added where it is not in it.
    unit : {"units", "sd"}, default="units"
        Whether a delta of a column of numbers counts its units or its observed standard
        deviations. Of levels it always counts log-odds.
    category : scalar, default=None
        Level whose log-odds against all others are shifted; the second of two levels by default.
        Ordered levels are by default all shifted upwards, by the log-odds of being above each.
        More levels without an order need it named.
    rows : array-like of bool of shape (n_samples,), default=None
        Rows whose imputed cells are shifted, for example those of one trial arm; all by default.
    outcome, terms, event
        As in `fit_pooled`, for an analysis by name.
    term : str, default=None
        Term of the analysis that is followed; needed when there are several beside the intercept.
    null : float, default=0.0
        Value of the term that means no effect.
    confidence_level : float, default=0.95
        Coverage of the intervals.

    Returns
    -------
    SensitivityResult

    Raises
    ------
    InputError
        If the column has no missing cell, cannot be shifted, or the term is not found.

    See Also
    --------
    fit_pooled : The analysis without a shift.
    missingness_report : What speaks for and against missing at random.

    Notes
    -----
    A delta is the difference between a missing and an observed value of two rows that are equal in
    everything else that is in the model, not between the means of all; ``imputed`` shows the
    latter. Draws of predictive mean matching leave the observed values by a shift, and whole
    numbers become fractions. The shifted column is drawn on its own scale, even where the imputer
    would take skewness out of it; of a skewed column take the logarithm first, so that a delta
    counts ratios.

    References
    ----------
    .. [1] van Buuren S, Boshuizen HC, Knook DL. Multiple imputation of missing blood pressure
       covariates in survival analysis. Stat Med 1999;18:681-694.
    .. [2] Cro S, Morris TP, Kenward MG, Carpenter JR. Sensitivity analysis for clinical trials
       with missing continuous outcome data using controlled multiple imputation: a practical
       guide. Stat Med 2020;39:2815-2842.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import ChainedImputer, sensitivity_analysis
    >>> rng = np.random.default_rng(0)
    >>> arm = np.tile([0, 1], 100)
    >>> table = pd.DataFrame({"arm": arm, "change": 1.0 * arm + rng.normal(size=200)})
    >>> table.loc[rng.random(200) < 0.3, "change"] = np.nan
    >>> result = sensitivity_analysis(
    ...     ChainedImputer("norm", n_iter=1, random_state=0),
    ...     table,
    ...     analysis="linear",
    ...     outcome="change",
    ...     column="change",
    ...     deltas=[-6, -4, -2],
    ...     rows=table["arm"] == 1,
    ... )
    >>> result.table["conclusion"].tolist()
    ['unclear', 'unclear', 'above', 'above']
    >>> result.tipping[["direction", "reason"]].values.tolist()
    [['down', ''], ['up', 'not within the grid, which ends at 0']]
    """
    if not isinstance(imputer, ChainedImputer):
        raise InputError(
            f"imputer is a {type(imputer).__name__}; pass a ChainedImputer, whose chains can be "
            "shifted."
        )
    imputer._check_parameters()
    check_alignment(X=X, y=y)
    frame, outcome = _with_outcome(to_pandas(X), y, outcome)
    case = Scenarios.of(imputer, frame, column, category, rows, unit)
    deltas = _grid(deltas)
    options = {"confidence_level": confidence_level}
    if not callable(analysis):
        options |= {"outcome": outcome, "terms": terms, "event": event}
    results, table, place = [], [], None
    for delta, tables, middle in case.imputed(deltas):
        result = fit_pooled(analysis, tables, **options)
        place = _place(result.table["term"].tolist(), term)
        pooled = result.table.iloc[place]
        row = {"delta": delta, "shift": delta * case.unit}
        row |= {name: float(pooled[name]) for name in ("estimate", "se", "lower", "upper")}
        row["conclusion"] = conclude(row["lower"], row["upper"], null)
        row |= {"imputed": middle, "fmi": float(pooled["fmi"])}
        table.append({**row, "n_shifted": case.n_shifted, "m": imputer.m})
        results.append(result)
    table = pd.DataFrame(table)
    limits, without = table[["lower", "upper"]].to_numpy(), limits_without_one(results, place)
    return SensitivityResult(
        table,
        tipping_table(deltas, limits, null, without),
        str(column),
        str(results[0].table["term"].iloc[place]),
        case.unit_name,
        float(null),
        case.observed,
        confidence_level,
    )


def _with_outcome(frame, y, outcome):
    """Return the table with the outcome in it, and the outcome's name."""
    if y is None:
        return frame, outcome
    if np.ndim(y) != 1:
        raise InputError(f"y has {np.ndim(y)} dimensions; pass one outcome for each row.")
    if len(y) != len(frame):
        raise InputError(f"y has {len(y)} values for {len(frame)} rows; pass one for each row.")
    name = getattr(y, "name", None) or outcome or "outcome"
    if name in frame.columns:
        raise InputError(f"X has a column {name!r} already; leave y out and pass outcome={name!r}.")
    if outcome is not None and outcome != name:
        raise InputError(f"outcome={outcome!r} is not the name of y, {name!r}; pass one of them.")
    values = y.array if isinstance(y, pd.Series) else np.asarray(y)
    return frame.assign(**{name: values}), name


def _grid(deltas):
    grid = np.asarray(list(deltas), dtype=float)
    if not len(grid) or not np.isfinite(grid).all():
        raise InputError("deltas must be numbers, at least one.")
    grid = np.unique(np.append(grid, 0.0))
    if len(grid) < 2:
        raise InputError("deltas holds only 0; add the departures that are plausible.")
    return grid


def _place(names, term):
    """Return the place of the term that is followed."""
    if term is not None:
        if str(term) not in names:
            raise InputError(f"term={term!r} is not in the analysis, which has {', '.join(names)}.")
        return names.index(str(term))
    own = [k for k, name in enumerate(names) if name != INTERCEPT]
    if len(own) != 1:
        raise InputError(f"the analysis has {len(own)} terms; name the one to follow with term.")
    return own[0]
