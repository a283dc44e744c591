"""Values that no living person has, and values to verify, by the shipped or declared limits.

A column's name is believed only when the values agree with it. A cell is called impossible only
if it is so in every unit that fits the column and stands apart from the column's own tail; it is
"suspected" where the limit rests on judgement. Values outside the usual range are counted, never
called wrong.
"""

import numpy as np
from scipy.stats import norm

from healthml._core._knowledge import NOT_REVIEWED
from healthml.cleaning._columns import FOUND, NOTE, SUSPECTED, Flag

IMPOSSIBLE, VERIFY, INFINITE = "impossible_value", "verify_value", "infinite"
NEGATIVE = "few_negatives"

FAR = 5.0  # standard deviations of the column's own tail
FEW, FLOOR = 0.05, 0.03  # share of negative cells at most, of exact zeros at least


def screen_plausibility(table, codes):
    """Yield impossible cells and cells to verify, per column.

    Parameters
    ----------
    table : TableView
        The table.
    codes : dict of str to ndarray
        Cells already explained as codes for missing values; they are left out.
    """
    for column in table.columns:
        if column.numbers is None:
            continue
        infinite = np.isinf(column.numbers)
        if infinite.any():
            yield Flag.of_cells(column, INFINITE, FOUND, "infinite numbers", infinite)
        explained = codes.get(column.name, np.zeros(column.n, dtype=bool)) | infinite
        if "low" in column.declared or "high" in column.declared:
            yield from _outside_declared(column, explained)
        elif column.concept:
            yield from _outside_facts(column, explained)
        else:
            yield from _few_negatives(column, explained)


def _outside_declared(column, explained):
    low = float(column.declared.get("low", -np.inf))
    high = float(column.declared.get("high", np.inf))
    mask = column.outside((low, high), ("", 1.0, 0.0)) & ~explained
    if mask.any():
        detail = f"outside the declared limits {low:g} to {high:g}"
        evidence = {"limits": (low, high), "declared": True}
        evidence |= _sides(column, mask, (low, high), ("", 1.0, 0.0))
        yield Flag.of_cells(column, IMPOSSIBLE, FOUND, detail, mask, evidence=evidence)


def _outside_facts(column, explained):
    concept = column.concept
    judged = ~explained & np.isfinite(column.numbers)
    beyond = judged.copy()
    for unit in concept["agreeing"]:
        beyond &= column.outside(concept["hard"], unit)
    impossible = beyond & _stands_apart(column, judged & ~beyond)
    verify = column.outside(concept["soft"], concept["unit"]) & judged & ~impossible
    sure = concept["reviewed"] != NOT_REVIEWED or (column.numbers[impossible] <= 0).all()
    for rule, status, mask, limits, reviewed in (
        (IMPOSSIBLE, FOUND if sure else SUSPECTED, impossible, "hard", concept["reviewed"]),
        (VERIFY, NOTE, verify, "soft", NOT_REVIEWED),
    ):
        if not mask.any():
            continue
        other = _better_units(column, mask, judged & ~mask)
        evidence = {
            "concept": concept["name"],
            "unit": concept["unit"][0],
            "limits": concept[limits],
            **_sides(column, mask, concept[limits], concept["unit"]),
            "agreement": float(concept["agreement"]),
            "other_units": other,
            "note": concept["note"],
        }
        detail = _detail(concept, rule, concept[limits], other, column.count(mask))
        yield Flag.of_cells(
            column, rule, status, detail, mask, reviewed=reviewed, evidence=evidence
        )


def _sides(column, mask, limits, unit):
    """Count the flagged cells below and above the limits when the column is read in a unit."""
    _, factor, offset = unit
    middle = np.clip(0.0, *limits) if np.isinf(limits).any() else sum(limits) / 2
    with np.errstate(invalid="ignore"):
        low = mask & (column.numbers * factor + offset < middle)
    return {"n_low": column.count(low), "n_high": column.count(mask & ~low)}


def _stands_apart(column, ordinary):
    """Return rows further out than the column's own tail reaches, or beyond a natural bound.

    A limit that the tail of a skewed column runs through smoothly (a heavy-tailed laboratory
    value) shows the limit to be doubtful, not the cells to be wrong.
    """
    concept, values = column.concept, column.numbers[ordinary]
    number = np.nan_to_num(column.numbers, nan=np.inf, posinf=np.inf)
    if concept["category"] == "score" or concept["units"][0][0] == "%":
        return np.ones(len(number), dtype=bool)
    positive = concept["hard"][0] >= 0
    n_ordinary = column.count(ordinary)
    if n_ordinary < 20:
        return (number <= 0) & positive
    logs = positive and values.min() > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.log if logs else np.asarray
        low, middle, high = scale(column.quantiles(ordinary, [0.05, 0.5, 0.95]))
        place = scale(number) - middle
    reach = max(FAR, norm.isf(0.05 / n_ordinary)) / norm.ppf(0.95)
    apart = (place > reach * (high - middle)) | (place < -reach * (middle - low))
    return apart | ((number <= 0) & positive)


def _better_units(column, mask, others):
    """Count, per other unit, the flagged cells that would be ordinary values in that unit."""
    name_, factor, offset = column.concept["unit"]
    if column.count(others) < 20:
        return {}
    low, high = column.quantiles(others, [0.005, 0.995]) * factor + offset
    counts = {}
    for unit, f, o in column.concept["units"]:
        read = column.numbers * f + o
        with np.errstate(invalid="ignore"):
            inside = column.count(mask & (read >= low) & (read <= high))
        if unit != name_ and inside:
            counts[unit] = inside
    return counts


def _detail(concept, rule, limits, other, n_cells):
    what = "impossible" if rule == IMPOSSIBLE else "to verify"
    canonical, used = concept["units"][0][0], concept["unit"][0]
    unit = canonical if used == canonical else f"{canonical}, the column read as {used}"
    text = f"{concept['name']} outside {limits[0]:g} to {limits[1]:g} {unit}: {what}"
    best = max(other, key=other.get, default=None)
    if best and other[best] >= max(2, 0.5 * n_cells):
        text += f"; {other[best]:,} would be ordinary in {best}"
    return text


def _few_negatives(column, explained):
    """Yield a few values below zero in a column that piles up at zero: a sign convention."""
    number = np.where(explained, np.nan, column.numbers)
    with np.errstate(invalid="ignore"):
        mask = number < 0
        negative, zeros, above = (column.count(c) for c in (mask, number == 0, number > 0))
    n = negative + zeros + above
    if not negative or len(column.unique[0]) <= 10 or zeros < max(5, FLOOR * n):
        return
    if negative <= min(FEW * n, zeros / 5):
        detail = f"{negative:,} below zero where {zeros:,} are exactly zero: sign or scale?"
        yield Flag.of_cells(column, NEGATIVE, NOTE, detail, mask)
