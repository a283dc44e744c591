"""Who is in the table, against a reference population."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import binomtest, chi2

from healthml._core._checks import check_alignment, check_groups
from healthml._core._intervals import check_confidence_level, wilson
from healthml._core._release import MIN_COUNT
from healthml._core._results import Result
from healthml._core._tables import sensitive_frame
from healthml.exceptions import InputError
from healthml.fairness._attributes import MISSING, band_codes
from healthml.fairness._contrasts import holm

MOST_LISTED = 5  # groups named in an error, to be read at a glance; by judgement
_ROUNDED = 0.02  # how far declared shares may be from adding up to 1, for rounding; then scaled


@dataclass(frozen=True, repr=False)
class RepresentationResult(Result):
    """Shares of groups beside those of a reference population; made by `representation`.

    Parameters
    ----------
    table : DataFrame
        One row per group: feature, group, share (of patients whose attribute is known), lower,
        upper, reference_share, ratio (of both) with ratio_lower and ratio_upper, p_value (exact
        binomial), p_holm (over all groups and features), n_patients, reason.
    tests : DataFrame
        feature, statistic, df, p_value (chi-squared goodness of fit), n_patients, n_missing.
    confidence_level : float
        Of the intervals.
    """

    tests: pd.DataFrame = None
    confidence_level: float = 0.95

    def plot(self, ax=None, **kwargs):
        """Draw the ratios of shares with their intervals; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes, shorten
        from healthml._core._release import release_table

        rows = release_table(self.table).dropna(subset=["ratio"]).iloc[::-1]
        ax, at = new_axes(ax, width=6.0, height=1.2 + 0.3 * len(rows)), np.arange(len(rows))
        spread = [rows["ratio"] - rows["ratio_lower"], rows["ratio_upper"] - rows["ratio"]]
        options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
        ax.errorbar(rows["ratio"], at, xerr=np.abs(np.asarray(spread)), **options)
        names = rows["feature"].astype(str) + ": " + rows["group"].astype(str)
        ax.set_yticks(at, [shorten(name) for name in names], parse_math=False)
        ax.axvline(1, color=GREY, lw=1, zorder=0)
        ax.set(xlabel=f"Share here / share in the population, {self.confidence_level:.0%} CI")
        return ax


def representation(
    sensitive_features, reference, *, groups=None, confidence_level=0.95
) -> RepresentationResult:
    """Compare who is in a table with a reference population.

    A group that is hardly in the training data cannot be judged, and one that is rarer than where
    the model will be used weighs too little in what the model learns.

    Parameters
    ----------
    sensitive_features : DataFrame, Series, dict or array-like
        One or more features; bands and levels as in `group_performance`.
    reference : dict
        {feature: {group: share}}, the shares of one feature adding up to 1; of a single feature
        {group: share} will do.
    groups : array-like of shape (n_samples,), optional
        The patient of each row: patients are counted, by the group of their first row.
    confidence_level : float, default=0.95
        Of Wilson's intervals.

    Returns
    -------
    RepresentationResult

    Raises
    ------
    InputError
        If a feature has no reference, its shares do not add up to 1, or its groups have other
        names than those of the table.

    See Also
    --------
    group_performance : How well the model does for each group.
    missingness_by_group : For whom values are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.fairness import representation
    >>> sex = np.repeat(["f", "m"], [30, 70])
    >>> found = representation({"sex": sex}, {"sex": {"f": 0.51, "m": 0.49}})
    >>> found.to_frame()["ratio"].round(2).tolist()
    [0.59, 1.43]
    """
    level = check_confidence_level(confidence_level)
    check_alignment(sensitive_features=sensitive_features, groups=groups)
    n = (
        len(next(iter(sensitive_features.values())))
        if isinstance(sensitive_features, dict)
        else (len(sensitive_features))
    )
    frame = sensitive_frame(sensitive_features, n)
    if groups is not None:
        first = np.unique(check_groups(groups, n), return_index=True)[1]
        frame = frame.iloc[np.sort(first)].reset_index(drop=True)
    if frame.shape[1] == 1 and _is_shares(reference):
        reference = {str(frame.columns[0]): reference}
    lines, tests = [], []
    for name in frame.columns:
        shares = _checked(reference, str(name))
        names, codes = band_codes(frame[name])
        counts = dict(zip(map(str, names), np.bincount(codes), strict=True))
        _refuse_other_names(str(name), counts, shares)
        compared, test = _compare(str(name), counts, shares, level)
        lines += compared
        tests.append(test)
    table = pd.DataFrame(lines)
    table.insert(table.columns.get_loc("p_value") + 1, "p_holm", holm(table["p_value"]))
    return RepresentationResult(table, pd.DataFrame(tests), level)


