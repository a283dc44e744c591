"""The two pictures every reader of a risk model asks for: calibration, and net benefit."""

from dataclasses import dataclass

import numpy as np

from healthml._core._displays import BLUE, GREEN, GREY, INK, PURPLE, SKY, VERMILION
from healthml._core._release import MIN_COUNT, wider_bins
from healthml.exceptions import InputError
from healthml.metrics import calibration_curve

# looks only: points of the curve, most bars, rows of the rarer outcome for each bar; by judgement
_GRID, _BARS, _ROWS_PER_BAR = 200, 40, 25
_FLOOR = 0.16  # share of the picture's height, below zero, that holds the histogram
# Colour, dashes and width of each model's curve; looks only.
_LINES = {
    "model": (BLUE, "-", 2.4),
    "model without suspects": (SKY, (0, (5, 1)), 2.2),
    "age and sex": (VERMILION, "--", 1.6),
    "penalised logistic": (GREEN, "-.", 1.6),
    "existing score": (PURPLE, (0, (1, 1)), 2.0),
}
# one risk for everybody: below it like treating all, above it like treating none
_NOT_DRAWN = ("prevalence only",)


@dataclass(frozen=True)
class CalibrationPicture:
    """The observed event rate against the predicted risk, with a band and a histogram.

    The curve is a logistic model on a restricted cubic spline of the log odds of the
    out-of-sample risks, all repeats together; the band is 95% at each point and counts patients,
    not rows. It ends at the 11th lowest and 11th highest risk, and bars of fewer than 11 rows are
    not drawn, so that nothing shows a single patient. Only what is drawn is held, so that a report
    can be stored without the rows that it was made from.

    Parameters
    ----------
    curve : tuple of ndarray or None
        Grid, height, lower and upper end of the band.
    bars : tuple of ndarray or None
        Lower and upper edges of the bars, and counts of shape (n_bars, 2).
    top : float
        Highest risk drawn.
    sentence : str
        Why there is no curve.
    """

    curve: tuple | None = None
    bars: tuple | None = None
    top: float = 1.0
    sentence: str = ""

    @classmethod
    def of(cls, case, risk):
        """Return the picture of out-of-sample risks.

        Parameters
        ----------
        case : Case
            Gives `y` and `units`.
        risk : ndarray of shape (n_samples,) or (n_repeats, n_samples)
            Out-of-sample risks; NaN where none was made.
        """
        risk = np.atleast_2d(np.asarray(risk, dtype=float))
        seen = risk[np.isfinite(risk)]
        if not seen.size or seen.min() < 0 or seen.max() > 1:
            return cls(sentence="No calibration curve: the score is not a probability.")
        curve = _curve(case, risk)
        if curve is None:
            reason = "the risks hardly differ, or order the outcomes perfectly."
            return cls(sentence=f"No calibration curve: {reason}")
        at, height, _, upper = curve
        top = min(1.0, 1.04 * max(at[-1], min(upper.max(), 1.6 * at[-1]), height.max()))
        return cls(curve, _bars(case, risk, top), top)

    def __call__(self, ax):
        """Draw on an axes."""
        if self.curve is None:
            _say(ax, self.sentence)
            return
        (at, height, lower, upper), top = self.curve, self.top
        _draw_bars(*self.bars, top, ax)
        ax.plot(
            [0, top], [0, top], color=GREY, lw=1.2, ls="--", label="Ideal: observed = predicted"
        )
        ax.fill_between(at, lower, upper, color=BLUE, alpha=0.18, lw=0, label="95% interval")
        ax.plot(at, height, color=BLUE, lw=2.2, label="Observed, smoothed")
        ax.axhline(0, color=GREY, lw=0.8)
        ax.set(xlim=(0, top), ylim=(-_FLOOR * top, top), xlabel="Predicted risk")
        ax.set_ylabel("Observed event rate")
        _in_percent(ax.xaxis, ax.yaxis)
        ax.set_yticks([tick for tick in ax.get_yticks() if -1e-9 <= tick <= top])
        _legend_below(ax, 2)


