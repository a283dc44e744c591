"""Pictures of a missingness report: shares by column, and by group of rows."""

import numpy as np

from healthml.exceptions import InputError

_FIRST = ("sensitive", "site", "time", "order")


def draw_shares(table, ax):
    """Draw the share missing in each column, among events and non-events when known."""
    import matplotlib.pyplot as plt

    shown = table.sort_values("share")
    ax = ax if ax is not None else plt.subplots(figsize=(7, 1 + 0.25 * max(len(shown), 1)))[1]
    ax.barh(shown["column"], shown["share"], color="0.85", label="all")
    for name, marker in (("share_events", "o"), ("share_nonevents", "s")):
        if shown[name].notna().any():
            ax.plot(shown[name], shown["column"], marker, label=name.replace("share_", ""))
    ax.set(xlabel="Share missing", xlim=(0, 1))
    ax.legend(frameon=False)
    return ax


def draw_groups(by_group, by, ax):
    """Draw the share missing of each column in each group as a coloured table."""
    import matplotlib.pyplot as plt

    given = [name for name in _FIRST if (by_group["by"] == name).any()]
    by = given[0] if by is None and given else by
    if by not in given:
        raise InputError(
            f"by={by!r} has no groups to draw; the report has {given or 'none'}. Pass site, time "
            "or sensitive_features to missingness_report, with groups of at least 11 patients."
        )
    shown = by_group[by_group["by"] == by]
    wide = shown.pivot(index="column", columns="group", values="estimate")
    wide = wide.loc[shown["column"].unique(), shown["group"].unique()]
    size = (2 + 0.8 * wide.shape[1], 1.5 + 0.3 * wide.shape[0])
    ax = plt.subplots(figsize=size)[1] if ax is None else ax
    mesh = ax.pcolormesh(wide.to_numpy(), cmap="Blues", vmin=0, vmax=1, edgecolor="white")
    ax.figure.colorbar(mesh, ax=ax, label="Share missing")
    across, down = np.arange(wide.shape[1]) + 0.5, np.arange(wide.shape[0]) + 0.5
    ax.set_xticks(across, wide.columns, rotation=60, ha="right", parse_math=False)
    ax.set_yticks(down, wide.index, parse_math=False)
    ax.invert_yaxis()
    return ax
