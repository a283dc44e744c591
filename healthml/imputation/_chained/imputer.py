"""Multiple imputation by chained equations, for inference and for the next patient."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from healthml._core._checks import check_alignment
from healthml._core._parallel import run_parallel
from healthml._core._routing import clear_errors
from healthml._core._tables import read_table, write_table
from healthml.exceptions import ImputationWarning, InputError
from healthml.imputation._chained.chain import Chain
from healthml.imputation._chained.convergence import convergence_table, draw_traces, trace_table
from healthml.imputation._chained.new_rows import NewRows, mean_models
from healthml.imputation._chained.plan import automatic_columns, check_names, make_plan
from healthml.imputation._table import (
    as_completed,
    as_observed,
    learn_columns,
    observed_support,
    read_columns,
)

OUTCOME = "__outcome__"


@clear_errors
class ChainedImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill in missing cells, each column drawn from a model of the others, `m` times.

    Fully conditional specification with proper draws: the parameters of every model are drawn from
    their posterior, so that intervals pooled by Rubin's rules have the coverage they state.
    `transform` gives one completed table, for prediction; `transform_multiple` gives `m`, for
    inference. New rows are filled in without refitting, and a row gets the same answer alone, in
    a batch and on another day.

    Parameters
    ----------
    method : str, estimator or mapping, default="auto"
        How columns are drawn. "auto" takes "pmm" (predictive mean matching) for numbers, whole
        numbers and dates, "logreg" for two levels, "polyreg" for more, "polr" for ordered levels,
        and does three things more, which a method named outright does not: a skewed column enters
        on a log scale of its own; a column of numbers that squares or products of the others
        predict in the rows without a gap (extended BIC; up to 30 columns of the design) is drawn
        by "cart", beyond 20,000 rows by "pmm" with these products; and squares of numbers enter
        the models of levels where they lower Akaike's criterion (up to 30 columns).
        Further: "norm" (normal noise, may leave the observed values), "cart", "rf", or a
        scikit-learn estimator. A mapping gives single columns their own.
    m : int, default=5
        Number of chains, each giving one completed table.
    n_iter : int, default=10
        Rounds of each chain.
    donors : int, default=5
        Number of donors from which predictive mean matching picks.
    predictors : {"auto", "all", "quickpred"} or mapping, default="auto"
        Which columns predict which. "auto" takes all, unless there are more than 100 columns of
        the design or fewer than three observed rows for each; then those whose correlation with
        the values or with the gaps is 0.1 or more. A mapping gives single columns theirs.
    passive : mapping, default=None
        Columns computed from others: ``{"bmi": (function, ["weight", "height"])}``. They are
        never drawn, and do not predict what they are computed from.
    bounds : mapping, default=None
        Lowest and highest value of single columns, None for an open side.
    sequence : {"fewest", "most", "columns"} or list, default="fewest"
        Order of the visits: by number of missing cells, or as given.
    ordered : sequence, default=()
        Columns whose levels have an order although their dtype does not say so.
    patient : hashable, default=None
        Column that names the group of each row (site or patient) [3]_. It is left as it is and
        predicts nothing itself: the means of the other columns in each group become predictors,
        and "auto" takes for numbers "2l.pmm", a regression with a normal random intercept
        ("2l.norm" adds normal noise instead of taking donors). A new row of a known group gets
        the effect of that group, one of a new group an effect drawn from their distribution.
    strategy : {"mean", "draw"}, default="mean"
        What `transform` fills in: the conditional mean given the observed cells of the row (the
        most probable level; the closest observed value of whole numbers), or one draw. The mean
        predicts better, the draw keeps the spread.
    include_outcome : bool, default=False
        Let `y` predict the other columns, as inference needs. Such an imputer needs the outcome of
        the rows it fills in, so `transform` refuses rows without it: it cannot be deployed.
    n_jobs : int, default=None
        Chains run at the same time; the draws do not depend on it.
    verbose : int, default=0
        Report finished chains.
    random_state : int, RandomState or None, default=None
        Seed of all draws. With None the fitted imputer still gives a row the same answer twice.

    Attributes
    ----------
    columns_ : list of Coded
        How each column is read.
    plan_ : Plan
        Methods, predictors and order of the visits.
    convergence_ : pandas.DataFrame
        ``column``, ``statistic`` ("mean" or "sd" of the imputed cells), ``r_hat``, ``n_missing``.
    trace_ : pandas.DataFrame
        ``chain``, ``round``, ``column``, ``mean``, ``sd`` of the imputed cells.
    record_ : pandas.DataFrame
        For the rows filled in last: ``column``, ``n_imputed``, ``n_new_levels``,
        ``missing_at_fit``, ``on_support``.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    InputError
        If a column has no value, infinite values or free text, or a parameter does not fit.

    Warns
    -----
    ImputationWarning
        If a column that was complete at fit is missing in new rows, or a level is new.

    See Also
    --------
    MultiplyImputedClassifier : Predicts with one model for each of the m tables.
    fit_pooled : Fits an analysis to the m tables and pools it.
    compare_imputers : Whether it predicts better than a simpler way.
    sensitivity_analysis : What follows if the gaps depend on what is missing.
    MissingIndicators : Lets a model know which cells were missing.
    sklearn.impute.IterativeImputer : One completed table of numbers, without levels or pooling.

    References
    ----------
    .. [1] van Buuren S, Groothuis-Oudshoorn K. mice: multivariate imputation by chained equations
       in R. J Stat Softw 2011;45(3):1-67.
    .. [2] Morris TP, White IR, Royston P. Tuning multiple imputation by predictive mean matching
       and local residual draws. BMC Med Res Methodol 2014;14:75.
    .. [3] van Buuren S. Multiple imputation of multilevel data. In: Hox JJ, Roberts JK, eds.
       Handbook of Advanced Multilevel Analysis. Routledge; 2011:173-196.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import ChainedImputer
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 200)
    >>> table = pd.DataFrame({"age": age, "sbp": 90 + 0.6 * age + rng.normal(0, 5, 200)})
    >>> table.loc[::4, "sbp"] = np.nan
    >>> imputer = ChainedImputer(random_state=0).fit(table)
    >>> imputer.transform(table)["sbp"].isna().any()
    np.False_
    >>> len(imputer.transform_multiple(table))
    5
    """

    def __init__(
        self,
        method="auto",
        *,
        m=5,
        n_iter=10,
        donors=5,
        predictors="auto",
        passive=None,
        bounds=None,
        sequence="fewest",
        ordered=(),
        patient=None,
        strategy="mean",
        include_outcome=False,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.method = method
        self.m = m
        self.n_iter = n_iter
        self.donors = donors
        self.predictors = predictors
        self.passive = passive
        self.bounds = bounds
        self.sequence = sequence
        self.ordered = ordered
        self.patient = patient
        self.strategy = strategy
        self.include_outcome = include_outcome
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y=None):
        """Run the chains on the training rows and keep their models.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Outcome; used only with ``include_outcome=True``.

        Returns
        -------
        self
        """
        self._fit(X, y)
        return self

    def fit_transform_multiple(self, X, y=None, *, where=None):
        """Run the chains and return the `m` completed training tables, for inference.

        Parameters
        ----------
        X, y
            As in `fit`.
        where : array-like of bool of shape (n_samples, n_features), default=None
            Observed cells to be drawn as well (over-imputation), to compare draws with what was
            there; they stand in the tables returned, and in no later one.

        Returns
        -------
        list of m tables of the kind of `X`
        """
        frame = self._fit(X, y, where)
        supports = {
            j: observed_support(self.columns_[j], frame[self.columns_[j].name])
            for j in self._on_donors()
            if self.columns_[j].has_missing and self.columns_[j].name in frame
        }
        return [self._completed(X, frame, filled, supports) for filled in self._last_]

    def transform(self, X, y=None):
        """Return one completed table: conditional means or one draw, see `strategy`.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Rows to complete, one or many.
        y : array-like of shape (n_samples,), default=None
            Outcome of these rows; only an imputer with ``include_outcome=True`` needs it.

        Returns
        -------
        DataFrame or array
            Of the kind, dtypes and row order of `X`.
        """
        check_is_fitted(self)
        frame = read_table(self, X, reset=False)
        rows, new = self._new_rows(frame, y)
        supports = None
        if self.strategy == "draw":
            filled, supports = self._drawn(rows, 0), self._supports
        else:
            means = rows.mean(self._mean_models, self.n_iter)
            filled = {j: (rows.rows[j], self._middle(j, cells)) for j, cells in means.items()}
        self._note(rows, new)
        return self._completed(X, frame, filled, supports)

    def transform_multiple(self, X, y=None):
        """Return `m` completed tables, one from each chain.

        Parameters
        ----------
        X, y
            As in `transform`.

        Returns
        -------
        list of m tables of the kind of `X`
        """
        check_is_fitted(self)
        frame = read_table(self, X, reset=False)
        rows, new = self._new_rows(frame, y)
        self._note(rows, new)
        tables = (self._drawn(rows, k) for k in range(self.m))
        return [self._completed(X, frame, filled, self._supports) for filled in tables]

    def plot_trace(self, ax=None):
        """Draw the mean of the imputed cells of each column against the round, a line per chain.

        Lines that mingle without a trend have converged; see also ``convergence_``.

        Parameters
        ----------
        ax : sequence of matplotlib axes, default=None
            One for each incomplete column.

        Returns
        -------
        list of matplotlib axes
        """
        check_is_fitted(self)
        return draw_traces(self.trace_, ax)

    @property
    def record_(self):
        """What was filled in last, by column."""
        drawn = self.strategy == "draw"
        table = {
            "column": [column.name for column in self.columns_],
            "n_imputed": self._noted_["n_imputed"] - self._noted_["n_new_levels"],
            "n_new_levels": self._noted_["n_new_levels"],
            "missing_at_fit": [column.has_missing for column in self.columns_],
            "on_support": [self._on_support(j, drawn) for j in range(len(self.columns_))],
        }
        return pd.DataFrame(table)

    def _on_support(self, j, drawn):
        column = self.columns_[j]
        if column.levels is not None or column.support is not None:
            return True
        method = self.plan_.methods.get(j)
        return drawn and method is not None and method.on_support

    def _fit(self, X, y, where=None):
        self._check_parameters()
        check_alignment(X=X, y=y, where=where)
        frame = read_table(self, X, reset=True)
        joined = self._with_outcome(frame, y)
        check_names(self, list(frame.columns), list(joined.columns))
        automatic = automatic_columns(list(joined.columns), self)
        self.columns_ = learn_columns(joined, self.ordered, self.patient, automatic)
        values, missing, _ = read_columns(self.columns_, joined)
        if where is not None:
            missing = _also(missing, where, frame.shape)
        self.plan_ = make_plan(self.columns_, values, missing, self)
        state = check_random_state(self.random_state)
        self.seed_ = int(state.randint(2**31 - 1))
        tasks = [(self.plan_, values, missing, (self.seed_, k), self.n_iter) for k in range(self.m)]
        options = {"n_jobs": self.n_jobs, "verbose": self.verbose, "what": "chains"}
        chains = run_parallel(_run_chain, tasks, **options)
        self._chains = [fitted for fitted, _, _ in chains]
        self._last_ = [last for _, last, _ in chains]
        counts = [int(missing[j].sum()) for j in self.plan_.sequence]
        self._traced_ = {"traces": np.stack([trace for *_, trace in chains]), "n_missing": counts}
        self._start = [
            _start(c, v, m) for c, v, m in zip(self.columns_, values, missing, strict=True)
        ]
        nothing = np.zeros(len(self.columns_), dtype=np.int64)
        self._noted_ = {"n_imputed": nothing, "n_new_levels": nothing}
        self._supports = self._donor_values(frame)
        self._mean_models = mean_models(self.plan_, self._chains)
        return frame

    def _check_parameters(self):
        for name, least in (("m", 1), ("n_iter", 1), ("donors", 1)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise InputError(f"{name}={value!r} is not a whole number of at least {least}.")
        if self.strategy not in ("mean", "draw"):
            raise InputError(f"strategy={self.strategy!r} is unknown; use 'mean' or 'draw'.")

    def _with_outcome(self, frame, y):
        if not self.include_outcome:
            return frame
        if y is None:
            raise InputError(
                "include_outcome=True needs y, the outcome of each row. To fill in rows whose "
                "outcome is not known yet, fit an imputer with include_outcome=False."
            )
        outcome = pd.Series(np.asarray(y), index=frame.index, name=OUTCOME)
        return pd.concat([frame, outcome], axis=1)

    def _new_rows(self, frame, y):
        check_alignment(X=frame, y=y)
        values, missing, new = read_columns(self.columns_, self._with_outcome(frame, y))
        return NewRows(self.plan_, values, missing, self._start), new

    def _drawn(self, rows, chain):
        drawn = rows.draw(self._chains[chain], self.n_iter, self.seed_, chain)
        return {j: (rows.rows[j], cells) for j, cells in drawn.items()}

    def _middle(self, j, cells):
        return cells.argmax(axis=1) if self.columns_[j].is_category else cells

    def _on_donors(self):
        """Return the columns of numbers and dates whose drawn cells are observed values."""
        return [
            j
            for j, method in self.plan_.methods.items()
            if method.on_support and self.columns_[j].levels is None
        ]

    def _donor_values(self, frame):
        """Return the observed values that new rows can be given, those of the donors kept."""
        donors = {}
        for j in self._on_donors():
            column = self.columns_[j]
            kept = [chain[j].cells for chain in self._chains if hasattr(chain[j], "cells")]
            if column.name in frame and column.support is None and kept:
                every = observed_support(column, frame[column.name])
                donors[j] = np.unique(as_observed(column, np.unique(np.concatenate(kept)), every))
        return donors

    def _completed(self, X, frame, filled, supports=None):
        filled = {j: part for j, part in filled.items() if self.columns_[j].name in frame.columns}
        touched = [self.columns_[j].name for j in filled]
        return write_table(as_completed(frame, self.columns_, filled, supports), X, touched)

    @property
    def trace_(self):
        """Mean and spread of the imputed cells after each round, by chain and column."""
        return trace_table(*self._in_units())

    @property
    def convergence_(self):
        """R-hat of the mean and the spread of the imputed cells, by column."""
        traces, names = self._in_units()
        return convergence_table(traces, names, self._traced_["n_missing"])

    def _in_units(self):
        """Return the traces in the units of the columns (the log scale of skewed ones), names."""
        visited = [self.columns_[j] for j in self.plan_.sequence]
        spread = np.array([1.0 if c.is_category else c.spread for c in visited])
        centre = np.array([0.0 if c.is_category else c.centre for c in visited])
        traces = self._traced_["traces"] * spread[:, None]
        traces[..., 0] += centre
        return traces, [c.name for c in visited]

    def _note(self, rows, new):
        n_imputed = np.array([len(rows.rows.get(j, ())) for j in range(len(self.columns_))])
        n_new = np.array([int(levels.sum()) for levels in new])
        self._noted_.update(n_imputed=n_imputed, n_new_levels=n_new)
        complete = np.array([not column.has_missing for column in self.columns_])
        _warn_of(
            [c.name for c, is_hit in zip(self.columns_, n_new > 0, strict=True) if is_hit],
            "holds levels or groups that were not there at fit; they stay in the table, and the "
            "models treat them as missing or as a new group",
        )
        is_hit = (n_imputed > n_new) & complete
        _warn_of(
            [c.name for c, found in zip(self.columns_, is_hit, strict=True) if found],
            "had no missing cell at fit and has some now; they were filled in from the other "
            "columns, but how such gaps arise could not be learnt",
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags


def _run_chain(task):
    """Return the models, the imputed cells and the trace of one chain."""
    plan, values, missing, seed, n_iter = task
    chain = Chain(plan, values, missing, seed)
    trace = chain.run(n_iter)
    chain.keep_complete()
    last = {j: (chain.missing_rows[j], chain.current[j]) for j in plan.sequence}
    return chain.fitted, last, trace


def _warn_of(names, what):
    """Warn once about the columns of the new rows of which something is true."""
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        message = f"column {names[0]!r}{more} {what}. See record_."
        warnings.warn(message, ImputationWarning, stacklevel=4)


def _start(column, values, missing):
    """Return what a missing cell holds before the first round: the mean, or the level shares."""
    if not column.is_category:
        return float(values[~missing].mean()) if column.levels is None else 0.0
    codes = values[~missing].astype(np.int64)
    return np.bincount(codes, minlength=len(column.levels)) / len(codes)


def _also(missing, where, shape):
    where = np.asarray(where, dtype=bool)
    if where.shape != shape:
        raise InputError(f"where has the shape {where.shape}, X has {shape}; they must agree.")
    joined = [is_missing | where[:, j] for j, is_missing in enumerate(missing[: shape[1]])]
    for j, is_missing in enumerate(joined):
        if is_missing.all():
            raise InputError(f"where leaves column {j} of X without an observed cell.")
    return [*joined, *missing[shape[1] :]]
