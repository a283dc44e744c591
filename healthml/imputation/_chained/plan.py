"""From what a user asks to a plan: methods, predictors, order, bounds, passive columns."""

from collections.abc import Mapping
from functools import cached_property, partial

import numpy as np
from sklearn.base import BaseEstimator

from healthml.exceptions import InputError
from healthml.imputation._chained.chain import Plan
from healthml.imputation._chained.predictors import choose_predictors
from healthml.imputation._chained.products import NO_PAIRS, choose_pairs, choose_squares, units_of
from healthml.imputation._draws import PMM, Constant, Levels, Norm, RandomIntercept
from healthml.imputation._table import BOOLEAN, GROUP, NOMINAL, ORDERED

NUMBER_METHODS = ("pmm", "norm", "2l.pmm", "2l.norm", "cart", "rf")
LEVEL_METHODS = {
    BOOLEAN: ("logreg", "cart", "rf"),
    NOMINAL: ("polyreg", "logreg", "cart", "rf"),
    ORDERED: ("polr", "polyreg", "cart", "rf"),
}
# Rows up to which a column that products predict is drawn by a tree; beyond, by pmm with these
# products. In `docs/simulations/imputation_coverage.md` trees covered better (0.97 against 0.91
# with an interaction); their time grows faster than the rows, so the limit is one of time, chosen
# by judgement.
MOST_FOR_TREES = 20_000
FOR_NUMBERS = ("auto", "pmm", "norm", "2l.pmm", "2l.norm")
DEFAULT = {BOOLEAN: "logreg", NOMINAL: "polyreg", ORDERED: "polr"}


def make_plan(columns, values, missing, asked):
    """Return what is imputed from what.

    Parameters
    ----------
    columns : list of Coded
        Columns of the training rows.
    values, missing : list of ndarray
        Their cells as `Coded.read` gives them, and which are missing.
    asked : ChainedImputer
        With the parameters of the user.

    Returns
    -------
    Plan
    """
    names = [column.name for column in columns]
    passive = _passive(asked.passive, names)
    group = next((j for j, column in enumerate(columns) if column.kind == GROUP), None)
    drawn = [j for j in range(len(columns)) if j not in passive and j != group]
    methods = {j: _method(columns[j], asked) for j in drawn}
    predictors = _predictors(columns, values, missing, passive, group, asked)
    units = _Units(columns, values, missing, group)
    pairs, chosen = _pairs(columns, values, missing, predictors, methods, asked, units)
    if chosen and len(values[0]) <= MOST_FOR_TREES:
        methods.update({j: _trees("cart") for j in chosen})
        pairs, chosen = NO_PAIRS, {}
    pairs, chosen = _with_squares(
        pairs, chosen, columns, values, missing, predictors, methods, asked, units
    )
    sequence = _sequence(asked.sequence, names, missing, passive)
    bounds = _bounds(asked.bounds, columns, names)
    plan = Plan(columns, methods, predictors, sequence, pairs, passive, bounds, group)
    if group is not None:
        for j, cols in predictors.items():
            predictors[j] = np.concatenate([cols, plan.means_of(cols[1:])])
    for j, places in chosen.items():
        predictors[j] = np.concatenate([predictors[j], plan.n_own + np.array(places)])
    return plan


def automatic_columns(names, asked):
    """Return the columns whose method is left to the imputer."""
    wanted = asked.method
    if isinstance(wanted, Mapping):
        return {name for name in names if wanted.get(name, "auto") == "auto"}
    return set(names) if wanted == "auto" else set()


class _Units:
    """The unit of each row, looked for only where a term was found that copies may have made."""

    def __init__(self, *rows):
        self.rows = rows

    @cached_property
    def unit(self):
        """Patients or clusters of copies; None where every row is a unit."""
        return units_of(*self.rows)

    def confirmed(self, choose, candidate, is_any):
        """Return what was found, chosen again from one row of each unit if there are copies."""
        return choose(self.unit) if is_any and self.unit is not None else candidate


def _pairs(columns, values, missing, predictors, methods, asked, units):
    targets = _open_to_choice(PMM, columns, methods, asked)
    choose = partial(choose_pairs, columns, values, missing, predictors, targets)
    choice = choose()
    return units.confirmed(choose, choice, bool(choice[1]))


def _with_squares(pairs, chosen, columns, values, missing, predictors, methods, asked, units):
    """Return the products and those that predict single columns, squares for levels added."""
    targets = {j: methods[j].ordered for j in _open_to_choice(Levels, columns, methods, asked)}
    choose = partial(choose_squares, columns, values, missing, predictors, targets)
    squares = choose()
    squares = units.confirmed(choose, squares, bool(squares))
    every = [tuple(pair) for pair in pairs.tolist()]
    for j, places in squares.items():
        every += [(place, place) for place in places if (place, place) not in every]
        chosen = chosen | {j: [every.index((place, place)) for place in places]}
    return (np.array(every, dtype=np.int64) if every else NO_PAIRS), chosen


def _open_to_choice(kind, columns, methods, asked):
    """Return the incomplete columns drawn in one way whose method is left to the imputer."""
    automatic = automatic_columns([column.name for column in columns], asked)
    drawn = [j for j, method in methods.items() if isinstance(method, kind)]
    return [j for j in drawn if columns[j].has_missing and columns[j].name in automatic]


def place_of(name, names, parameter):
    """Return the number of a named column, or raise InputError that names the parameter."""
    if name not in names:
        raise InputError(f"{parameter} names the column {name!r}, which X does not have.")
    return names.index(name)


