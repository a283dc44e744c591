"""Two audits beside each other: what another version changed, pair by pair where it can be."""

from dataclasses import dataclass

import pandas as pd

from healthml._core._paired import paired_scores
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.reporting._report import AuditReport

_MEASURES = ("auroc", "scaled_brier", "oe_ratio", "calibration_slope", "net_benefit_per_1000")
# Measures whose difference is judged pair by pair. Of O:E and slope nearer to 1 is better, so that
# their difference alone says nothing.
_PAIRED = {"auroc": 1.0, "scaled_brier": 1.0, "net_benefit_per_1000": 1000.0}
_NAMES = {
    "auroc": "AUC",
    "scaled_brier": "scaled Brier score",
    "oe_ratio": "observed / expected events",
    "calibration_slope": "calibration slope",
    "net_benefit_per_1000": "net benefit per 1,000",
}


@dataclass(frozen=True, repr=False)
class ReportComparisonResult(Result):
    """What differs between two reports; made by `compare`.

    Parameters
    ----------
    table : DataFrame
        measure, first, first_lower, first_upper, second, second_lower, second_upper, difference
        (second minus first), lower, upper; the last three only where the reports are paired.
    findings : DataFrame
        code, title, first, second: the severity in each report, "" where it was not found.
    paired : bool
        Whether both judge the same rows in the same splits.
    reason : str
        Why they are not paired.
    """

    findings: pd.DataFrame = None
    paired: bool = False
    reason: str = ""

    def summary(self):
        """Return the comparison in words, for a terminal."""
        lines = [
            "Paired: both reports judge the same rows in the same splits."
            if self.paired
            else f"Not paired, because {self.reason}. No difference is stated."
        ]
        for row in self.table.itertuples(index=False):
            first = _interval(row.first, row.first_lower, row.first_upper)
            second = _interval(row.second, row.second_lower, row.second_upper)
            text = f"{_NAMES[row.measure]}: {first} then {second}"
            if pd.notna(row.difference):
                text += f"; difference {_interval(row.difference, row.lower, row.upper)}"
            lines.append(text)
        changed = self.findings[self.findings["first"] != self.findings["second"]]
        for row in changed.itertuples(index=False):
            change = f"{row.first or 'not found'} -> {row.second or 'not found'}"
            lines.append(f"{row.code} {row.title}: {change}")
        if changed.empty:
            lines.append("The same findings in both.")
        return "\n".join(lines)

    def plot(self, ax=None, **kwargs):
        """Draw the AUC of both reports with their intervals."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        row = self.table.set_index("measure").loc["auroc"]
        names = ("second", "first")
        spread = [
            [row[name] - row[f"{name}_lower"] for name in names],
            [row[f"{name}_upper"] - row[name] for name in names],
        ]
        ax.errorbar([row[name] for name in names], names, xerr=spread, fmt="o", **kwargs)
        ax.set(xlabel="AUC", title="paired" if self.paired else "not paired")
        ax.margins(y=0.4)
        return ax


def _interval(value, lower, upper):
    return f"{value:.3f} ({lower:.3f} to {upper:.3f})"


def compare(first, second):
    """Compare two audits: of two versions of a model, or before and after a finding was acted on.

    Where both reports are live and judge the same rows in the same splits (the same patients in the
    same order, `random_state` and `n_repeats`), differences are paired: each patient is compared
    with itself, so that they are far more precise than the two intervals suggest. Otherwise the
    numbers stand beside each other and it is said why there is no difference.

    Parameters
    ----------
    first, second : AuditReport, str or path-like
        Reports, or JSON files that `AuditReport.to_json` wrote. A report read from a file holds no
        rows, and is never paired.

    Returns
    -------
    ReportComparisonResult
        `table` of measures, `findings` of both; `summary()`, `plot()`, `to_json()`.

    Raises
    ------
    InputError
        If one is neither a report nor a report's JSON file.

    See Also
    --------
    healthml.validation.compare_models : Fits several models in the same resamples.
    healthml.metrics.compare_performance : Several columns of risks on the same patients.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.reporting import audit_predictions, compare
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.uniform(0.05, 0.6, 500)
    >>> outcome = (rng.uniform(size=500) < risk).astype(int)
    >>> old = audit_predictions(outcome, np.sqrt(risk), random_state=0)
    >>> new = audit_predictions(outcome, risk, random_state=0)
    >>> compare(old, new).paired
    True
    """
    first, second = _report(first, "first"), _report(second, "second")
    reason = _why_not_paired(first, second)
    differences = {} if reason else _differences(first.judged, second.judged)
    rows = []
    for measure in _MEASURES:
        values = [_estimate(report, measure) for report in (first, second)]
        if any(value is not None for value in values):
            missing = (float("nan"),) * 3
            both = [missing if value is None else value for value in values]
            rows.append((measure, *both[0], *both[1], *differences.get(measure, missing)))
    columns = ["measure", "first", "first_lower", "first_upper"]
    columns += ["second", "second_lower", "second_upper", "difference", "lower", "upper"]
    table = pd.DataFrame(rows, columns=columns)
    return ReportComparisonResult(table, _findings(first, second), not reason, reason)


def _report(source, name):
    if isinstance(source, AuditReport):
        return source
    if hasattr(source, "__fspath__") or isinstance(source, str):
        return AuditReport.from_json(source)
    raise InputError(f"{name} must be an AuditReport or a report's JSON file.")


def _why_not_paired(first, second):
    for report, name in ((first, "first"), (second, "second")):
        if report.judged is None:
            return f"the {name} report was read from a file and holds no rows"
    return first.judged.why_not_paired(second.judged)


def _differences(first, second):
    """Return second minus first with its interval, each patient compared with itself."""
    risks = {"first": first.risk, "second": second.risk}
    folds = None if first.folds is None else dict.fromkeys(risks, first.folds)
    options = {"folds": folds, "groups": first.groups, "thresholds": first.thresholds}
    scores = paired_scores(first.y, risks, **options)
    gaps = {}
    for measure, scale in _PAIRED.items():
        if measure == "net_benefit_per_1000" and tuple(first.thresholds) != tuple(
            second.thresholds
        ):
            continue  # over two ranges of thresholds it answers two questions
        own = measure.removesuffix("_per_1000")
        if all((name, own) in scores.values for name in risks):
            difference = scores.difference("second", "first", own)
            gaps[measure] = tuple(float(scale * value) for value in difference)
    return gaps


def _estimate(report, measure):
    """Return (estimate, lower, upper) of the judged model in a report, or None."""
    table = report.section("performance").tables[0][1]
    row = table[(table["model"] == "model") & (table["measure"] == measure)]
    if row.empty or row["estimate"].isna().all():
        return None
    return tuple(float(row.iloc[0][name]) for name in ("estimate", "lower", "upper"))


def _findings(first, second):
    """Return the severity of each finding in both reports, most severe first."""
    seen = {}
    for place, report in enumerate((first, second)):
        for finding in report.released().findings:
            severity = seen.setdefault((finding.code, finding.columns), ["", "", ""])
            severity[place], severity[2] = finding.severity, finding.title
    rows = [(code, title, a, b) for (code, _), (a, b, title) in seen.items()]
    return pd.DataFrame(rows, columns=["code", "title", "first", "second"])
