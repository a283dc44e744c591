"""The measures in the shape of fairlearn's MetricFrame."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml.exceptions import InputError

_METHODS = ("between_groups", "to_overall")


@dataclass(frozen=True)
class GroupFrame:
    """Measures by group with fairlearn's words; made by `GroupPerformanceResult.as_metricframe`.

    Parameters
    ----------
    by_group : DataFrame
        One row per group (one index level for each crossed feature, after the control features),
        one column per measure; NaN where a measure does not exist.
    overall : Series or DataFrame
        The measures over everybody; by stratum with control features.
    """

    by_group: pd.DataFrame
    overall: pd.DataFrame

    def group_max(self):
        """Return the largest value of each measure, groups without it left out."""
        return self._inside("max")

    def group_min(self):
        """Return the smallest value of each measure, groups without it left out."""
        return self._inside("min")

    def difference(self, method="between_groups"):
        """Return max - min, or with "to_overall" the largest distance to everybody."""
        if _checked(method) == "between_groups":
            return self.group_max() - self.group_min()
        return self._reduce((self.by_group - self._overall_rows()).abs(), "max")

    def ratio(self, method="between_groups"):
        """Return min / max, or with "to_overall" the smallest ratio, turned over if above 1."""
        if _checked(method) == "between_groups":
            return self.group_min() / self.group_max()
        against = self.by_group / self._overall_rows()
        return self._reduce(against.where(against <= 1, 1 / against), "min")

    def _inside(self, name):
        return self._reduce(self.by_group, name)

    def _reduce(self, frame, name):
        if isinstance(self.overall, pd.Series):
            return getattr(frame, name)()
        return getattr(frame.groupby(level=0, sort=False), name)()

    def _overall_rows(self):
        if isinstance(self.overall, pd.Series):
            return self.overall
        of = self.by_group.index.get_level_values(0)
        return pd.DataFrame(
            self.overall.loc[of].to_numpy(), self.by_group.index, self.by_group.columns
        )


def _checked(method):
    if method not in _METHODS:
        raise InputError(f"method is {method!r}; pass one of {', '.join(map(repr, _METHODS))}.")
    return method


def group_frame(result, feature):
    """Return one feature of a result as a GroupFrame."""
    features = list(result.table["feature"].unique())
    feature = features[-1] if feature is None else feature
    if feature not in features:
        raise InputError(f"feature is {feature!r}; pass one of {', '.join(features)}.")
    rows = result.table[result.table["feature"] == feature]
    has_control = bool((rows["control"] != "").any())
    keys = ["control", "group"] if has_control else ["group"]
    wide = rows.set_index([*keys, "measure"])["estimate"].unstack("measure")
    wide = wide[list(rows["measure"].unique())].astype(float)
    wide.columns.name = None
    names = feature.split("|")
    if len(names) > 1 or has_control:
        parts = [_split(key, len(names), has_control) for key in wide.index]
        wide.index = pd.MultiIndex.from_tuples(
            parts, names=[*(["control"] if has_control else []), *names]
        )
    else:
        wide.index.name = feature
    return GroupFrame(wide, _overall(result, wide.columns, has_control))


def _split(key, n_names, has_control):
    control, group = (key if isinstance(key, tuple) else ("", key)) if has_control else ("", key)
    parts = str(group).split("|") if n_names > 1 else [group]
    parts += [""] * (n_names - len(parts))
    return (control, *parts) if has_control else tuple(parts)


def _overall(result, columns, has_control):
    wide = result.overall.set_index(["control", "measure"])["estimate"].unstack("measure")
    wide = wide.reindex(columns=columns).astype(float)
    if has_control:
        wide.columns.name = None
        return wide
    overall = wide.iloc[0] if len(wide) else pd.Series(np.nan, columns)
    return overall.rename(None).rename_axis(None)
