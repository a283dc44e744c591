"""From measured groups to the tables of the result."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._intervals import simultaneous_level, z_value
from healthml._core._release import MIN_COUNT
from healthml.fairness._contrasts import (
    REST,
    SHRUNKEN,
    gap_blocks,
    holm,
    homogeneity,
    named_rows,
    range_of,
    shrink,
    sidak,
)
from healthml.fairness._estimates import WITHOUT_GAPS, measure_groups
from healthml.fairness._sums import RATIOS, GroupSums, ratio_of, sums_of_rows

TABLE = ["feature", "control", "group", "measure", "estimate", "lower", "upper"]
TABLE += ["n_samples", "n_events", "n_patients", "method", "reason"]
GAPS = ["feature", "control", "group", "measure", "versus", "scale", "estimate", "lower", "upper"]
GAPS += ["lower_simultaneous", "upper_simultaneous", "p_value", "p_holm", "detectable"]
GAPS += ["n_samples", "n_events", "n_patients", "reason"]
CLAIMS = ["feature", "control", "group", "measure", "estimate", "lower", "upper", "p_value"]
CLAIMS += ["p_holm", "claim", "n_samples", "n_events", "n_patients", "reason"]
TESTS = ["feature", "control", "measure", "statistic", "df", "p_value", "p_holm", "max_min"]
TESTS += ["max_min_lower", "max_min_upper", "expected", "expected_p95", "largest", "smallest"]
TESTS += ["test", "reason"]
SHRUNK = ["feature", "control", "group", "measure", "estimate", "lower", "upper", "weight", "tau"]
SHRUNK += ["tau_lower", "tau_upper", "n_samples", "n_events", "n_patients", "model"]
METRICS = ["feature", "control", "metric", "method", "aggregate", "estimate", "lower", "upper"]
METRICS += ["expected", "reason"]


@dataclass
class Judged:
    """A partition with its sums and all its measures.

    Parameters
    ----------
    feature, control : str
        What divides the rows, and the stratum.
    sums : GroupSums
        Of its groups.
    measured : dict of str to Measured
        By measure.
    reference : int or None
        Place of the reference group.
    codes : ndarray of int or None
        Group of each row; None where only sums are known.
    """

    feature: str
    control: str
    sums: GroupSums
    measured: dict = field(default_factory=dict)
    reference: int | None = None
    codes: np.ndarray | None = None

    @property
    def key(self):
        """Feature and stratum, as they begin every line."""
        return {"feature": self.feature, "control": self.control}

    def counts(self, k):
        """Return rows, events and patients of a group, as they end a line."""
        sums = self.sums
        return {
            "n_samples": int(sums.n_samples[k]),
            "n_events": int(sums.n_events[k]),
            "n_patients": int(sums.n_patients[k]),
        }


def judge(partition, rows, measures, right, reference, bootstrap):
    """Return a partition with its sums and measures."""
    inside = partition.codes >= 0
    columns = rows.columns([name for name, function in measures.items() if function is None])
    y, codes, weight, patient = rows.y, partition.codes, rows.weight, rows.patient
    if not inside.all():
        columns = {name: values[inside] for name, values in columns.items()}
        y, codes = y[inside], codes[inside]
        weight, patient = (None if part is None else part[inside] for part in (weight, patient))
    sums = sums_of_rows(partition.names, codes, y, columns, weight=weight, patient=patient)
    judged = Judged(partition.feature, partition.control, sums, {}, reference, partition.codes)
    for k, (name, function) in enumerate(measures.items()):
        options = {"function": function, "right": right, **bootstrap}
        options["seed"] = bootstrap["seed"] + k
        judged.measured[name] = measure_groups(name, rows, partition.codes, sums, **options)
    return judged


def table_of(judged, level):
    """Return the table of all measures by group."""
    parts = []
    for part in judged:
        names, groups = list(part.measured), part.sums.names.astype(object)
        lines = [_columns_of(measured.own, level) for measured in part.measured.values()]
        # the measures of a group beside each other
        columns = {key: np.array([line[key] for line in lines]).T.ravel() for key in lines[0]}
        columns |= {"group": np.repeat(groups, len(names)), "measure": names * len(groups)}
        counts = {key: np.repeat(values, len(names)) for key, values in _all_counts(part).items()}
        parts.append(part.key | columns | counts)
    return _one_table(parts, TABLE)


def _columns_of(own, level):
    lower, upper = own.ends(z_value(level))
    method = np.where(np.isfinite(lower), own.kind if own.method is None else own.method, "")
    reason = own.reason.astype(object)
    return {"estimate": own.value, "lower": lower, "upper": upper, "method": method} | {
        "reason": reason
    }


def gaps_of(judged, level):
    """Return the table of gaps, with ends and p-values that hold for all groups and attributes."""
    tables, families = [], {}
    for part in judged:
        counts = _all_counts(part)
        groups = part.sums.names.astype(object)
        for measured in part.measured.values():
            for block in gap_blocks(measured, part.reference):
                at, versus = block.places, block.versus
                versus = versus if versus == REST else str(groups[part.reference])
                table = part.key | {"group": groups[at], "measure": block.name, "versus": versus}
                table |= block.columns(z_value(level))
                table |= {name: values[at] for name, values in counts.items()}
                tables.append(table)
                families.setdefault((block.name, block.versus), []).append((table, block))
    for members in families.values():
        _hold_together(members, level)
    return _one_table(tables, GAPS)


def _one_table(parts, columns):
    """Return tables, given as dicts of columns or single values, as one."""
    size = [len(part["group"]) for part in parts]
    table = {
        name: np.concatenate(
            [
                np.full(n, part[name]) if np.ndim(part[name]) == 0 else part[name]
                for n, part in zip(size, parts, strict=True)
            ]
        )
        for name in (columns if parts else ())
    }
    return pd.DataFrame(table, columns=columns)


def _all_counts(part):
    names = ("n_samples", "n_events", "n_patients")
    return {name: getattr(part.sums, name) for name in names}


def _hold_together(members, level):
    """Write simultaneous ends and Holm's p-values of one measure's gaps.

    Of two groups each gap to the other is the same gap, and counts once.
    """
    alone = [len(block.places) == 2 and block.versus == REST for _, block in members]
    p_values = [
        table["p_value"][: 1 if twice else None]
        for (table, _), twice in zip(members, alone, strict=True)
    ]
    adjusted = holm(np.concatenate(p_values))
    z = sidak(level, np.isfinite(np.concatenate(p_values)).sum())
    start = 0
    for (table, block), own in zip(members, p_values, strict=True):
        own_adjusted = adjusted[start : start + len(own)]
        table["p_holm"] = np.resize(own_adjusted, len(block.places))
        _, table["lower_simultaneous"], table["upper_simultaneous"] = block.ends(z)
        start += len(own)


def claims_of(judged, claims, level, min_events):
    """Return what may be claimed of groups, with ends and p-values for all of them together."""
    lines, groups = [], []
    for part in judged:
        for k in range(len(part.sums.names)):
            own = np.flatnonzero((part.codes == k) & claims.rows.used)
            groups.append((part, k, own, *judgeable(claims, own, min_events)))
    strict = simultaneous_level(level, sum(len(wanted) for *_, wanted, _ in groups))
    for part, k, own, wanted, reason in groups:
        base = part.key | {"group": str(part.sums.names[k])}
        counts = dict(zip(("n_samples", "n_events", "n_patients"), claims.counts(own), strict=True))
        engine = {"oe_ratio": claims.wrong_risks, "auroc": claims.ranked_worse}
        for measure in wanted:
            numbers = engine[measure](own, strict)
            if numbers is not None:
                names = ("estimate", "lower", "upper", "p_value")
                line = dict(zip(names, numbers, strict=True))
                lines.append(base | {"measure": measure} | line | counts | {"reason": ""})
        if reason:
            lines.append(base | {"measure": "all"} | counts | {"reason": reason})
    table = pd.DataFrame(lines, columns=CLAIMS)
    numbers = ["estimate", "lower", "upper", "p_value"]
    table[numbers] = table[numbers].astype(float)
    table["p_holm"] = holm(table["p_value"].to_numpy())
    table["claim"] = [_claim(*line) for line in zip(*_claim_columns(table, level), strict=True)]
    return table


def _claim_columns(table, level):
    return table["measure"], table["estimate"], table["p_holm"] <= 1 - level


def _claim(measure, estimate, holds):
    if not holds:
        return ""
    if measure == "auroc":
        return "ranked worse than its spread of risk allows"
    return "risks too low" if estimate > 1 else "risks too high"


def judgeable(claims, own, min_events):
    """Return the measures of which something can be claimed in a group, or why of none.

    A patient of both kinds of rows counts twice. Where events are few although enough are expected,
    the risks of independent rows can be judged all the same: that none came of 40 expected is the
    clearest sign of wrong risks that there is.
    """
    if claims.counts(own)[2] < MIN_COUNT:
        return (), f"fewer than {MIN_COUNT} patients: nothing is claimed"
    if min(claims.patients_of_each_kind(own)) >= min_events:
        return ("oe_ratio", "auroc"), ""
    if claims.is_exact and min(claims.most_of_each_kind(own)) >= min_events:
        return ("oe_ratio",), ""
    return (), f"fewer than {min_events} patients with or without the event: not assessable"


def homogeneity_rows(judged, level, *, simple):
    """Return one test of homogeneity for each measure of each partition."""
    lines = []
    for part in judged:
        if len(part.sums.names) < 2:
            continue
        scarce = np.minimum(part.sums.n_events, part.sums.n_samples - part.sums.n_events)
        for name, measured in part.measured.items():
            if name in WITHOUT_GAPS and name != "event_rate":
                continue
            line = homogeneity(measured, part.sums, scarce, simple=simple)
            extent = range_of(measured, part.sums, level, simple=simple)
            if extent is not None:
                for end in ("largest", "smallest"):
                    extent[end] = str(part.sums.names[extent[end]])
                line |= extent
            lines.append(part.key | {"measure": name} | line)
    table = pd.DataFrame(lines, columns=TESTS)
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    return table


def shrunken_of(judged, level):
    """Return empirical-Bayes estimates of the partitions with five groups or more."""
    lines = []
    for part in judged:
        for name in [name for name in SHRUNKEN if name in part.measured]:
            shrunken = shrink(part.measured[name], part.sums, level)
            if shrunken is None:
                continue
            names = ("tau", "tau_lower", "tau_upper")
            tau = dict(zip(names, shrunken.tau, strict=True)) | {"model": shrunken.model}
            for k, group in enumerate(part.sums.names):
                numbers = {"estimate": shrunken.value[k], "lower": shrunken.lower[k]}
                numbers |= {"upper": shrunken.upper[k], "weight": shrunken.weight[k]}
                place = {"group": str(group), "measure": name}
                lines.append(part.key | place | numbers | tau | part.counts(k))
    return pd.DataFrame(lines, columns=SHRUNK)


def metrics_of(judged, level, *, simple):
    """Return the named fairness metrics of every partition."""
    lines = []
    for part in judged:
        overall = overall_of(part)
        rows = named_rows(part.measured, overall, part.sums, level, simple=simple)
        lines += [part.key | line for line in rows]
    return pd.DataFrame(lines, columns=METRICS)


def overall_of(part):
    """Return the ratios of everybody in a partition."""
    total = part.sums.sums.sum(axis=0)
    names = [name for name in part.measured if name in RATIOS]
    return {name: float(ratio_of(name).value(total)) for name in names}
