"""A quality report as one page that needs nothing else: tables, and pictures as inline SVG."""

from html import escape
from pathlib import Path

import pandas as pd

from healthml._core._displays import figure_svg, new_figure
from healthml.cleaning._quality.quality_plots import figure_height, plot_report

_SHOWN = ["column", "rule", "status", "n_cells", "share", "related", "detail", "reviewed"]
_KAHN = ["category", "subcategory", "context", "dqd_check"]
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1f2a36;max-width:76rem;margin:2rem auto;
padding:0 1rem}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0}
th,td{border-bottom:1px solid #d6dbe0;padding:.25rem .6rem;text-align:left;vertical-align:top}
details{margin:.8rem 0}summary{cursor:pointer;font-weight:600}svg{max-width:100%;height:auto}
"""
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
        table = report.table if kind == "rules" else getattr(report, f"by_{kind}")
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
        Path(path).write_text(page, encoding="utf-8")
    return page


def overview(table):
    """Return the number of rows by category and status.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import quality_report
    >>> from healthml.cleaning._quality.html import overview
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
    return table.round(3).to_html(index=False, border=0, na_rep="", escape=True)
