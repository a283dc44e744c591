"""Numbers that stand for "missing", such as -1, 999 or 0, by their place among the others.

A number is a code only if it stands apart: outside the other values, separated from them, and
repeated. Zero is one only where the concept rules it out or where it lies far from an otherwise
positive, continuous column. A code already shown in two columns makes the same number in a third
suspected.
"""

import numpy as np

from healthml._core._knowledge import number_codes
from healthml._core._numerics import NORMAL_IQR
from healthml.cleaning._columns import FOUND, SUSPECTED

FEW_DISTINCT = 20  # at most this many distinct values: a scale, not a measurement

SPIKE = 5  # how many cells make a repeated value a spike

RARE = 0.05  # share of cells up to which a code known from other columns is suspected; by judgement

# All values below were chosen by judgement on the tables of benchmarks/dirty_tables.py, not by
# simulation. Lower ones call real extremes codes, higher ones leave codes among the numbers.
GAP, GAP_OF_SPIKE = 1.5, 3  # steps: beyond what rounding leaves between two neighbours
TIMES_NEIGHBOURS, TIMES_TALLEST = 5, 3  # cells of a code against those of its neighbours
N_NEIGHBOURS, N_TAIL = 5, 10  # values at the low and at the high end that are such neighbours
FEWEST_FOR_ONE = 50  # numbers among which a single negative of -9 or less is suspected
LEAST_NEGATIVE, LEAST_HIGH, LEAST_INSIDE = -9, 9, 99  # codes nearer to 0 are real values
LONG_CODE = 777  # codes from here on are no accident: two cells are enough, else ENOUGH
ENOUGH = 3  # cells of a shorter code, or zeros, that are no accident
MOST_BEYOND = 0.005  # share of numbers beyond a code inside the range: outliers, other errors
# A column lies far from zero where its median is FROM_ZERO standard deviations away, and its low
# end (a quantile) and its least value are such shares of the median.
LOW_SHARE, LEAST_SHARE, FROM_ZERO, LOW_END = 0.25, 0.1, 4, 0.005
MOST_ZEROS = 0.5  # share of zeros from which they are the usual value
STEPS_TO_USUAL = 4  # steps between 0 and the usual range of a concept, so that something lies there
FEWEST_EVEN = 4  # values in even steps that speak of centring
# Correlation of two yes/no columns (phi), and its chi-square, from which they are one missingness;
# 40 is beyond any correction for the pairs of a thousand columns.
GO_TOGETHER, CLEARLY = 0.3, 40


def judge_number_codes(table):
    """Return {column name: (ColumnView, {code: (status, reason)})} for the columns of numbers."""
    verdicts = {}
    for column in table.columns:
        if column.numbers is None or (len(column.unique[0]) < 2 and not column.declared):
            continue
        verdicts[column.name] = (column, _judge_column(column))
    _judge_by_convention(verdicts)
    return verdicts


def judge_code(column, code):
    """Return (status, reason) for any value as a code at an end of a column, or None.

    The known codes that occur are left out of the values it is compared with.
    """
    values, counts = column.unique
    count = int(counts[np.searchsorted(values, code)])
    kept = ~np.isin(values, [*column.codes_present[column.codes_present != 0], code])
    base = values[kept], counts[kept]
    if len(base[0]) < 2 or base[0][0] < code < base[0][-1]:
        return None
    judge = _judge_negative if code < base[0][0] else _judge_high
    return judge(column, code, count, base)


def _judge_column(column):
    """Return {code: (status, reason)} for one column."""
    verdicts = {}
    base = _without(column, column.codes_present[column.codes_present != 0])
    for code in column.codes_present:
        count = int(column.unique[1][np.searchsorted(column.unique[0], code)])
        if number_codes()[code] == "limit":
            verdict = (FOUND, "an integer limit") if _is_outside(code, base[0]) else None
        elif code == 0:
            verdict = _judge_zero(column, count)
        elif len(base[0]) < 2:
            verdict = None
        elif code < base[0][0]:
            verdict = _judge_negative(column, code, count, base)
        else:
            verdict = _judge_high(column, code, count, base)
        if verdict:
            verdicts[float(code)] = verdict
    declared = [c for c in column.declared.get("missing_codes", ()) if not isinstance(c, str)]
    for code in np.intersect1d(column.unique[0], np.array(declared, dtype=float)):
        verdicts[float(code)] = FOUND, "declared in the schema"
    return verdicts


