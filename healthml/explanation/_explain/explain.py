"""Explain predictions in the columns of the user's table, with how sure the reasons are."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import t as student

from healthml._core._bootstrap import check_count
from healthml._core._checks import check_alignment, check_random_seeds
from healthml._core._intervals import check_confidence_level, wilson
from healthml._core._tables import to_pandas
from healthml.exceptions import ConvergenceWarning, InputError
from healthml.explanation._explain.background import choose_background
from healthml.explanation._explain.cells import STATUSES, cell_statuses, column_units, fills_in
from healthml.explanation._explain.model import check_sums, read_model
from healthml.explanation._explain.players import name_players, propose_players
from healthml.explanation._explain.refits import check_refits, check_train, refit_models
from healthml.explanation._explain.result import ExplanationResult
from healthml.explanation._explain.routes import SOME, compute, plan_route
from healthml.explanation._shapley import Pool, join_rows

STABLE = 0.80
"""Lower Wilson limit of a sign's share in refits from which a reason is stable.

From the room's requirement that two sets of 50 refits agree; higher calls fewer reasons stable.
"""


_ABOVE = 1.5
"""Times the tolerance from which a row's Monte Carlo error is reported. Errors are estimates that
scatter around it; chosen by judgement, not by simulation, and lower warns of the scatter alone."""


def explain(
    estimator,
    X,
    *,
    background,
    groups=None,
    background_groups=None,
    scale=None,
    players=None,
    refits=None,
    n_refits=0,
    train=None,
    schema=None,
    max_background=500,
    tolerance=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Explain a fitted model's predictions by interventional Shapley values of the raw columns.

    The value of a column is how much it moves this row's prediction away from the mean of the
    background rows, averaged over the orders in which columns may be set [1]_. Columns are those
    of the table as given: cells are mixed before imputation and encoding, and the 0/1 columns made
    of one category count together. The model is described, not causes.

    Parameters
    ----------
    estimator : fitted estimator or function
        A classifier of two classes, a regressor, a pipeline of scikit-learn or imbalanced-learn
        (samplers are skipped), or any function of a table with one number for each row.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows to explain, as the model reads them.
    background : DataFrame or array-like of shape (n_background, n_features)
        Rows to compare with: training rows before resampling.
    groups, background_groups : array-like, optional
        Patient of each row of `X` and of `background`. With them one row of each patient is used,
        and nobody is compared with an own visit.
    scale : {"log_odds", "probability", "prediction"}, optional
        What is divided among the columns. By default the scale on which the model is a sum, so
        that the values are exact: log odds for logistic models, boosted trees and what
        recalibrates them once, probability for forests and everything else; "prediction" for
        regressors and functions.
    players : dict of str to list, or "clusters", optional
        Columns that play as one, such as ``{"blood gas": ["ph", "pco2"]}``; others play alone.
        "clusters" takes the groups in `proposed_players` of the result.
    refits : list of fitted estimators, optional
        The same procedure fitted to other samples, to see how far the reasons move.
    n_refits : int, default=0
        Fit so many on bootstrap samples of the patients of `train` instead; 50 or more.
    train : tuple (X, y) or (X, y, groups), optional
        Training rows, for `n_refits` and for the cohort's event rate.
    schema : Schema, optional
        Units and limits of columns.
    max_background : int, default=500
        Background rows used at most, drawn at random. On support2 500 gave the same three largest
        values as all rows in 9 of 10 patients, 100 in 3 of 4.
    tolerance : float, optional
        Standard error at which sampling stops, on `scale`. By default 1% of the standard deviation
        of the predictions, and 12 players or fewer are not sampled: all coalitions are tried. When
        given, they are sampled as well.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, optional
        Parallel jobs; the answer does not depend on it.
    verbose : int, default=0
        Above 0, report progress.
    random_state : int, RandomState or None, default=None
        Of the background, orders and refits.

    Returns
    -------
    ExplanationResult

    Raises
    ------
    InputError
        If the model is not fitted or has more than two classes, columns of `X` and `background`
        differ, or an option does not fit.
    AdditivityError
        If base value and values do not add up to the prediction.

    Warns
    -----
    ConvergenceWarning
        If sampling stopped above the tolerance; `mc_se` says where.

    See Also
    --------
    patient_report : One row in words.
    stability : How the reasons agree between refits.
    permutation_importance : Which columns the model as a whole needs.

    References
    ----------
    .. [1] Janzing D, Minorics L, Bloebaum P. Feature relevance quantification in explainable AI: a
       causal problem. AISTATS. 2020;108:2907-2916.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.explanation import explain
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"noise": rng.normal(size=300), "lactate": rng.normal(size=300)})
    >>> y = (X["lactate"] + rng.normal(size=300) > 0.5).astype(int).to_numpy()
    >>> model = LogisticRegression().fit(X, y)
    >>> result = explain(model, X[:2], background=X, random_state=0)
    >>> result.route, result.scale
    ('closed form', 'log_odds')
    >>> sums = result.base_values + result.values.sum(axis=1)
    >>> bool(np.allclose(sums, model.decision_function(X[:2])))
    True
    """
    check_confidence_level(confidence_level)
    check_count(max_background, "max_background")
    _check_tolerance(tolerance)
    check_alignment(X=X, groups=groups)
    check_alignment(background=background, background_groups=background_groups)
    given, number = check_refits(refits, n_refits)
    seeds = check_random_seeds(random_state, 4)
    rows, other, as_array = _tables(X, background)
    chosen = choose_background(
        len(other), groups, background_groups, len(rows), max_background,
        np.random.RandomState(seeds[0]),
    )  # fmt: skip
    other = other.iloc[chosen.rows]
    names, player = name_players(list(rows.columns), players, other)
    pool = Pool(join_rows(rows, other), len(rows), player, len(names), as_array)
    learnt = check_train(train, estimator)
    job = _Job(pool, chosen, scale, tolerance, seeds[1], n_jobs, verbose)
    model, plan, contributions = job.run(estimator)
    job.scale = model.scale(scale)
    if number:
        options = {"n_jobs": n_jobs, "verbose": verbose, "seed": seeds[2], "as_array": as_array}
        given = refit_models(estimator, learnt, number, **options)
    again = [job.run(refit, alone=False) for refit in given]
    return _Answer(
        job, model, plan, contributions, again, rows.reset_index(drop=True), other, names, schema,
        confidence_level,
    ).result(learnt)  # fmt: skip