def _is_shares(reference):
    """Whether a reference is {group: share} of one feature, without its name."""
    values = reference.values() if isinstance(reference, dict) else ()
    return bool(values) and all(isinstance(value, Real) for value in values)


def _checked(reference, feature):
    if not isinstance(reference, dict) or feature not in reference:
        raise InputError(
            f"reference has no shares of {feature}; pass {{{feature!r}: {{group: share}}}}."
        )
    shares = {str(group): float(share) for group, share in reference[feature].items()}
    total = sum(shares.values())
    if min(shares.values(), default=-1) < 0 or abs(total - 1) > _ROUNDED:
        raise InputError(
            f"the reference shares of {feature} add up to {total:.3g}; pass shares of 0 or more "
            "that add up to 1."
        )
    return {group: share / total for group, share in shares.items()}


def _refuse_other_names(feature, counts, shares):
    """Refuse groups of which the reference names none, or which name none of the reference's."""
    if set(counts) & set(shares):
        return
    large = sorted(group for group, n in counts.items() if n >= MIN_COUNT and group != MISSING)
    listed = f" ({', '.join(large[:MOST_LISTED])})" if large else ""
    raise InputError(
        f"no group of the reference of {feature} ({', '.join(sorted(shares)[:MOST_LISTED])}) is in "
        f"the table{listed}; name the groups alike."
    )


def _compare(feature, counts, shares, level):
    known = {group: n for group, n in counts.items() if group != MISSING or group in shares}
    total = sum(known.values())
    lines = []
    for group in sorted({*known, *shares}):
        n, expected = known.get(group, 0), shares.get(group)
        line = {"feature": feature, "group": group, "share": n / total if total else np.nan}
        line["lower"], line["upper"] = wilson(n, total, level) if total else (np.nan, np.nan)
        line |= _ratio(line, expected)
        line["p_value"] = binomtest(n, total, expected).pvalue if expected and total else np.nan
        line["n_patients"] = n
        line["reason"] = "" if expected else "not in the reference population"
        lines.append(line)
    missing = counts.get(MISSING, 0) if MISSING not in shares else 0
    if missing:
        gap = dict.fromkeys(list(lines[0])[2:-2], np.nan)
        reason = "attribute missing: in no share"
        lines.append(
            {"feature": feature, "group": MISSING, **gap}
            | {"n_patients": missing, "reason": reason}
        )
    return lines, _goodness(feature, known, shares, total, missing)


def _ratio(line, expected):
    names = ("reference_share", "ratio", "ratio_lower", "ratio_upper")
    if not expected:
        return dict(zip(names, (np.nan if expected is None else 0.0, *[np.nan] * 3), strict=True))
    values = (expected, *(line[end] / expected for end in ("share", "lower", "upper")))
    return dict(zip(names, values, strict=True))


def _goodness(feature, known, shares, total, missing):
    groups = [group for group, share in shares.items() if share > 0]
    seen = np.array([known.get(group, 0) for group in groups])
    share = np.array([shares[group] for group in groups])
    expected = share / share.sum() * seen.sum()
    statistic = float(((seen - expected) ** 2 / expected).sum()) if seen.sum() else np.nan
    df = len(groups) - 1
    p_value = float(chi2.sf(statistic, df)) if df else np.nan
    counts = {"n_patients": total, "n_missing": missing}
    return {"feature": feature, "statistic": statistic, "df": df, "p_value": p_value} | counts
