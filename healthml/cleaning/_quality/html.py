"""A quality report as one page that needs nothing else: tables, and pictures as inline SVG."""

from html import escape

import numpy as np
import pandas as pd

from healthml._core._displays import figure_svg, new_figure
from healthml._core._release import release_table, release_words, write_file
from healthml._core._results import table_html
from healthml.cleaning._quality.places import without_small
from healthml.exceptions import InputError

_SHOWN = ["column", "rule", "status", "n_cells", "share", "related", "detail", "reviewed"]

_KAHN = ["category", "subcategory", "context", "dqd_check"]

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1f2a36;max-width:76rem;margin:2rem auto;
padding:0 1rem}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0}
th,td{border-bottom:1px solid #d6dbe0;padding:.25rem .6rem;text-align:left;vertical-align:top}
details{margin:.8rem 0}summary{cursor:pointer;font-weight:600}svg{max-width:100%;height:auto}
"""

# Rows of the table in the page, so that a browser stays quick. By judgement, not by simulation; the
# report itself keeps them all.
_MOST_ROWS = 400


def report_fragment(report):
    """Return the report as a table in HTML, with its summary above."""
    counts = overview(report.table)
    head = f"<p>{escape(_sentence(report))}</p>"
    return head + _html(counts) + _html(report.table[[*_SHOWN, *_KAHN]])


def report_page(report, path=None):
    """Return the report as a page, and write it where a path is given."""
    parts = [f"<p>{escape(_sentence(report))}</p>", _html(overview(report.table))]
    for kind, title in (("rules", "Cells to look at"), ("site", "By site"), ("time", "Over time")):
        table = report.table if kind == "rules" else without_small(getattr(report, f"by_{kind}"))
        if len(table):
            parts += [f"<h2>{title}</h2>", _picture(report, kind)]
        if len(table) and kind != "rules":
            parts.append(_folded(f"Counts {title.lower()}", table))
    parts += ["<h2>All that was seen</h2>", _html(report.table[[*_SHOWN, *_KAHN]])]
    if len(report.not_assessed):
        parts += ["<h2>Not looked at</h2>", _html(report.not_assessed)]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Data quality</title><style>{_STYLE}</style></head>"
        f"<body><h1>Data quality</h1>{''.join(parts)}</body></html>"
    )
    if path is not None:
        write_file(path, page)
    return page


def overview(table):
    """Return the number of rows by category and status.

    >>> from healthml.cleaning import quality_report
    >>> overview(quality_report(pd.DataFrame({"x": [1.0] * 9})).table)["found"].tolist()
    [1]
    """
    names = table["category"] + table["subcategory"].map(lambda s: f", {s}" if s else "")
    counts = pd.crosstab(names.rename("category"), table["status"])
    counts = counts.reindex(columns=["found", "suspected", "note"], fill_value=0)
    return counts.rename_axis(columns=None).reset_index()


def _sentence(report):
    table = report.table
    n = f"{table['n_samples'].iloc[0]:,} rows; " if len(table) else ""
    columns = table.loc[table["column"] != "", "column"].nunique()
    return f"{n}{len(table):,} things to look at in {columns:,} columns. Nothing was changed."


def _picture(report, kind):
    figure, ax = new_figure(9.0, figure_height(report, kind))
    plot_report(report, kind, ax)
    return f"<figure>{figure_svg(figure, prefix=kind, alt=ax.get_title())}</figure>"


def _folded(title, table):
    rows = table.head(_MOST_ROWS)
    more = (
        f"<p>The first {len(rows):,} of {len(table):,} rows.</p>" if len(rows) < len(table) else ""
    )
    return f"<details><summary>{escape(title)}</summary>{more}{_html(rows)}</details>"


def _html(table):
    return table_html(released(table, as_text=True), na_rep="", escape=True)


def released(table, *, as_text=False):
    """Return a table of a report as it may leave: in its sentences, too, no count is small."""
    written = release_table(table, as_text=as_text, keep_rows=True)
    if "detail" not in written.columns:
        return written
    return written.assign(detail=written["detail"].map(release_words))


# Most columns, groups and lines of a plot, so that labels stay legible; looks only, by judgement.
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
    table = released(table)
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
    ax.set_xticks(
        ticks, [g for g in order if g in shares], rotation=45, ha="right", parse_math=False
    )
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
    if not shares.size:  # every count is one that stays behind
        ax.set_axis_off()
        ax.text(0.5, 0.5, "No counts to draw: none, or all of 1 to 10", ha="center")
        return
    values = np.ma.masked_invalid(shares.to_numpy(float))
    image = ax.imshow(values, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(np.arange(shares.shape[1]), [str(c) for c in shares.columns], parse_math=False)
    ax.tick_params(axis="x", rotation=90)
    ax.set_yticks(np.arange(len(shares)), [str(i) for i in shares.index], parse_math=False)
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_parse_math(False)
        text.set_fontsize(8)
    ax.figure.colorbar(image, ax=ax, label="Share of rows")