def _check_tolerance(tolerance):
    number = isinstance(tolerance, Real) and not isinstance(tolerance, bool)
    if tolerance is not None and not (number and tolerance > 0):
        raise InputError(
            f"tolerance is {tolerance!r}; pass the standard error to stop at, a number above 0, or "
            "None."
        )


def _tables(X, background):
    """Return both tables as frames with the same columns, and whether the model reads arrays."""
    for name, table in (("X", X), ("background", background)):
        if isinstance(table, pd.Series):
            raise InputError(f"{name} is a Series; pass a table, one row as X.iloc[[0]].")
    rows, other = to_pandas(X), to_pandas(background, "background")
    as_array = not hasattr(X, "columns") and not hasattr(X, "schema")
    if set(rows.columns) != set(other.columns):
        lost = [c for c in rows.columns if c not in set(other.columns)]
        more = [c for c in other.columns if c not in set(rows.columns)]
        raise InputError(
            f"X and background have different columns: {lost or 'none'} only in X, "
            f"{more or 'none'} only in background; pass training rows with the columns of X."
        )
    return rows, other[list(rows.columns)], as_array


@dataclass
class _Job:
    """What the model and its refits are explained with."""

    pool: Pool
    background: object
    scale: str | None
    tolerance: float | None
    seed: int
    n_jobs: int | None
    verbose: int

    def run(self, estimator, *, alone=True):
        """Return the model, the plan and the values of an estimator."""
        random = np.random.RandomState(self.seed)
        model = read_model(estimator, self.pool)
        plan = plan_route(
            model, self.pool, model.scale(self.scale), tolerance=self.tolerance, random=random
        )
        contributions = compute(
            plan, self.background, seed=self.seed, tolerance=self.tolerance, n_jobs=self.n_jobs,
            verbose=self.verbose if alone else 0,
        )  # fmt: skip
        return model, plan, contributions


