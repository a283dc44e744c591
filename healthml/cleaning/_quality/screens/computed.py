"""Columns computed from others: what the rest of the table predicts out of fold."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from healthml._core._numerics import cluster_variance
from healthml.cleaning._columns import FOUND, NOTE, Flag
from healthml.cleaning._quality.screens.bands import screen_bands
from healthml.cleaning._quality.screens.redundant import (
    MINORITY,
    level_codes,
    numeric_columns,
    sample_rows,
    screen_pairs,
    unit_of,
)

COMPUTED = "computed_from_others"

# Out-of-fold R squared from which a column is noted, and the lower end of its interval from which
# it counts as computed from the others. Chosen by judgement, not by simulation: lower, and every
# pair of related laboratory values is reported; higher, and rounded sums and ratios are passed
# over.
WORTH_A_NOTE, NEARLY_DETERMINED = 0.7, 0.95
# Folds of the R squared out of fold. By judgement, not by simulation; more cost time and change
# little.
FOLDS = 5
RIDGE = 1e-3  # added to a correlation matrix of columns that may be copies, to keep its inverse
FEWEST_IN_FOLD, FEWEST_PAIRS = 50, 20  # rows to fit a fold on, and pairs for a line
FEWEST_ROWS = 100  # below it an R squared out of fold is noise
# Largest numbers of a column between which it is looked at as it is: far from the 1e-9 below which
# a spread counts as none, and from squares beyond all numbers. Only speed depends on them.
SMALLEST, LARGEST = 1e-5, 1e12
# Columns named one after the other, each left out of what predicts the next: the sources of a
# computed column follow from the others only while it stands beside them. More cost time.
MOST_COMPUTED = 12
MOST_PARTS = 4  # of a sum or product that is tried; by judgement, more cost time
# Share of the rows that a sum must give to its rounding, and how much of the rounding the fit may
# add. By judgement: slips of the record exist, and coefficients are fitted to rounded values.
EXACT_SHARE, ROUNDED = 0.95, 0.1
# Between which shares of a rounding's standard deviation, its step / sqrt(12), the rest must lie: a
# height in whole centimetres follows from weight and BMI to less than its rounding, and a diastolic
# pressure from the others to more, so neither was rounded from them. By judgement; a narrower range
# misses sums that take few values between two steps.
FULL_ROUNDING = 0.7, 1.2


def screen_repeated(table, explained, identifiers):
    """Yield copies, then what the others compute, copies not counted among the others.

    Cells already explained as codes for missing values, and columns of identifiers, are left out.
    """
    numeric = numeric_columns(table, explained)
    numeric = {name: values for name, values in numeric.items() if name not in identifiers}
    rows, partners = sample_rows(table.n), {}
    bands = list(screen_bands(table, numeric))
    copies = {frozenset(names) for names, _ in bands}
    for (a, b), flag in (*bands, *screen_pairs(table, numeric, rows, copies)):
        yield flag
        partners.setdefault(a, set()).add(b)
        partners.setdefault(b, set()).add(a)
    yield from screen_computed(table, numeric, partners, rows)


def screen_computed(table, numeric, partners, rows, confidence_level=0.95):
    """Yield columns that the others predict out of fold, by a ridge on bent lines and levels.

    Copies of a column (`partners`) do not count as others.
    """
    if len(rows) < FEWEST_ROWS:
        return
    numeric = {name: _in_reach(values) for name, values in numeric.items()}
    design, owner = _design(table, numeric, rows)
    groups = rows if table.groups is None else table.groups[rows]
    folds = np.unique(groups, return_inverse=True)[1] % FOLDS
    targets = [
        name
        for name, values in numeric.items()
        if len(np.unique(values[rows][~np.isnan(values[rows])])) > 10
        and (~np.isnan(values[rows])).sum() >= FEWEST_ROWS
    ]
    named, computed, relations = set(), {}, _Relations(numeric, rows, partners)
    with threadpool_limits(limits=1, user_api="blas"):  # small matrices: threads only wait
        for _ in range(MOST_COMPUTED):
            use = ~np.isin(owner, list(named))
            if not use.any():
                break
            predicted = _predict_out_of_fold(
                design[:, use], owner[use], folds, targets, numeric, partners, rows
            )
            computed = {
                name: _r_squared(
                    *_seen(numeric[name][rows], predicted[name], groups), confidence_level
                )
                for name in targets
            }
            targets = [name for name in targets if computed[name][0] >= WORTH_A_NOTE]
            sure = [
                name
                for name in targets
                if computed[name][1] >= NEARLY_DETERMINED or relations.of(name, named).exact
            ]
            if not sure:
                break
            name = _computed_one(sure, relations)
            alike = relations.as_likely(name, sure)
            exact = relations.of(name, named).exact
            yield _flag(name, computed[name], numeric[name][rows], bool(named), exact, alike)
            named.add(name)
            targets.remove(name)
    for name in targets:
        yield _flag(name, computed[name], numeric[name][rows], bool(named))


def _seen(truth, predicted, groups):
    seen = ~np.isnan(truth)
    return truth[seen], predicted[seen], groups[seen]


def _flag(name, interval, truth, is_later, exact=False, alike=()):
    r2, lower, upper = interval
    others = "the columns that were not computed themselves" if is_later else "the other columns"
    detail = f"{others} give R2 {r2:.3f} ({lower:.3f} to {upper:.3f}), out of fold"
    if exact:
        detail += "; a sum or product of few of them gives it to its rounding"
    if exact and alike:
        some = ", ".join(sorted({name, *alike}))
        detail += f" (which of {some} was computed from the others the values do not tell)"
    status = FOUND if exact or lower >= NEARLY_DETERMINED else NOTE
    n = int((~np.isnan(truth)).sum())
    return Flag(name, COMPUTED, status, detail, n, estimate=r2, lower=lower, upper=upper)


def _computed_one(sure, relations):
    """Return the column that was computed, of some that follow from each other.

    Of a rounded mean pressure the rest is smaller than its rounding; of the pressures that it was
    made from it is larger. One that was not rounded has more decimals than what it was made from.
    Where neither tells, the last column is taken: what is computed usually stands behind its
    sources (`_Relations.as_likely` names the others).
    """
    place = {name: k for k, name in enumerate(relations.values)}
    return max(sure, key=lambda name: (*relations.signs(name), place[name]))


@dataclass(frozen=True)
class _Relation:
    """Whether few others give a column to its rounding, and was it rounded from them; which."""

    exact: bool = False
    rounded: bool = False
    parts: tuple = ()


class _Relations:
    """What is a sum, or product of powers, of few others; each column is tried once.

    Copies of a column (`partners`) do not count as others.
    """

    def __init__(self, numeric, rows, partners):
        self.partners = partners
        self.values = {c: v[rows] for c, v in numeric.items()}
        self.units = {c: unit_of(v) for c, v in self.values.items()}
        self._found = {}

    def of(self, name, without=frozenset()):
        """Return the relation of a column; those found earlier are taken, whatever is left out."""
        if name not in self._found or (without and self._found[name].exact):
            self._found[name] = self._try(name, without)
        return self._found[name]

    def signs(self, name):
        """Return what tells a computed column from its sources: larger is likelier computed."""
        return self.of(name).rounded, -self.units[name]

    def as_likely(self, name, sure):
        """Return the parts of a column's relation that may as well be the computed one."""
        parts = set(self.of(name).parts) & set(sure)
        return tuple(p for p in parts if self.signs(p) == self.signs(name) and self.of(p).exact)

    def _try(self, name, without):
        out = {*without, *self.partners.get(name, ())}
        values = {c: v for c, v in self.values.items() if c not in out}
        best = _Relation()
        for scale, back in ((np.asarray, np.asarray), (_log, np.exp)):
            rest = _rest_within(values, name, self.units[name], scale, back)
            parts = best.parts or rest.parts
            best = _Relation(best.exact or rest.exact, best.rounded or rest.rounded, parts)
        return best