def check_names(asked, own, names):
    """Raise InputError where a parameter names a column that is not there.

    Parameters
    ----------
    asked : ChainedImputer
    own, names : list
        Columns of X, and with the outcome.
    """
    for name in asked.method if isinstance(asked.method, Mapping) else ():
        place_of(name, names, "method")
    for name in asked.ordered:
        place_of(name, names, "ordered")
    if asked.patient is not None:
        place_of(asked.patient, own, "patient")


def _method(column, asked):
    wanted = asked.method
    if isinstance(wanted, Mapping):
        wanted = wanted.get(column.name, "auto")
    if column.is_category and len(column.levels) == 1:
        return Constant()
    if column.is_category:
        return _level_method(column, wanted, asked)
    _refuse_level_method(column, wanted)
    two_level = ("2l.norm", "2l.pmm") if asked.patient is None else ("auto", "2l.norm", "2l.pmm")
    if wanted in two_level:
        return _two_level(wanted, asked)
    if wanted in ("auto", "pmm"):
        return PMM(asked.donors)
    if wanted == "norm":
        return Norm()
    return _learner(column, wanted, asked)


def _two_level(wanted, asked):
    if asked.patient is None:
        raise InputError(
            f"method {wanted!r} needs patient, the column that names each row's patient or site."
        )
    return RandomIntercept(None if wanted == "2l.norm" else asked.donors)


def _level_method(column, wanted, asked):
    name = DEFAULT[column.kind] if wanted in FOR_NUMBERS else wanted
    if isinstance(name, str) and name not in LEVEL_METHODS[column.kind]:
        raise InputError(
            f"method {name!r} does not fit the {column.kind} column {column.name!r}; use one of "
            f"{', '.join(LEVEL_METHODS[column.kind])} or a scikit-learn classifier."
        )
    if name in ("logreg", "polyreg", "polr"):
        return Levels(ordered=name == "polr")
    return _learner(column, name, asked)


def _trees(wanted):
    from healthml.imputation._draws import Cart

    return Cart(n_trees=10 if wanted == "rf" else 1)


def _learner(column, wanted, asked):
    from healthml.imputation._draws import Learner, check_learner

    if wanted in ("cart", "rf"):
        return _trees(wanted)
    if isinstance(wanted, BaseEstimator):
        check_learner(column, wanted)
        return Learner(wanted, asked.donors)
    raise InputError(
        f"method {wanted!r} for column {column.name!r} is unknown; use 'auto', "
        f"{', '.join(NUMBER_METHODS)} or a scikit-learn estimator."
    )


def _refuse_level_method(column, wanted):
    if wanted in ("logreg", "polyreg", "polr"):
        raise InputError(
            f"method {wanted!r} needs levels, but column {column.name!r} holds numbers; make it a "
            "category, or use 'pmm' or 'norm'."
        )


def _passive(passive, names):
    formulas = {}
    for name, rule in (passive or {}).items():
        if not isinstance(rule, tuple) or len(rule) != 2 or not callable(rule[0]):
            raise InputError(
                f"passive[{name!r}] is not (function, columns); write "
                "{'bmi': (lambda w, h: w / h**2, ['weight', 'height'])}."
            )
        parents = tuple(place_of(parent, names, "passive") for parent in rule[1])
        formulas[place_of(name, names, "passive")] = (rule[0], parents)
    return formulas


def _predictors(columns, values, missing, passive, group, asked):
    """Return the columns of the design that predict each column, intercept first."""
    chosen = choose_predictors(columns, values, missing, asked.predictors)
    predictors = {}
    for j in range(len(columns)):
        others = set(chosen[j]) - {j, group}
        # what is computed from a column must not predict it
        others -= {k for k, (_, parents) in passive.items() if j in parents}
        cols = [columns[k].cols for k in sorted(others)]
        predictors[j] = np.concatenate([[0], *cols]).astype(np.int64)
    return predictors


def _sequence(sequence, names, missing, passive):
    counts = np.array([mask.sum() for mask in missing])
    visited = [j for j in range(len(names)) if counts[j]]
    if sequence == "fewest":
        order = sorted(visited, key=lambda j: counts[j])
    elif sequence == "most":
        order = sorted(visited, key=lambda j: -counts[j])
    elif sequence == "columns":
        order = visited
    elif isinstance(sequence, str) or sequence is None:
        raise InputError(
            f"sequence={sequence!r} is unknown; use 'fewest', 'most', 'columns' or a list of "
            "columns."
        )
    else:
        order = [place_of(name, names, "sequence") for name in sequence]
        left = [names[j] for j in visited if j not in order]
        if left:
            raise InputError(f"sequence leaves out {left[0]!r}, which has missing cells; add it.")
        order = [j for j in order if counts[j]]
    return [j for j in order if j not in passive] + [j for j in order if j in passive]


def _bounds(bounds, columns, names):
    pairs = {}
    for name, pair in (bounds or {}).items():
        column = columns[place_of(name, names, "bounds")]
        if column.is_category:
            raise InputError(f"bounds name the column {name!r}, which has levels, not numbers.")
        low, high = (
            -np.inf if pair[0] is None else pair[0],
            np.inf if pair[1] is None else pair[1],
        )
        if low > high:
            raise InputError(f"bounds of {name!r} have their minimum above their maximum.")
        pairs[names.index(name)] = (
            float(column.design(np.float64(low))) if np.isfinite(low) else low,
            float(column.design(np.float64(high))) if np.isfinite(high) else high,
        )
    return pairs
