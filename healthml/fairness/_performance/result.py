"""What group_performance returns."""

import json
from dataclasses import dataclass, field

import pandas as pd

from healthml._core._results import Result, plain
from healthml.exceptions import InputError
from healthml.fairness._performance.draws import bootstrap_table
from healthml.fairness._performance.frame import GroupFrame, group_frame
from healthml.fairness._performance.pictures import draw_calibration, draw_forest, draw_net_benefit
from healthml.fairness._performance.release import ReleasedGroups, release

LABELS = {"auroc": "AUC", "oe_ratio": "Observed / expected events"}


@dataclass(frozen=True, repr=False)
class GroupPerformanceResult(Result):
    """Performance by group; made by `group_performance`.

    Parameters
    ----------
    table : DataFrame
        One row per group and measure: feature, control (stratum, "" without), group, measure,
        estimate, lower, upper, n_samples, n_events, n_patients, method (of the interval), reason
        (why there is no estimate).
    gaps : DataFrame
        One row per group, measure and what it is compared with: versus ("everybody else" or the
        reference), scale ("ratio" for O:E, else "difference"), estimate, lower, upper (pointwise),
        lower_simultaneous, upper_simultaneous and p_holm (for all groups and attributes of a
        measure together), p_value, detectable (the smallest gap that such a sample finds with power
        .80: a rate below, an O:E above the others).
    claims : DataFrame
        What may be claimed of a group: measure "oe_ratio" (of the group itself) or "auroc" (what
        its own spread of risk allows, minus its AUC), estimate, lower, upper (for all groups,
        attributes and both claims together), p_value, p_holm (over the same), claim (in words, or
        ""), reason (why a group cannot be judged).
    tests : DataFrame
        One test for each measure that all groups are alike: statistic, df, p_value, p_holm, test;
        and max_min with its interval, expected and expected_p95 (its mean and 95th percentile if
        all groups were alike), largest, smallest (group); for O:E max / min.
    shrunken : DataFrame
        Empirical-Bayes estimates of partitions with five groups or more: estimate, lower, upper,
        weight (how much of its own deviation a group keeps), tau with its interval, model.
    metrics : DataFrame
        The field's named metrics: metric, method ("between_groups", "to_overall"), aggregate
        ("worst_case", "mean"), estimate, lower, upper, expected (if all groups were alike), reason.
    overall : DataFrame
        The measures over everybody.
    notes : tuple of str
        What a reader has to know.
    threshold : float or None
        From which a patient is flagged.
    confidence_level : float
        Of all intervals.
    sums : dict
        (feature, control) -> sums by group, from which `bootstrap` draws.
    """

    gaps: pd.DataFrame = None
    claims: pd.DataFrame = None
    tests: pd.DataFrame = None
    shrunken: pd.DataFrame = None
    metrics: pd.DataFrame = None
    overall: pd.DataFrame = None
    notes: tuple = ()
    threshold: float | None = None
    confidence_level: float = 0.95
    sums: dict = field(default_factory=dict)

    def get(self, measure, group, *, feature=None, control=""):
        """Return estimate, lower and upper of one measure in one group as a Series."""
        table = self.table
        rows = (table["measure"] == measure) & (table["group"] == str(group))
        rows &= table["control"] == control
        if feature is not None:
            rows &= table["feature"] == feature
        lines = table[rows]
        if len(lines) != 1:
            raise InputError(
                f"{len(lines)} rows are {measure!r} of that group; pass a group and, where several "
                f"features have it, its feature ({', '.join(table['feature'].unique())})."
            )
        return lines.iloc[0][["estimate", "lower", "upper"]].astype(float)

    def assessable(self):
        """Return the table of groups that can be judged, and one row without figures of others.

        Those with fewer than 11 patients, or fewer than `min_events` with or without the event.
        """
        keys = ["feature", "control", "group"]
        small = self.claims[self.claims["reason"] != ""]
        kept = self.table.merge(small[keys], how="left", on=keys, indicator=True)
        large = self.table[(kept["_merge"] == "left_only").to_numpy()]
        return pd.concat([large, small.reindex(columns=self.table.columns)], ignore_index=True)

    def summary(self):
        """Return the measures by group and the notes as they may leave (`to_release`)."""
        return self.to_release().summary()

    def _repr_html_(self):
        return self.to_release()._repr_html_()

    def to_release(self, *, strict=False, min_count=11) -> ReleasedGroups:
        """Return the tables as they may leave the session: small cells cannot be worked out.

        Parameters
        ----------
        strict : bool, default=False
            What a cell is: patients, events and non-events of a group; True for the four cells of
            the confusion matrix as well.
        min_count : int, default=11
            Smallest count shown.

        Returns
        -------
        ReleasedGroups
            With the tables of this result, where a group with a small cell has counts but no
            figures, and a group of fewer than `min_count` patients no name.
        """
        return release(self, strict=strict, min_count=min_count)

    def to_json(self, *, indent=None):
        """Return what may leave the session as JSON text."""
        return json.dumps(plain(self.to_release()), indent=indent)

    def as_metricframe(self, feature=None) -> GroupFrame:
        """Return the measures in the shape of fairlearn's MetricFrame.

        Parameters
        ----------
        feature : str, optional
            Which feature or crossing; the last by default, which is the finest.

        Returns
        -------
        GroupFrame
            With `by_group`, `overall`, `difference`, `ratio`, `group_max`, `group_min`; what does
            not exist is NaN, not 0.
        """
        return group_frame(self, feature)

    def bootstrap(self, *, n_resamples=2000, measures=None, random_state=None):
        """Return percentile intervals of the rates of every group, from redrawn cells.

        Rows are redrawn in one multinomial draw of each group's confusion cells; with repeated
        patients or weights by Gaussian multipliers of patients, whose sums are drawn at once.

        Parameters
        ----------
        n_resamples : int, default=2000
            Number of resamples.
        measures : list of str, optional
            Which; all that follow from sums by default.
        random_state : int, RandomState or None, default=None
            Seed of the draws.

        Returns
        -------
        DataFrame
            feature, control, group, measure, estimate, lower, upper, resamples (in which the
            measure exists).
        """
        return bootstrap_table(self, n_resamples, measures, random_state)

    def plot(self, ax=None, *, measure="oe_ratio", kind="forest", **kwargs):
        """Draw the groups.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw into.
        measure : str, default="oe_ratio"
            Which measure; for ``kind="forest"``.
        kind : {"forest", "calibration", "net_benefit"}, default="forest"
            One measure with its intervals; observed against expected events; net benefit beside
            flagging nobody.
        **kwargs
            Options of the points.

        Returns
        -------
        matplotlib.axes.Axes
        """
        draw = {
            "forest": draw_forest,
            "calibration": draw_calibration,
            "net_benefit": draw_net_benefit,
        }
        if kind not in draw:
            raise InputError(f"kind is {kind!r}; pass one of {', '.join(draw)}.")
        released = self.to_release()
        if kind == "forest":
            label = LABELS.get(measure, measure.replace("_", " "))
            return draw_forest(released, ax, measure, label, **kwargs)
        return draw[kind](released, ax, **kwargs)