def _without(column, codes):
    values, counts = column.unique
    kept = ~np.isin(values, codes)
    return values[kept], counts[kept]


def _is_outside(code, values):
    return len(values) > 0 and not values[0] <= code <= values[-1]


def _judge_negative(column, code, count, base):
    """Judge a code below every other value."""
    values, counts = base
    if _is_centred(column.unique[0]):
        return None
    gap, spread = values[0] - code, values[-1] - values[0]
    if count >= 2 and _is_impossible_spike(column, code, count):
        return FOUND, "below what is possible, repeated"
    if values[0] < 0:
        far = count >= 2 and gap > spread
        return (FOUND, "repeated, further away than the others spread") if far else None
    if code <= LEAST_NEGATIVE and column.n_finite >= FEWEST_FOR_ONE:
        return (FOUND if count >= 2 else SUSPECTED), "the only negative value"
    step = _step(values)
    off_grid = len(values) <= FEW_DISTINCT and not np.isclose(gap / step, round(gap / step))
    if count >= SPIKE and (gap >= GAP * step or off_grid):
        return FOUND, "the only negative value, repeated, with a gap"
    spike = count >= 2 * SPIKE and count >= TIMES_NEIGHBOURS * counts[:N_NEIGHBOURS].mean()
    if spike and len(values) >= FEW_DISTINCT:
        return FOUND, "the only negative value, far more often than its neighbours"
    return None


def _judge_high(column, code, count, base):
    """Judge a positive code against the values below it."""
    values, counts = base
    if code < LEAST_HIGH or count < 2:
        return None
    if _is_impossible_spike(column, code, count):
        return FOUND, "above what is possible, repeated"
    gap, spread = code - values[-1], values[-1] - values[0]
    if gap <= 0:
        return _judge_high_inside(code, count, base)
    enough = 2 if code >= LONG_CODE else ENOUGH
    if count >= enough and gap >= max(spread, GAP * _step(values)) and spread > 0:
        return FOUND, "repeated, further away than the others spread"
    many = len(values) > FEW_DISTINCT
    tallest = counts[-N_TAIL:].max() if many else counts[-1]
    steps = np.diff(values[-N_TAIL:]).max() if many else _step(values)
    apart = gap >= (GAP_OF_SPIKE if many else GAP) * steps
    if count >= SPIKE and apart and count >= TIMES_TALLEST * tallest:
        return SUSPECTED, "the largest value, repeated, with a gap"
    return None


def _judge_high_inside(code, count, base):
    """Judge a code with a few still larger values (outliers, other errors) beyond it."""
    values, counts = base
    beyond = counts[values > code].sum() / counts.sum()
    if len(values) <= FEW_DISTINCT or beyond > MOST_BEYOND:
        return None
    if count < SPIKE or code < LEAST_INSIDE:
        return None
    below = values[values < code]
    tail = counts[values > np.quantile(values, 0.9)]
    isolated = len(below) and code - below[-1] > (below[-1] - below[0])
    if isolated and count >= TIMES_TALLEST * tail.max():
        return SUSPECTED, "repeated, further away than most others spread"
    return None


