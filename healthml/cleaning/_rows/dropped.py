"""What is left of a table after rows left it, and the flow as papers print it."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._release import NOT_SHOWN, release_table
from healthml._core._results import Result, plain

_UNITS = {"n_samples": "rows", "n_patients": "patients", "n_events": "events"}


@dataclass(frozen=True, repr=False)
class DroppedRowsResult(Result):
    """Rows that stay, with everything aligned to them; made by `drop_rows`.

    It unpacks as ``X, y, groups, *aligned, flow``.

    Parameters
    ----------
    table : pandas.DataFrame
        The flow, one row per step: ``step``, ``n_left_out``, ``n_patients_left_out``,
        ``n_events_left_out``, ``n_matching`` (rows that the reason names, whenever they left) and
        what remains: ``n_samples``, ``n_patients``, ``n_events``. Missing where groups, or an
        outcome with a known event, were not given.
    X, y, groups : object
        Of the rows that stay, in the type that was handed in.
    aligned : dict
        The further arrays, by name.
    kept : ndarray of int
        Positions of the rows that stay.
    """

    X: object = None
    y: object = None
    groups: object = None
    aligned: dict = field(default_factory=dict)
    kept: np.ndarray = None

    def __iter__(self):
        """Yield X, y, groups, the further arrays and the flow table."""
        yield from (self.X, self.y, self.groups, *self.aligned.values(), self.to_frame())

    def summary(self):
        """Return the flow in plain words, one line per step."""
        lines = []
        for _, step in release_table(self.table, as_text=True).iterrows():
            if step["step"] in ("in the table", "analysed"):
                lines.append(f"{step['step']}: {_in_words(step)}")
            else:
                lines.append(f"  left out, {step['step']}: {_in_words(step, '_left_out')}")
        return "\n".join(lines)

    def to_json(self, *, indent=None):
        """Return the flow as JSON text; the patients' rows stay out."""
        return json.dumps(plain({"table": self.table}), indent=indent)

    def plot(self, ax=None, **kwargs):
        """Draw the flow diagram; returns the matplotlib axes.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; new ones by default.
        **kwargs : dict
            Options of the text in the boxes, such as ``fontsize``.
        """
        return draw_flow(release_table(self.table, as_text=True), ax, **kwargs)


def draw_flow(table, ax=None, **kwargs):
    """Draw boxes of what remains, one below the other, and beside them what left.

    The table is the flow of a `DroppedRowsResult` in words, as `release_table` gives it; further
    options are those of the text.
    """
    from healthml._core._displays import GREY, new_axes

    reasons = table.iloc[1:-1]
    ax = new_axes(ax, width=7.0, height=1.2 + 0.9 * len(reasons))
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": GREY}
    text = {"fontsize": 9, "va": "center", "bbox": box, "parse_math": False, **kwargs}
    arrow = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 0, "shrinkB": 0}
    bottom = -float(len(reasons)) - 1
    ax.annotate("", (0.25, bottom + 0.3), (0.25, 0), arrowprops=arrow)
    for place, (_, step) in enumerate(reasons.iterrows(), start=1):
        ax.annotate("", (0.52, -place), (0.25, -place), arrowprops=arrow)
        words = f"{step['step']}\n{_in_words(step, '_left_out')}"
        ax.text(0.53, -place, words, ha="left", **text)
    for height, step in ((0, table.iloc[0]), (bottom, table.iloc[-1])):
        ax.text(0.25, height, f"{step['step']}\n{_in_words(step)}", ha="center", **text)
    ax.set(xlim=(0, 1.1), ylim=(bottom - 0.6, 0.6))
    ax.set_axis_off()
    return ax


def _in_words(step, ending=""):
    """Return counts such as '2,040 rows, 1,800 patients, 210 events'."""
    parts = []
    for name, unit in _UNITS.items():
        column = name + ending if ending and name != "n_samples" else name
        column = "n_left_out" if ending and name == "n_samples" else column
        if step[column] != "" and not pd.isna(step[column]):
            closed = step[column] == NOT_SHOWN
            parts.append(f"{unit} {NOT_SHOWN}" if closed else f"{step[column]} {unit}")
    return ", ".join(parts)
