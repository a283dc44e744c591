"""How a model's values are computed: exactly by its structure, by all coalitions, or by some."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit

from healthml._core._parallel import run_parallel
from healthml.exceptions import AdditivityError
from healthml.explanation._explain.background import batches
from healthml.explanation._explain.model import link
from healthml.explanation._reading import Linear, pipeline_parts
from healthml.explanation._shapley import (
    EncodedGame,
    FormGame,
    TableGame,
    cell_codes,
    count_out,
    form_shapley,
    linear_shares,
    owners,
    player_codes,
    sample,
)

CLOSED, LEAVES, ALL, SOME = "closed form", "leaf by leaf", "all coalitions", "sampled orders"

# Players up to which all coalitions are tried: 4,096 mixtures of a pair of rows at most.
MOST_COUNTED = 12
# Batches of background rows from whose spread the error of the background is taken. By judgement:
# more take more time, fewer make the intervals wider by Student's t.
N_BATCHES = 10
# Explained rows of one parallel task; the answer does not depend on it.
_ROWS_OF_TASK, _ROWS_OF_TREES = 10, 500
# Default tolerance of a sampled value's standard error, as a share of the standard deviation of the
# model's values in the background. By judgement: half of it takes four times as long.
_TOLERANCE = 0.01
_ROWS_ASKED_AGAIN = 100  # rows that are predicted twice; by judgement, seldom noise shows in more
_EXACT = 1e-9  # how far an exact form may be from the model's own numbers
_SINGLE = 1e-6  # relative; what single precision leaves of a sum
_MOST_ROUNDS = 64  # orders for each background row at most, times two; then the error is stated


@dataclass(frozen=True)
class Found:
    """Values of explained rows and how sure they are.

    Parameters
    ----------
    values, mc_error, background_error : ndarray of shape (n_samples, n_players)
        Values, standard error of sampled orders, standard error of the choice of background rows.
    base : ndarray of shape (n_samples,)
        Mean over the background rows of other patients.
    freedom : float
        Degrees of freedom of `background_error`.
    """

    values: np.ndarray
    mc_error: np.ndarray
    background_error: np.ndarray
    base: np.ndarray
    freedom: float


@dataclass(frozen=True)
class Plan:
    """A route for one model on one scale; made by `plan_route`.

    Parameters
    ----------
    route : str
        Which of the four ways.
    why : str
        A sentence.
    pool : Pool
    predictions : ndarray of shape (n_pool,)
        The model's values on the scale.
    tolerance : float
        How far base value and values together may be from the prediction.
    form, matrices, owners_
        A sum of parts, what they read, and whose columns they are; None for other models.
    game : callable or None
        The model as a game, for coalitions.
    encoded, owner : table and ndarray, or None
        What the model's last step reads, where that is known.
    """

    route: str
    why: str
    pool: object
    predictions: np.ndarray
    tolerance: float
    form: object = None
    matrices: tuple = ()
    owners_: tuple = ()
    game: object = None
    encoded: object = None
    owner: object = None


def plan_route(model, pool, scale, *, tolerance, random):
    """Return how the values of a model are computed on a scale.

    Parameters
    ----------
    model : Model
    pool : Pool
    scale : str
    tolerance : float or None
        Standard error at which sampling stops; given, few columns are sampled as well.
    random : numpy.random.RandomState
    """
    read = _read_terms(model, pool, scale, random)
    if read is not None and scale in model.forms:
        return _exact_plan(model, pool, scale, read)
    counted = pool.n_players <= MOST_COUNTED and tolerance is None
    route = ALL if counted else SOME
    why = _why_coalitions(pool.n_players, tolerance, model, scale)
    if read is not None:
        return _form_plan(model, pool, scale, read, route, why)
    return _table_plan(model, pool, scale, random, route, why)


def _why_coalitions(n_players, tolerance, model, scale):
    structure = "Nothing was read of the model that is a sum over columns or over trees of them"
    if model.forms and scale not in model.forms:
        (own, *_) = model.forms
        structure = f"Exact values of this model are on the scale {own!r}, not {scale!r}"
    if tolerance is None and n_players <= MOST_COUNTED:
        return f"{structure}; with {n_players} players all coalitions were tried."
    return f"{structure}; antithetic orders of {n_players} players were drawn."


def _read_terms(model, pool, scale, random):
    """Return (form's scale, matrices, owners) for a form that gives this scale, or None."""
    usable = [scale] if scale in model.forms else []
    if model.kind == "classifier":
        usable += [s for s in ("log_odds", "probability") if s in model.forms and s != scale]
    for own in usable:
        matrices, owned = [], []
        for term in model.forms[own].terms:
            matrix, owner = owners(pool, term.encode, random)
            if owner is None:
                break
            matrices.append(matrix)
            owned.append(owner)
        else:
            return own, tuple(matrices), tuple(owned)
    return None


def _exact_plan(model, pool, scale, read):
    _, matrices, owners = read
    form = model.forms[scale]
    linear = all(isinstance(term.part, Linear) for term in form.terms)
    own = model.values(pool.handed(pool.frame), scale) if scale != "log_odds" else None
    from_form = _values_of(form, matrices)
    where = "log odds" if scale == "log_odds" else f"the {scale}"
    why = (
        f"The model is linear on {where}: weight times distance from the background's mean."
        if linear
        else f"The model is a sum of trees on {where}: exact, leaf by leaf."
    )
    if form.tolerance > _EXACT:
        why += (
            " Its library adds up in single precision: the values are exact for the trees, and add "
            f"up to its own predictions within {form.tolerance:.0e} of log odds."
        )
    return Plan(
        CLOSED if linear else LEAVES,
        why,
        pool,
        from_form if own is None else own,
        form.tolerance,
        form=form,
        matrices=matrices,
        owners_=owners,
        encoded=np.column_stack(matrices),
        owner=np.concatenate(owners),
    )


def _values_of(form, matrices):
    from healthml.explanation._reading import part_values

    total = np.full(len(matrices[0]), form.intercept)
    for term, matrix in zip(form.terms, matrices, strict=True):
        total += term.weight * part_values(term.part, matrix)
    return total


def _form_plan(model, pool, scale, read, route, why):
    own, matrices, owners = read
    form = model.forms[own]
    together, owner = np.column_stack(matrices), np.concatenate(owners)
    shares = linear_shares(form, matrices, owners, pool.n_players)
    codes = player_codes(together if shares is None else shares, owner if shares is None
                         else np.arange(pool.n_players), pool.n_players)  # fmt: skip
    bend = partial(_link_between, own=own, scale=scale)
    game = FormGame(form, matrices, owners, bend, codes, shares)
    predictions = model.values(pool.handed(pool.frame), scale)
    width = max(form.tolerance, 1e-9)
    _check_repeats(game, predictions, width)
    return Plan(route, why, pool, predictions, width, game=game, encoded=together, owner=owner)


def _link_between(values, own, scale):
    if own == scale:
        return values
    return expit(values) if own == "log_odds" else link(np.clip(values, 0, 1), "log_odds")


def _table_plan(model, pool, scale, random, route, why):
    predictions = model.values(pool.handed(pool.frame), scale)
    steps, last = pipeline_parts(model.estimator) if model.kind != "function" else ((), None)
    encoded = owner = game = None
    if steps:
        encoded, owner = owners(pool, partial(_through, steps), random)
        encoded = encoded.toarray() if hasattr(encoded, "toarray") else encoded
    if owner is not None:
        codes = player_codes(cell_codes(encoded), owner, pool.n_players)
        game = EncodedGame(encoded, owner, partial(_last_values, last, model.kind, scale), codes)
    else:
        codes = player_codes(cell_codes(pool.frame), pool.player, pool.n_players)
        game = TableGame(pool, partial(model.values, scale=scale), codes)
    _check_repeats(game, predictions, 1e-9)
    return Plan(route, why, pool, predictions, 1e-9, game=game, encoded=encoded, owner=owner)


def _check_repeats(game, predictions, tolerance):
    """Refuse a model that gives rows other values when it is asked again, among other rows."""
    rows = np.arange(0, len(predictions), max(1, len(predictions) // _ROWS_ASKED_AGAIN))[::-1]
    again = game(np.repeat(rows[:, None], game.codes.shape[1], axis=1))
    gap = np.abs(again - predictions[rows])
    # single precision of the model's own library is no other answer
    wide = np.maximum(1.0, np.abs(predictions[rows])) * max(tolerance, _SINGLE)
    if not (gap <= wide).all():
        raise AdditivityError(
            f"the model's value of a row moves by up to {np.nanmax(gap):.2g} when it is asked "
            "again among other rows; a prediction that depends on other rows, or on chance, cannot "
            "be explained."
        )


def _through(steps, table):
    for step in steps:
        table = step(table)
    return table


def _last_values(last, kind, scale, table):
    """Return what the last step of a pipeline gives for encoded rows."""
    if kind == "classifier":
        return link(np.asarray(last.predict_proba(table), dtype=float)[:, 1], scale)
    return np.asarray(last.predict(table), dtype=float)


def compute(plan, background, *, seed, tolerance=None, n_jobs=None, verbose=0):
    """Return the values of a plan's explained rows.

    Parameters
    ----------
    plan : Plan
    background : Background
    seed : int
        Of batches and orders; the answer does not depend on `n_jobs`.
    tolerance : float, optional
        Standard error at which sampling stops.
    """
    n = plan.pool.n_rows
    size = _ROWS_OF_TREES if plan.form is not None else _ROWS_OF_TASK
    work = _exact_rows if plan.form is not None else _game_rows
    job = partial(work, plan, background, seed, tolerance)
    tasks = [np.arange(start, min(start + size, n)) for start in range(0, n, size)]
    parts = run_parallel(job, tasks, n_jobs=n_jobs, verbose=verbose, what="explained rows")
    join = [np.concatenate([part[k] for part in parts]) for k in range(4)]
    return Found(*join, parts[0][4])


def _exact_rows(plan, background, seed, tolerance, rows):
    """Return values, errors and base of some rows by the structure of the model."""
    n, players = plan.pool.n_rows, plan.pool.n_players
    n_background = len(background.rows)
    batch = batches(n_background, N_BATCHES, np.random.RandomState(seed))
    other = [matrix[n:] for matrix in plan.matrices]
    own = [matrix[rows] for matrix in plan.matrices]
    parts = form_shapley(plan.form, own, other, plan.owners_, players, batch)
    sizes = np.bincount(batch).astype(float)
    values, error = parts.mean(sizes), parts.standard_error(sizes)
    bottom = plan.predictions[n:]
    base = np.full(len(rows), bottom.mean())
    for k in np.flatnonzero(background.own[rows] >= 0):
        b = background.own[rows[k]]
        alone = form_shapley(
            plan.form, [m[k : k + 1] for m in own], [m[b : b + 1] for m in other], plan.owners_,
            players, np.zeros(1, dtype=int),
        )  # fmt: skip
        values[k] = (n_background * values[k] - alone.sums[0, :, 0]) / (n_background - 1)
        base[k] = (n_background * base[k] - bottom[b]) / (n_background - 1)
    return values, np.zeros_like(values), error, base, float(len(sizes) - 1)


def _game_rows(plan, background, seed, tolerance, rows):
    """Return values, errors and base of some rows by coalitions."""
    n, game = plan.pool.n_rows, plan.game
    bottom = plan.predictions[n:]
    first, inverse = np.unique(game.codes[n:], axis=0, return_index=True, return_inverse=True)[1:]
    inverse = inverse.ravel()
    positions = n + first
    if tolerance is None:
        tolerance = _TOLERANCE * (np.std(bottom) or np.std(plan.predictions))
    every = _Every(plan, positions, first, inverse, bottom, seed, tolerance)
    parts = [_game_row(every, row, background.own[row]) for row in rows]
    join = [np.array([part[k] for part in parts]) for k in range(4)]
    return *join, float(len(bottom) - 1)


@dataclass(frozen=True)
class _Every:
    """What the rows of a task share; background rows that are the same are asked about once."""

    plan: Plan
    positions: np.ndarray
    first: np.ndarray
    inverse: np.ndarray
    bottom: np.ndarray
    seed: int
    tolerance: float


def _game_row(every, row, own):
    """Return value, sampling error, background error and base of one row."""
    plan, first, inverse, bottom = every.plan, every.first, every.inverse, every.bottom
    count = np.bincount(inverse, minlength=len(first)).astype(float)
    total = np.bincount(inverse, bottom, minlength=len(first))
    if own >= 0:
        count[inverse[own]] -= 1
        total[inverse[own]] -= bottom[own]
    weight = count / count.sum()
    ends = plan.predictions[row], bottom[first]
    if plan.route == ALL:
        values = count_out(plan.game, row, every.positions, ends)
        variance = np.zeros_like(values)
    else:
        random = np.random.default_rng([every.seed, row])
        sampled = sample(
            plan.game, row, every.positions, weight, ends, random, every.tolerance, _MOST_ROUNDS
        )
        values, variance = sampled.values, sampled.variance
    mean = weight @ values
    chance = (weight[:, None] ** 2 * variance).sum(axis=0)
    spread = (weight[:, None] * ((values - mean) ** 2 - variance)).sum(axis=0) / (count.sum() - 1)
    return mean, np.sqrt(chance), np.sqrt(np.maximum(spread, 0.0)), total.sum() / count.sum()