def _curve(case, risk):
    """Return the grid, the curve and the ends of its band; None where no curve exists."""
    repeats, rows = np.nonzero(np.isfinite(risk))
    proba, event = risk[repeats, rows], case.y[rows]
    table = _table(event, proba, rows if case.units is None else case.units[rows])
    if table is None:
        return None
    ordered = np.sort(proba)
    margin = min(MIN_COUNT * len(risk), len(ordered) // 4)
    shown = table[table["risk"].between(ordered[margin], ordered[-1 - margin])]
    if len(shown) < 2:
        return None
    return tuple(shown[name].to_numpy() for name in ("risk", "estimate", "lower", "upper"))


def _table(event, proba, patient):
    """Return the most flexible curve that the risks allow: fewer knots, at last a few groups."""
    options = [{"smooth": "rcs", "n_knots": k, "n_points": _GRID} for k in (5, 4, 3)]
    for option in (*options, {"smooth": "binned", "n_bins": 5}):
        try:
            return calibration_curve(event, proba, groups=patient, **option).table
        except InputError:
            continue
    return None


def _bars(case, risk, top):
    """Return edges and counts of rows without and with the event, wide enough to be shown."""
    n_bars = int(np.clip(min(case.y.sum(), (1 - case.y).sum()) / _ROWS_PER_BAR, 6, _BARS))
    edges = np.linspace(0, top, n_bars + 1)
    counts = np.zeros((2, n_bars))
    for line in risk:
        for k in (0, 1):
            use = np.isfinite(line) & (case.y == k)
            counts[k] += np.histogram(np.minimum(line[use], top), bins=edges)[0] / len(risk)
    low, high, counts = wider_bins(edges[:-1], edges[1:], np.rint(counts.T).astype(int))
    return low, high, counts.T / (high - low) * edges[1]


def _draw_bars(low, high, counts, top, ax):
    """Draw the risks of rows with the event upwards, of the others downwards, below the curve."""
    room, middle = 0.42 * _FLOOR * top, -0.55 * _FLOOR * top
    scale = counts / np.maximum(counts.max(axis=1, keepdims=True), 1) * room
    style = {"width": (high - low) * 0.86, "align": "edge", "lw": 0}
    ax.bar(low, scale[1], bottom=middle, color=VERMILION, label="With the event", **style)
    ax.bar(low, -scale[0], bottom=middle, color=GREY, label="Without the event", **style)


@dataclass(frozen=True)
class NetBenefitPicture:
    """Net benefit per 1,000 patients over the thresholds, beside treating all and none.

    Parameters
    ----------
    thresholds, everyone : ndarray of shape (n_thresholds,)
        Thresholds, and the net benefit of treating all.
    curves : dict of str to ndarray
        Net benefit by name of the model.
    labels : dict of str to str
        Its words in the legend.
    """

    thresholds: np.ndarray
    everyone: np.ndarray
    curves: dict
    labels: dict

    @classmethod
    def of(cls, case, risks, rows):
        """Return the picture of several models.

        Parameters
        ----------
        case : Case
            Gives `y` and `thresholds`.
        risks : dict of str to ndarray of shape (n_samples,) or (n_repeats, n_samples)
            Out-of-sample risks by name; net benefit is averaged over repeats.
        rows : dict of str to boolean ndarray
            Rows that count, for those that do not have a risk everywhere.
        """
        t = np.asarray(case.thresholds, dtype=float)
        prevalence = float(np.mean(case.y))
        everyone = 1000 * (prevalence - (1 - prevalence) * t / (1 - t))
        curves = {
            name: _net_benefit(case.y, risk, rows.get(name), t)
            for name, risk in risks.items()
            if name not in _NOT_DRAWN
        }
        curves = {name: curve for name, curve in curves.items() if curve is not None}
        return cls(t, everyone, curves, {name: _named(name, rows) for name in curves})

    def __call__(self, ax):
        """Draw on an axes."""
        t, everyone = self.thresholds, self.everyone
        marker = "o" if np.ptp(t) == 0 else None
        ax.plot(t, everyone, color=INK, lw=1.2, ls=(0, (6, 2)), marker=marker, label="Treat all")
        ax.axhline(0, color=INK, lw=1.2, label="Treat none")
        for name, curve in self.curves.items():
            color, style, width = _LINES.get(name, (GREEN, "-.", 1.6))
            look = {"color": color, "ls": style, "lw": width, "marker": marker}
            ax.plot(t, curve, label=self.labels[name], **look)
        top = max(everyone.max(), 0.0, *(c.max() for c in self.curves.values()), 1.0)
        lowest = min(float(np.min(line.get_ydata())) for line in ax.lines)
        ax.set_ylim(max(lowest, -0.35 * top) - 0.03 * top, 1.06 * top)
        ax.set(xlabel="Decision threshold (risk from which one would act)")
        ax.set_ylabel("Net benefit per 1,000 patients")
        _in_percent(ax.xaxis)
        _legend_below(ax, 2)


def _net_benefit(y, risk, keep, thresholds):
    """Return net benefit per 1,000 at each threshold, or None where the risks are no risks."""
    risk = np.atleast_2d(np.asarray(risk, dtype=float))
    use = np.isfinite(risk).all(axis=0)
    use = use if keep is None else use & keep
    if not use.any() or risk[:, use].min() < 0 or risk[:, use].max() > 1:
        return None
    event, curves = y[use] == 1, []
    for line in risk[:, use]:
        ordered = [np.sort(line[event == k]) for k in (True, False)]
        true, false = (len(o) - np.searchsorted(o, thresholds, side="left") for o in ordered)
        curves.append(true - false * thresholds / (1 - thresholds))
    return 1000 * np.mean(curves, axis=0) / len(event)


def _named(name, rows):
    text = name[:1].upper() + name[1:]
    return text + " (rows that have one)" if name in rows else text


def _in_percent(*axes):
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0))


def _legend_below(ax, n_columns):
    """Put the legend under the picture, where it covers no line."""
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.15),
        ncols=n_columns,
        frameon=False,
        handlelength=2.6,
    )


def _say(ax, sentence):
    ax.set_axis_off()
    ax.text(0.5, 0.5, sentence, ha="center", va="center", transform=ax.transAxes, wrap=True)