def _log(values):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values > 0, np.log(values), np.nan)


def _rest_within(values, name, unit, scale, back):
    """Return whether few others give the column to its rounding, on a scale."""
    scaled = {c: scale(v) for c, v in values.items()}
    target, chosen = scaled[name], []
    seen = ~np.isnan(target)
    rest = np.where(seen, target - target[seen].mean(), np.nan) if seen.any() else target
    for _ in range(MOST_PARTS):
        best = _most_correlated(rest, scaled, {name, *chosen})
        if best is None:
            return _Relation()
        chosen.append(best)
        design = np.column_stack([np.ones(len(target)), *(scaled[c] for c in chosen)])
        use = ~np.isnan(target) & ~np.isnan(design).any(axis=1)
        if use.sum() < FEWEST_ROWS:
            return _Relation()
        fitted = design @ np.linalg.lstsq(design[use], target[use], rcond=None)[0]
        rest = np.where(use, target - fitted, np.nan)
        off = np.abs(back(fitted[use]) - values[name][use])
        if (off <= (0.5 + ROUNDED) * unit).mean() >= EXACT_SHARE:
            low, high = (bound * unit / np.sqrt(12) for bound in FULL_ROUNDING)
            return _Relation(True, bool(low <= np.sqrt((off**2).mean()) <= high), tuple(chosen))
    return _Relation()