def _judge_zero(column, count):
    """Judge zero: by the concept where there is one, else by its distance."""
    values, counts = _without(column, column.codes_present)
    if len(values) < 2 or values[0] < 0 or count < 2:
        return None
    if column.concept:
        return _judge_zero_of_concept(column, count, values, counts)
    share = count / (count + counts.sum())
    if len(values) <= FEW_DISTINCT or share > MOST_ZEROS or count < ENOUGH:
        return None
    low, q25, middle, q75 = _weighted_quantiles(values, counts, (LOW_END, 0.25, 0.5, 0.75))
    apart = middle / max((q75 - q25) / NORMAL_IQR, 1e-12) >= FROM_ZERO
    if apart and low >= LOW_SHARE * middle and values[0] >= LEAST_SHARE * middle:
        return SUSPECTED, "zero far below an otherwise positive column"
    return None


def _judge_zero_of_concept(column, count, values, counts):
    concept = column.concept
    vital = "0 can also be an arrest" if concept["name"] in _STOPS else ""
    if _is_impossible_spike(column, 0.0, count):
        return (SUSPECTED if vital else FOUND), vital or "zero is impossible here, repeated"
    _, factor, offset = concept["unit"]
    low = (concept["soft"][0] - offset) / factor
    between = counts[values < low].sum()
    if low >= STEPS_TO_USUAL * _step(values) and count >= max(SPIKE, TIMES_NEIGHBOURS * between):
        return SUSPECTED, vital or "zero repeated, almost nothing between it and the usual range"
    return None


_STOPS = frozenset({"heart_rate", "resp_rate", "sbp", "dbp", "map"})


def _is_impossible_spike(column, code, count):
    """Outside the hard limits in every unit that fits, and not one of many such values."""
    concept = column.concept
    if not concept:
        return False
    values, counts = _without(column, column.codes_present)
    beyond = np.ones(len(values) + 1, dtype=bool)
    for _, factor, offset in concept["agreeing"]:
        value = np.append(values, code) * factor + offset
        low, high = concept["hard"]
        beyond &= value > high if code > 0 else value < low
    return bool(beyond[-1]) and count >= 3 * counts[beyond[:-1]].max(initial=0)


def _is_centred(values):
    """Say whether few values in even steps lie around zero: years from a mean age, not codes."""
    steps = np.diff(values)
    even = FEWEST_EVEN <= len(values) <= FEW_DISTINCT and np.allclose(steps, steps[0])
    return bool(even and (values < 0).sum() >= 2 and values[-1] > 0)


def _step(values):
    """Smallest distance between neighbouring values."""
    return np.diff(values).min() if len(values) > 1 else 1.0


def _weighted_quantiles(values, counts, levels):
    position = np.cumsum(counts) / counts.sum()
    return [values[min(np.searchsorted(position, q), len(values) - 1)] for q in levels]


def _judge_by_convention(verdicts):
    """Suspect a negative code at the edge of a column where two other columns show it."""
    shown = {}
    for name, (_, judged) in verdicts.items():
        for code, (status, _) in judged.items():
            if status == FOUND and code < 0:
                shown.setdefault(code, set()).add(name)
    for name, (column, judged) in verdicts.items():
        for code, names in shown.items():
            if len(names - {name}) < 2 or code in judged or code != column.unique[0][0]:
                continue
            values, counts = column.unique
            if len(values) < 2 or values[1] < 0:
                continue
            here = column.rows_equal(code)
            elsewhere = (verdicts[n][0].rows_equal(code) for n in names - {name})
            if counts[0] >= SPIKE and any(_go_together(here, there) for there in elsewhere):
                judged[code] = FOUND, f"in the same rows as the code {plain_code(code)} elsewhere"
            elif counts[0] <= RARE * counts.sum():
                judged[code] = SUSPECTED, f"{plain_code(code)} means missing in other columns"


def _go_together(a, b):
    """Two yes/no columns are true in the same rows, clearly more than by chance."""
    n, in_a, in_b, both = len(a), a.sum(), b.sum(), (a & b).sum()
    spread = np.sqrt(in_a * (n - in_a) * in_b * (n - in_b))
    phi = (n * both - in_a * in_b) / spread if spread else 0.0
    return bool(phi >= GO_TOGETHER and n * phi**2 >= CLEARLY)


def plain_code(code):
    return f"{code:.0f}" if code == round(code) else f"{code:g}"
