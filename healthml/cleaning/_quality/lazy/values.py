"""Distinct values of a lazy table, judged by the cleaner's steps as learnt on a sample."""

from healthml.cleaning._cleaner import look_at_others
from healthml.cleaning._quality.findings import IMPOSSIBLE, VERIFY, flags_of_steps

ROW_STEPS = ("units", "cross_field")  # they judge a cell by other cells of its row
_AFTER_ROWS = ("decimal_slips", "plausible_range")  # and these judge what they left
_OF_ROWS = ("dependency",)  # rules of other steps that need the row
_BY_AGE = (VERIFY, "decimal_slip", "decimal_slip_possible", "decimal_shift_alike")


def flags_of_values(cleaner, steps, columns, sample):
    """Yield flags over the distinct values of each column.

    Each value is judged by itself, with the rest of its row missing. What depends on the row is
    left to the sampled rows (`judged_by_rows`).
    """
    by_rows = _columns_by_rows(steps)
    ranges = cleaner.steps_["plausible_range"]
    left_out = _BY_AGE if ranges.age_column_ is not None else ()
    for column in columns:
        frame = sample.iloc[:0].reindex(range(column.n)).assign(**{column.name: column.series})
        done = look_at_others(cleaner, frame, leave_out=ROW_STEPS)
        view = _View([column])
        for flag in flags_of_steps(done, view, cleaner):
            after = flag.column in by_rows and flag.rule in _rules(done, _AFTER_ROWS)
            if flag.rule not in left_out and not after and flag.rule != "date_order":
                yield _with_limits(flag, column, ranges)


def judged_by_rows(steps):
    """Return those steps of the record of the sample that need more than the cell's own value."""
    columns = _columns_by_rows(steps)
    judged = {name: list(steps.get(name, ())) for name in ROW_STEPS}
    for name in _AFTER_ROWS:
        after = steps.get(name, ())
        judged[name] = [s for s in after if str(s.column) in columns or s.rule in _BY_AGE]
    judged["categories"] = [s for s in steps.get("categories", ()) if s.rule in _OF_ROWS]
    return judged


class _View:
    def __init__(self, columns):
        self.columns = columns


def _rules(done, names):
    return {step.rule for name in names for step in done.get(name, ())}


def _columns_by_rows(steps):
    """Return the columns of which rows showed cells in another unit or at odds with others."""
    return {
        str(step.column)
        for name in ROW_STEPS
        for step in steps.get(name, ())
        if getattr(step, "severity", "") == "error"
    }


def _with_limits(flag, column, ranges):
    """Add the limits by which values between the sampled ones are judged too."""
    limits = ranges.limits_.get(column.name)
    if flag.rule not in (VERIFY, IMPOSSIBLE) or limits is None:
        return flag
    population = ranges.population if ranges.population in limits else "adult"
    flag.evidence["soft"] = tuple(limits[population].soft[population])
    return flag
