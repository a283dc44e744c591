"""Pictures of a quality report: columns by rules, rules by site, rules over time."""

import numpy as np

from healthml.exceptions import InputError

MOST_ROWS, MOST_GROUPS, MOST_LINES = 40, 60, 6


def plot_report(report, kind="rules", ax=None):
    """Draw a report on axes; see `QualityReport.plot`."""
    if kind not in ("rules", "site", "time"):
        raise InputError(f"kind={kind!r} is unknown; use 'rules', 'site' or 'time'.")
    table = report.table if kind == "rules" else getattr(report, f"by_{kind}")
    if table.empty and kind != "rules":
        raise InputError(f"The report has nothing by {kind}; pass {kind} to quality_report.")
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(8, figure_height(report, kind)), layout="constrained")[1]
    {"rules": _draw_rules, "site": _draw_groups, "time": _draw_periods}[kind](table, ax)
    return ax


def figure_height(report, kind):
    """Return the height in inches that a picture needs."""
    if kind == "time":
        return 3.8
    n_rows = report.table["column"].nunique() if kind == "rules" else MOST_ROWS // 2
    return 1.6 + 0.24 * max(2, min(n_rows, MOST_ROWS))


def _draw_rules(table, ax):
    """Draw the share of cells of every column and rule, fullest columns first."""
    shown = table[(table["n_cells"] > 0) & (table["column"] != "")]
    shares = shown.pivot_table(index="column", columns="rule", values="share", aggfunc="max")
    shares = shares.loc[shares.sum(axis=1).sort_values(ascending=False).index[:MOST_ROWS]]
    _heat_map(shares, ax)
    ax.set(xlabel="Rule", ylabel="", title="Cells to look at")


def _draw_groups(table, ax):
    """Draw the rules whose shares differ most between groups."""
    shares = _shares(table)
    _heat_map(shares.iloc[: MOST_ROWS // 2, :MOST_GROUPS], ax)
    ax.set(xlabel="Site", title="Rules that differ most between sites")


def _draw_periods(table, ax):
    """Draw how the rules that move most run over the periods."""
    shares = _shares(table).iloc[:MOST_LINES]
    order = list(dict.fromkeys(table["group"]))
    for name, row in shares[[g for g in order if g in shares]].iterrows():
        ax.plot(np.arange(len(row)), row.to_numpy(float), "o-", markersize=3, label=name)
    ticks = np.arange(shares.shape[1])
    ax.set_xticks(ticks, [g for g in order if g in shares], rotation=45, ha="right")
    ax.set(xlabel="Period", ylabel="Share of rows", title="Rules that move most over time")
    ax.set_ylim(bottom=0)
    if len(shares):
        ax.legend(frameon=False, fontsize="small")


def _shares(table):
    """Return shares by rule and group, the widest range first; hidden groups are empty."""
    table = table.assign(name=table["column"] + ": " + table["rule"])
    shares = table.pivot_table(
        index="name", columns="group", values="share", aggfunc="first", dropna=False, sort=False
    ).dropna(axis=1, how="all")
    spread = shares.max(axis=1) - shares.min(axis=1)
    return shares.loc[spread.sort_values(ascending=False, kind="stable").index]


def _heat_map(shares, ax):
    values = np.ma.masked_invalid(shares.to_numpy(float))
    image = ax.imshow(values, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(np.arange(shares.shape[1]), [str(c) for c in shares.columns])
    ax.tick_params(axis="x", rotation=90)
    ax.set_yticks(np.arange(len(shares)), [str(i) for i in shares.index])
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_parse_math(False)
        text.set_fontsize(8)
    ax.figure.colorbar(image, ax=ax, label="Share of rows")
