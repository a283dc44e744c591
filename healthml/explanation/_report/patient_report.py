"""One patient in words, numbers and a picture."""

from dataclasses import dataclass, field
from html import escape
from itertools import groupby

import numpy as np
import pandas as pd

from healthml._core._bootstrap import check_count
from healthml._core._displays import figure_svg, new_axes, new_figure
from healthml._core._release import count_text, is_small, write_file
from healthml._core._results import Result
from healthml.explanation._displays import draw_reasons, player_label, signed, value_text
from healthml.explanation._explain import check_row
from healthml.explanation._report.points import row_points, worded
from healthml.explanation._report.words import templates

_WIDTH = 5.0
"""Probability points within which another patient's risk is comparable; by judgement."""


@dataclass(frozen=True, repr=False)
class PatientReport(Result):
    """Why one patient has this prediction; made by `patient_report`.

    It holds the patient's own values, so it is for those who care for this patient.

    Parameters
    ----------
    table : DataFrame
        The reasons: feature, value, unit, status, estimate (probability points, or the scale of a
        prediction), lower, upper (over refits), worded (whether its direction is stated).
    lines : list of str
        The report, sentence by sentence.
    title : str
    axis : str
        What the bars of the picture measure.
    labels : list of str
        Their names.
    language : str
        Code of the language, for the page.
    """

    lines: list = field(default_factory=list)
    title: str = ""
    axis: str = ""
    labels: list = field(default_factory=list)
    language: str = "en"

    def summary(self):
        """Return the report as text."""
        return "\n".join(self.lines)

    def plot(self, ax=None):
        """Draw the reasons: hollow bars were not measured, whiskers are the refits' interval.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = new_axes(ax, width=6.4, height=1.0 + 0.36 * len(self.table))
        return self._draw(ax)

    def _draw(self, ax):
        rows = self.table[["estimate", "status", "lower", "upper"]].itertuples(index=False)
        return draw_reasons(list(rows), ax, self.labels, unit=self.axis)

    def to_html(self, path=None):
        """Return the report as one HTML element, or write it to a file.

        Parameters
        ----------
        path : str or Path, optional
            File to write; it then is a whole page.

        Returns
        -------
        str
        """
        figure, ax = new_figure(6.4, 1.0 + 0.36 * len(self.table))
        self._draw(ax)
        picture = figure_svg(figure, prefix="reasons", alt=self.title)
        parts = groupby(self.lines, lambda line: line.startswith(" "))
        lines = "".join(_as_html(list(part), indented) for indented, part in parts)
        text = f"<section><h2>{escape(self.title)}</h2>{lines}{picture}</section>"
        if path is not None:
            head = f'<meta charset="utf-8"><title>{escape(self.title)}</title>'
            page = f'<!doctype html><html lang="{escape(self.language)}"><head>{head}</head>'
            write_file(path, f"{page}<body><main>{text}</main></body></html>")
        return text

    def _repr_html_(self):
        return self.to_html()


_ROUNDING = 1e-9  # share of the largest reason below which a value is rounding, and no reason


def _as_html(lines, indented):
    """Return sentences as paragraphs, and reasons, which are indented, as a list."""
    tag = "li" if indented else "p"
    text = "".join(f"<{tag}>{escape(line.strip())}</{tag}>" for line in lines)
    return f"<ul>{text}</ul>" if indented else text


def patient_report(result, row=0, *, most=5, language="en"):
    """Say in words, numbers and a picture why one patient has this prediction.

    A reason's direction is stated only where it holds in at least 90% of the refits and is stable
    (`ExplanationResult.table`); the others are named as not stable. Without refits the report says
    that this is not known.

    Parameters
    ----------
    result : ExplanationResult
        Of `explain`; with refits.
    row : int, default=0
        Position of the patient among the explained rows.
    most : int, default=5
        Reasons stated apart, the largest first.
    language : {"en", "de"} or dict of str to str, default="en"
        Sentences; a dict has the keys of `healthml.explanation._report.words.ENGLISH`.

    Returns
    -------
    PatientReport

    Raises
    ------
    InputError
        If there is no such row, or the language is not known or not complete.

    See Also
    --------
    explain : What it words.
    stability : The same question for all rows.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.explanation import explain, patient_report
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(60, 10, 300), "lactate": rng.normal(2, 1, 300)})
    >>> y = (X["lactate"] + rng.normal(size=300) > 3).astype(int).to_numpy()
    >>> model = LogisticRegression().fit(X, y)
    >>> result = explain(model, X[:1], background=X, train=(X, y), n_refits=50, random_state=0)
    >>> print(patient_report(result).lines[-1])
    This describes the model, not causes: changing a value need not change what happens to ...
    """
    row, text, most = check_row(result, row), templates(language), check_count(most, "most")
    points = row_points(result, row)
    may, known = worded(result, row)
    part = result.table[result.table["row"] == row].reset_index(drop=True)
    table = part[["feature", "value", "unit", "status"]].assign(
        estimate=points.values, lower=points.lower, upper=points.upper, worded=may
    )
    order = np.argsort(-np.abs(points.values), kind="stable")
    size = np.abs(points.values)
    order = order[size[order] > _ROUNDING * size.max(initial=0.0)]
    shown, others = order[:most], order[most:]
    lines = [
        *_risk_lines(result, row, points, text),
        *_reason_lines(table, shown, others, points, text, known),
        *_unstable_lines(table, shown, points, text, result.sign_shares, row),
        *_rest_line(points, others, text),
        *_comparable_line(result, row, text),
        text["no_causes"],
    ]
    chosen = table.loc[shown].reset_index(drop=True)
    labels = [_label(item, text) for item in chosen.itertuples()]
    axis = text["points"] if points.is_risk else text["prediction_axis"]
    return PatientReport(chosen, lines, text["title"], axis, labels, text["language"])


def _label(item, text):
    if item.value is not None and item.status == "measured":
        return player_label(item)
    return player_label(item._replace(status=text[item.status]))


def _number(value, is_risk):
    return f"{100 * value:.1f}%" if is_risk else f"{value:.3g}"


def _risk_lines(result, row, points, text):
    """Return the risk with its interval, the averages, and from where the points lead."""
    name = "risk" if points.is_risk else "prediction"
    own = _number(points.end, points.is_risk)
    lines = []
    if len(result.refit_predictions):
        lower, upper = _refit_interval(result, row)
        filled = {"risk": own, "n": len(result.refit_predictions)}
        filled |= {"level": f"{result.confidence_level:.0%}"}
        filled |= {"lower": _number(lower, points.is_risk), "upper": _number(upper, points.is_risk)}
        lines.append(text[f"{name}_interval"].format(**filled))
    else:
        lines += [text[name].format(risk=own), text["risk_alone"]]
    others = _other_risks(result, row)
    # on other scales than log odds the values lead from the mean of these patients
    mean = others.mean() if result.scale == "log_odds" else points.base
    n = result.n_background - int(result.own_background[row] >= 0)
    lines.append(text["average"].format(n=n, mean=_number(mean, points.is_risk)))
    if np.isfinite(result.event_rate):
        lines.append(text["event_rate"].format(rate=_number(result.event_rate, True)))
    from_where = "reference" if result.scale == "log_odds" else "reference_mean"
    lines.append(text[from_where].format(base=_number(points.base, points.is_risk), risk=own))
    return lines


def _other_risks(result, row):
    """Return the risks of the background rows of other patients, None where there are none."""
    own = result.own_background[row]
    if result.background_probabilities is None or own < 0:
        return result.background_probabilities
    return np.delete(result.background_probabilities, own)


def _refit_interval(result, row):
    from scipy.special import expit

    edge = (1 - result.confidence_level) / 2
    ends = np.quantile(result.refit_predictions[:, row], [edge, 1 - edge])
    return expit(ends) if result.scale == "log_odds" else ends


def _reason_lines(table, shown, others, points, text, known):
    """Return what raises and what lowers the prediction."""
    lines = []
    for heading, sign in (("raises", 1), ("lowers", -1)):
        so = (np.sign(points.values) == sign) & table["worded"].to_numpy()
        rows = [k for k in shown if so[k]]
        blank = ("none" if known else "nothing") + ("_shown" if so[others].any() else "")
        blank = text[blank].format(k=len(shown))
        lines.append(text[heading] + ("" if rows else f" {blank}."))
        lines += [
            f"  {_reason(table.loc[k], points.values[k], points.is_risk, text)}" for k in rows
        ]
    return lines if known else [*lines, text["unassessed"]]


def _unstable_lines(table, shown, points, text, shares, row):
    """Return the reasons whose direction is not stated, by why not."""
    lines = []
    rows = [k for k in shown if not table["worded"][k]]
    for name, always in (("unstable", False), ("few_refits", True)):
        chosen = [k for k in rows if (shares[row, k] == 1) == always]
        if chosen:
            total = float(points.values[chosen].sum())
            sentence = text[name if points.is_risk else f"{name}_number"]
            names = ", ".join(str(table["feature"][k]) for k in chosen)
            size = signed(total, 1 if points.is_risk else 3)
            lines.append(sentence.format(features=names, points=size, n=points.n_refits))
    return lines


def _reason(cell, size, is_risk, text):
    value = value_text(cell["value"], cell["unit"])
    return text["reason" if is_risk else "reason_number"].format(
        points=signed(size, 1) if is_risk else signed(size, 3),
        feature=cell["feature"],
        value=text["no_value"] if cell["value"] is None or pd.isna(cell["value"]) else value,
        status=text[cell["status"]],
        mark=text["off_support"] if cell["status"] == "out of range" else "",
    )


def _rest_line(points, others, text):
    if not len(others):
        return []
    total = float(points.values[others].sum())
    name = "rest" if points.is_risk else "rest_number"
    return [text[name].format(points=signed(total, 1 if points.is_risk else 3))]


def _comparable_line(result, row, text):
    """Return how many background patients have about the same risk; small counts are hidden."""
    risks = _other_risks(result, row)
    if risks is None:
        return []
    near = np.abs(risks - result.probabilities[row]) <= _WIDTH / 100
    count, n = int(near.sum()), len(risks)
    small = is_small(np.array([count, n - count])).any()
    shown = count_text(count) if is_small(np.array([count]))[0] else (
        f"~{round(count, -1)}" if small else str(count))  # fmt: skip
    return [text["comparable"].format(count=shown, n=n, width=f"{_WIDTH:g}")]
