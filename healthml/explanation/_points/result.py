"""The card of a points score: points, chart, nomogram and what rounding costs."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._displays import BLUE, GREY, INK, new_axes, shorten
from healthml._core._results import Result, table_text


@dataclass(frozen=True, repr=False)
class PointsResult(Result):
    """A bedside score; made by `PointsScore`.

    Parameters
    ----------
    table : DataFrame
        A row for each column and level: column, level, points, log_odds (what the model gives the
        level, the lowest of its column being 0), n_samples.
    chart : DataFrame
        A row for each total: points, estimate (risk), n_samples (training rows).
    loss : DataFrame
        What binning to points costs, out of fold: measure, unrounded, points, estimate (points
        minus unrounded), lower, upper, n_samples, n_events.
    """

    chart: pd.DataFrame = field(default_factory=pd.DataFrame)
    loss: pd.DataFrame = field(default_factory=pd.DataFrame)

    def summary(self):
        """Return the card, the chart and the cost of rounding as text."""
        parts = [self.card_text(), "Risk by total:", self.chart_text()]
        if len(self.loss):
            parts += ["What whole points cost, out of fold:", table_text(self.loss)]
        return "\n".join(parts)

    def card_text(self):
        """Return the points of every level as text: of the model, whatever rows a level had."""
        return table_text(self.table[["column", "level", "points"]])

    def chart_text(self):
        """Return the risk of every total as text: a curve, no share of the rows with this total."""
        return table_text(self.chart[["points", "estimate"]])

    def _repr_html_(self):
        from html import escape

        return f"<pre>{escape(self.summary())}</pre>"

    def plot(self, ax=None, **kwargs):
        """Draw the nomogram: a line of points for each column, the total, and its risk.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        **kwargs
            Passed to the points of the levels.

        Returns
        -------
        matplotlib.axes.Axes
        """
        columns = list(dict.fromkeys(self.table["column"]))
        ax = new_axes(ax, width=8.0, height=1.8 + 0.62 * len(columns))
        most = max(int(self.table["points"].max()), 1)
        for place, name in enumerate(columns):
            _draw_column(ax, self.table[self.table["column"] == name], -place, **kwargs)
        _draw_total(ax, self.chart, -len(columns) - 0.2, most)
        ax.set_yticks(
            [*range(0, -len(columns), -1), -len(columns) - 0.2],
            [*(shorten(str(name), 22) for name in columns), "Total points\nand risk"],
            parse_math=False,
        )
        ax.set(xlim=(-0.04 * most, 1.04 * most), ylim=(-len(columns) - 0.9, 0.7))
        ax.set_xlabel("Points of each level")
        ax.xaxis.set_label_position("top")
        ax.xaxis.tick_top()
        for side in ("right", "bottom", "left"):
            ax.spines[side].set_visible(False)
        ax.tick_params(axis="y", length=0)
        return ax


def _draw_column(ax, rows, place, **kwargs):
    points = rows["points"].to_numpy()
    ax.hlines(place, points.min(), points.max(), color=GREY, lw=1)
    ax.plot(points, [place] * len(points), **({"marker": "|", "ls": "", "color": BLUE} | kwargs))
    for k, value in enumerate(np.unique(points)):
        names = ", ".join(map(str, rows.loc[rows["points"] == value, "level"]))
        up = k % 2 == 0
        ax.annotate(
            shorten(names, 40), (value, place), parse_math=False, xytext=(0, 5 if up else -5),
            textcoords="offset points", ha="center", va="bottom" if up else "top",
            fontsize=7.5, color=INK,
        )  # fmt: skip


def _draw_total(ax, chart, place, most):
    total, risk = chart["points"].to_numpy(float), chart["estimate"].to_numpy(float)
    width = total.max() - total.min() or 1.0
    x = (total - total.min()) / width * most
    ax.hlines(place, 0, most, color=INK, lw=1)
    shown = np.unique(np.rint(np.linspace(0, len(total) - 1, min(9, len(total)))).astype(int))
    for k in shown:
        ax.plot([x[k]], [place], marker="|", color=INK)
        ax.annotate(
            f"{total[k]:g}", (x[k], place), xytext=(0, 5), textcoords="offset points",
            ha="center", fontsize=8,
        )  # fmt: skip
        ax.annotate(
            f"{risk[k]:.1%}", (x[k], place), xytext=(0, -6), textcoords="offset points",
            ha="center", va="top", fontsize=8,
        )  # fmt: skip