def _most_correlated(rest, scaled, used):
    """Return the column that goes with what is left most, or None."""
    best, likest = 0.1, None
    for name, values in scaled.items():
        both = ~np.isnan(rest) & ~np.isnan(values)
        if name in used or both.sum() < FEWEST_ROWS or values[both].std() == 0:
            continue
        r = abs(np.corrcoef(rest[both], values[both])[0, 1])
        if r > best:
            best, likest = r, name
    return likest


def _design(table, numeric, rows):
    """Return standardised predictors and the name of the column that each came from."""
    parts, owner = [], []
    for column in table.columns:
        if column.name in numeric:
            added = _bent_lines(numeric[column.name][rows])
        else:
            codes = level_codes(column)
            added = [] if codes is None else _one_hot(codes[rows])
        parts += added
        owner += [column.name] * len(added)
    design = np.column_stack(parts) if parts else np.empty((len(rows), 0))
    spread = design.std(axis=0)
    kept = spread > 1e-9
    return (design[:, kept] - design[:, kept].mean(axis=0)) / spread[kept], np.array(owner)[kept]


def _bent_lines(values):
    seen = ~np.isnan(values)
    if not seen.any():
        return []
    low, middle, high = np.quantile(values[seen], [0.2, 0.5, 0.8])
    filled = np.where(seen, values, middle)
    parts = [filled]
    if len(np.unique(values[seen])) > 10:
        parts += [np.maximum(low - filled, 0), np.maximum(filled - high, 0)]
    return parts if seen.all() else [*parts, ~seen * 1.0]


def _in_reach(values):
    """Return numbers by a power of ten smaller or larger where their squares would be lost."""
    largest = np.abs(values[~np.isnan(values)]).max(initial=0.0)
    if largest == 0 or SMALLEST <= largest <= LARGEST:
        return values
    return values / 10.0 ** np.floor(np.log10(largest))


def _one_hot(codes):
    counts = np.bincount(codes[codes >= 0])
    common = np.flatnonzero(counts >= MINORITY)
    return [(codes == level) * 1.0 for level in common[:12]]


def _predict_out_of_fold(design, owner, folds, targets, numeric, partners, rows):
    """Predict every target from all other columns: one matrix inverse per fold serves them all.

    With P the inverse of the ridge-stabilised covariance, the regression of a block of columns on
    the rest has coefficients ``-inv(P[block, block]) @ P[block, rest]``.
    """
    blocks = {name: _block(owner, name, partners) for name in targets}
    predicted = {name: np.full(len(rows), np.nan) for name in targets}
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        if train.sum() < FEWEST_IN_FOLD or not test.any():
            continue
        centre = design[train].mean(axis=0)
        centred = design - centre
        covariance = centred[train].T @ centred[train] / train.sum()
        precision = np.linalg.inv(covariance + RIDGE * np.eye(len(covariance)))
        coefficients = np.zeros((design.shape[1], len(targets)))
        for k, name in enumerate(targets):
            block = blocks[name]
            solved = -np.linalg.solve(precision[np.ix_(block, block)], precision[block][:, ~block])
            coefficients[~block, k] = solved[_first(owner[block], name)]
        score = centred @ coefficients
        for k, name in enumerate(targets):
            truth = numeric[name][rows]
            predicted[name][test] = _recalibrate(truth, score[:, k], train)[test]
    return predicted


def _block(owner, name, partners):
    return np.isin(owner, [name, *partners.get(name, ())])


def _first(owners, name):
    return int(np.flatnonzero(owners == name)[0])


def _recalibrate(truth, score, train):
    """Put a score on the scale of the truth by a straight line over the training rows."""
    seen = train & ~np.isnan(truth)
    if seen.sum() < FEWEST_PAIRS or np.ptp(score[seen]) == 0:
        return np.full(len(truth), np.nanmean(truth))
    slope, intercept = np.polyfit(score[seen], truth[seen], 1)
    return intercept + slope * score


def _r_squared(truth, predicted, groups, confidence_level):
    """Return R squared with an interval on the scale of log(1 - R squared), whole patients."""
    error, deviation = (truth - predicted) ** 2, (truth - truth.mean()) ** 2
    total = deviation.sum()
    left = error.sum() / total
    influence = (error - left * deviation) / total
    half = norm.ppf(0.5 + confidence_level / 2) * np.sqrt(cluster_variance(influence, groups))
    factor = np.exp(half / left)
    return float(1 - left), float(1 - left * factor), float(1 - left / factor)