@dataclass(frozen=True)
class _Answer:
    """What was found, on its way to a result."""

    job: _Job
    model: object
    plan: object
    contributions: object
    again: list
    rows: pd.DataFrame
    background: pd.DataFrame
    names: list
    schema: object
    confidence_level: float

    def result(self, learnt):
        """Return the result."""
        n, contributions = len(self.rows), self.contributions
        predictions = self.plan.predictions[:n]
        tolerance = 10 * self.plan.tolerance
        gap = check_sums(contributions.base, contributions.values, predictions, tolerance)
        self._warn_of_error()
        refit_values = np.array([f.values for _, _, f in self.again]).reshape(
            len(self.again), *contributions.values.shape
        )
        shares = self._sign_shares(refit_values)
        risks = self._risks()
        mean = np.mean(self.plan.predictions[n:] if risks is None else risks[n:])
        return ExplanationResult(
            table=self._table(refit_values, shares),
            values=contributions.values,
            base_values=contributions.base,
            predictions=predictions.copy(),
            scale=self.job.scale,
            route=self.plan.route,
            why=self.plan.why,
            features=self.names,
            n_background=len(self.background),
            n_background_given=self.job.background.n_given,
            event_rate=_event_rate(learnt),
            mean_prediction=float(mean),
            probabilities=None if risks is None else risks[:n],
            background_probabilities=None if risks is None else risks[n:],
            rows=self.rows,
            background=self.background.reset_index(drop=True),
            own_background=self.job.background.own,
            refit_values=refit_values,
            refit_predictions=np.array([p.predictions[:n] for _, p, _ in self.again]),
            sign_shares=shares,
            proposed_players=propose_players(self.background),
            additivity_gap=gap,
            confidence_level=self.confidence_level,
        )

    def _warn_of_error(self):
        if self.plan.route != SOME:
            return
        tolerance = self.job.tolerance or 0.01 * np.std(self.plan.predictions[len(self.rows) :])
        worst = self.contributions.mc_error.max(axis=1)
        above = int((worst > _ABOVE * tolerance).sum())
        if above:
            import warnings

            warnings.warn(
                f"Sampling stopped with a standard error above the tolerance of {tolerance:.2g} in "
                f"{above} of {len(worst)} rows, at most {worst.max():.2g}; mc_se says where. Pass "
                "a larger tolerance, or group columns in players.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _risks(self):
        """Return the risks of the pool, or None where the model gives none."""
        if self.model.kind != "classifier":
            return None
        table = self.job.pool.handed(self.job.pool.frame)
        return self.model.predict(table)

    def _sign_shares(self, refit_values):
        if not len(refit_values):
            return None
        return (np.sign(refit_values) == np.sign(self.contributions.values)).mean(axis=0)

    def _table(self, refit_values, shares):
        contributions, (n, p) = self.contributions, self.contributions.values.shape
        quantile = student.ppf(0.5 + self.confidence_level / 2, contributions.freedom)
        half = quantile * contributions.background_error
        cells = self._cells()
        table = pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), p),
                "feature": np.tile(np.array(self.names, dtype=object), n),
                "value": cells[0],
                "unit": cells[1],
                "status": cells[2],
                "estimate": contributions.values.ravel(),
                "mc_se": contributions.mc_error.ravel(),
                "background_lower": (contributions.values - half).ravel(),
                "background_upper": (contributions.values + half).ravel(),
            }
        )
        return table.assign(**self._refit_columns(refit_values, shares, table["status"]))

    def _refit_columns(self, refit_values, shares, status):
        """Return the interval over refits, whether the sign is stable, and why not."""
        size = self.contributions.values.size
        beyond = np.where(status == "out of range", "value beyond the background", "")
        if shares is None:
            blank = np.full(size, np.nan)
            words = [_joined("no refits", more) for more in beyond]
            stable = pd.array([pd.NA] * size, dtype="boolean")
            return {"refit_lower": blank, "refit_upper": blank, "stable": stable, "reason": words}
        edge = (1 - self.confidence_level) / 2
        lower, upper = np.quantile(refit_values, [edge, 1 - edge], axis=0)
        n = len(refit_values)
        held = np.rint(shares * n).astype(int).ravel()
        stable = wilson(held, np.full(size, n), self.confidence_level)[0] >= STABLE
        words = [
            _joined("" if ok else f"sign holds in {k} of {n} refits", more)
            for ok, k, more in zip(stable, held, beyond, strict=True)
        ]
        columns = {"refit_lower": lower.ravel(), "refit_upper": upper.ravel()}
        return {**columns, "stable": pd.array(stable, dtype="boolean"), "reason": words}

    def _cells(self):
        """Return value, unit and status of each row and player."""
        pool, plan = self.job.pool, self.plan
        fills = fills_in(self.model.estimator, self.rows, plan.encoded, plan.owner, pool.player)
        status = cell_statuses(self.rows, self.background, fills, self.schema)
        units = column_units(self.rows.columns, self.schema)
        values, words, worst = [], [], []
        for player in range(pool.n_players):
            own = np.flatnonzero(pool.player == player)
            worst.append(status[:, own].max(axis=1))
            words.append(units[own[0]] if len(own) == 1 else "")
            values.append(_player_values(self.rows.iloc[:, own], [units[k] for k in own]))
        cells = np.column_stack(values).ravel()
        names = np.array(STATUSES, dtype=object)[np.column_stack(worst)].ravel()
        return cells, np.tile(np.array(words, dtype=object), len(self.rows)), names


def _player_values(frame, units):
    """Return the cells of one player as objects; those of a group as one text."""
    if frame.shape[1] == 1:
        out = np.empty(len(frame), dtype=object)
        out[:] = [None if pd.isna(cell) else cell for cell in frame.iloc[:, 0].tolist()]
        return out
    texts = []
    for cells in frame.itertuples(index=False, name=None):
        parts = [
            f"{name} {'missing' if pd.isna(cell) else cell}{' ' + unit if unit else ''}"
            for name, cell, unit in zip(frame.columns, cells, units, strict=True)
        ]
        texts.append("; ".join(parts))
    return np.array(texts, dtype=object)


def _joined(*words):
    return "; ".join(word for word in words if word)


def _event_rate(learnt):
    if learnt is None or learnt[2] is None:
        return np.nan
    return float(np.mean(learnt[2]))
