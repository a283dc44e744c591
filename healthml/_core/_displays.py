"""Pictures for pages: drawn on their own canvas, with colours that everybody can tell apart.

No global setting of matplotlib is read or changed, no backend is chosen and no window is opened:
a figure is made by its class, drawn on, and written as SVG. matplotlib is imported only here,
inside the functions.
"""

import io
import re
import warnings

import numpy as np

# Okabe and Ito's palette, without its yellow, which does not print
BLUE, VERMILION, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#AA5B8C", "#3D9BD6"

INK, GREY, ORANGE = "#1f2a36", "#6b7683", "#E69F00"

PALETTE = (BLUE, VERMILION, GREEN, PURPLE, SKY, INK, GREY)

_LONGEST_LABEL = 34  # characters of a name on an axis; longer ones leave the curve too little room

_ROOM_FOR_ONE = 0.27  # inches for one line of a list of names

_IDS = re.compile(r'(\bid="|url\(#|href="#)([^")]+)')


def new_figure(width=5.4, height=3.7):
    """Return a figure and its axes, styled for a page and free of global settings.

    Parameters
    ----------
    width, height : float
        Size in inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
    ax : matplotlib.axes.Axes

    Examples
    --------
    >>> figure, ax = new_figure()
    >>> _ = ax.plot([0, 1], [0, 1])
    >>> figure_svg(figure).startswith("<svg")
    True
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    ax.set_prop_cycle(color=list(PALETTE))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=9.5)
    return figure, ax


def finish(figure):
    """Set names as plain text, shorten long ones and give each line of a list its room.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        A figure of `new_figure` that has been drawn on.
    """
    from matplotlib.category import UnitData

    for ax in figure.axes:
        listed = [
            len(_plain_labels(axis))
            for axis in (ax.yaxis, ax.xaxis)
            if isinstance(axis.units, UnitData)
        ]
        if listed and isinstance(ax.yaxis.units, UnitData):
            width = figure.get_figwidth()
            figure.set_size_inches(width, max(1.6, 0.8 + _ROOM_FOR_ONE * listed[0]))
            ax.set_ylim(-0.6, listed[0] - 0.4)
        for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *_legend_texts(ax)):
            text.set_parse_math(False)
            text.set_color(INK)
            text.set_fontsize(10 if text in (ax.xaxis.label, ax.yaxis.label) else 9.5)


def _plain_labels(axis):
    """Replace the names on an axis by short ones in which a dollar sign is a dollar sign."""
    places = axis.get_ticklocs()
    names = [label.get_text() for label in axis.get_ticklabels()]
    axis.set_ticks(places, labels=[shorten(name) for name in names], parse_math=False)
    return names


def _legend_texts(ax):
    legend = ax.get_legend()
    return () if legend is None else legend.get_texts()


def shorten(name, longest=_LONGEST_LABEL):
    """Return a name of at most `longest` characters, with an ellipsis in its middle.

    Examples
    --------
    >>> shorten("a" * 20 + "b" * 20, longest=9)
    'aaaa…bbbb'
    """
    name = " ".join(str(name).split())
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def figure_svg(figure, *, prefix="picture", alt=""):
    """Return a figure as an SVG element to stand inside a page.

    Nothing in it points outside of the page. Its ids are numbered behind `prefix`, so that two
    pictures of one page never share one and the same picture is the same text every time.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to write.
    prefix : str, default="picture"
        Start of every id, different for each picture of a page.
    alt : str, default=""
        What the picture shows, for those who cannot see it.

    Returns
    -------
    str
    """
    from html import escape

    finish(figure)
    page = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(page, format="svg", metadata=nothing, transparent=True)
    text = page.getvalue()
    text = re.sub(r"<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\s(?:xmlns(?::xlink)?|version)="[^"]*"', "", text, count=3)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = text.replace("xlink:href=", "href=").replace("\n\n", "\n")
    text = _numbered(text, prefix)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1).strip()


def _numbered(text, prefix):
    seen = {}
    return _IDS.sub(
        lambda m: f"{m[1]}{prefix}-{seen.setdefault(m[2], len(seen))}",
        text,
    )


COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one more than colours: 42 points differ

# Dash patterns of successive lines (matplotlib's on and off lengths), as many as there are colours;
# looks only.
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 3)), (0, (3, 1, 1, 1, 1, 1)))


def new_axes(ax=None, *, width=5.0, height=4.5):
    """Return the given axes, or new ones of their own figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def new_grid(n, *, width=4.5, height=4.2):
    """Return a flat array of n axes side by side, three to a row."""
    import matplotlib.pyplot as plt
    import numpy as np

    columns = min(n, 3)
    rows = -(-n // columns)
    size = (width * columns, height * rows)
    axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1].ravel()
    for unused in axes[n:]:
        unused.set_axis_off()
    return np.asarray(axes[:n])


def point_style(number):
    """Return colour, marker and filling of the points with this number."""
    colour = COLOURS[number % len(COLOURS)]
    inside = "white" if number % 2 else colour
    return {"color": colour, "marker": MARKERS[number % len(MARKERS)], "markerfacecolor": inside}


def line_style(number):
    """Return colour and dashes of the line with this number."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number % len(DASHES)]}


def draw_forest(
    table,
    ax=None,
    *,
    confidence_level=0.95,
    ideal=None,
    log=False,
    label="Estimate",
    limits=None,
    **kwargs,
):
    """Draw the rows of a table of studies and return the matplotlib axes.

    Parameters
    ----------
    table : DataFrame
        study, kind ("study", "left out", "pooled", "prediction"), estimate, lower, upper, weight,
        reason; drawn from the top.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw into, or new ones.
    confidence_level : float, default=0.95
        Level named on the axis.
    ideal : float, default=None
        Where to draw a line for the best value.
    log : bool, default=False
        Whether the axis is logarithmic.
    label : str, default="Estimate"
        Name of the measure.
    limits : tuple of float, default=None
        Range of the axis; by default that of the estimates, with room; intervals beyond it are cut
        and end in an arrow.
    **kwargs
        Options of the intervals' lines.
    """
    from healthml._core._displays import BLUE, GREY, VERMILION, new_axes, shorten

    rows = table.reset_index(drop=True)
    place = len(rows) - 1 - np.arange(len(rows))
    ax = new_axes(ax, width=6.4, height=1.1 + 0.27 * len(rows))
    low, high = limits or _range(rows, log, ideal)
    if ideal is not None:
        ax.axvline(ideal, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    pooled = rows.loc[rows["kind"] == "pooled", "estimate"]
    if len(pooled) and np.isfinite(pooled.iloc[0]):
        ax.axvline(pooled.iloc[0], color=VERMILION, linewidth=0.6, zorder=0)
    size = _sizes(rows["weight"].to_numpy(dtype=float))
    for y, row, area in zip(place, rows.itertuples(), size, strict=True):
        inside = (low, high)
        if row.kind == "pooled" and np.isfinite(row.lower):
            _diamond(ax, row, y, VERMILION, inside)
        elif row.kind == "prediction" and np.isfinite(row.lower):
            _bar(ax, row, y, VERMILION, inside, linewidth=3.5)
        elif np.isfinite(row.lower) and not row.reason:
            _bar(ax, row, y, BLUE, inside, **{"linewidth": 1.2, **kwargs})
            ax.scatter(np.clip(row.estimate, low, high), y, s=area, color=BLUE, marker="s")
        else:
            ax.annotate(
                shorten(row.reason, 48) or "no interval",
                (0.01, y),
                xycoords=ax.get_yaxis_transform(),
                color=GREY,
                fontsize=8,
                fontstyle="italic",
                va="center",
            )
    _numbers(ax, rows, place)
    ax.set_yticks(place, [shorten(str(name)) for name in rows["study"]], parse_math=False)
    ax.set(xlim=(low, high), ylim=(-0.7, len(rows) - 0.3))
    if log:
        _log_ticks(ax, low, high)
    ax.set_xlabel(f"{label}, {confidence_level:.0%} interval", parse_math=False)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _range(rows, log, ideal):
    """Return a range that holds every estimate, and the intervals that are not out of all scale."""
    drawn = rows[np.isfinite(rows["lower"]) & (rows["reason"] == "")]
    values = drawn[["estimate", "lower", "upper"]].to_numpy(dtype=float, copy=True)
    if log:
        values = np.log(np.where(values > 0, values, np.nan))
    values[~np.isfinite(values)] = np.nan
    centre = values[:, 0]
    if not np.isfinite(centre).any():
        return (0.5, 2.0) if log else (0.0, 1.0)
    base = centre if ideal is None else np.append(centre, np.log(ideal) if log else ideal)
    width = np.nanmedian(values[:, 2] - values[:, 1])
    width = 1.5 * width if np.isfinite(width) else 0.1
    low = max(np.nanmin(base) - width, np.nanmin(np.append(values[:, 1], base)))
    high = min(np.nanmax(base) + width, np.nanmax(np.append(values[:, 2], base)))
    room = 0.04 * (high - low) + 1e-6
    low, high = low - room, high + room
    return (np.exp(low), np.exp(high)) if log else (low, high)


def _sizes(weight):
    """Return the areas of the squares, in points, by weight."""
    if not np.isfinite(weight).any():
        return np.full(len(weight), 26.0)
    return 8 + 55 * np.sqrt(np.nan_to_num(weight) / np.nanmax(weight))


def _bar(ax, row, y, colour, inside, linewidth=1.2, **kwargs):
    low, high = np.clip((row.lower, row.upper), *inside)
    ax.plot([low, high], [y, y], color=colour, linewidth=linewidth, solid_capstyle="butt", **kwargs)
    for end, beyond, marker in ((low, row.lower < low, "<"), (high, row.upper > high, ">")):
        if beyond:
            ax.scatter(end, y, marker=marker, s=22, color=colour, clip_on=False, zorder=3)


def _diamond(ax, row, y, colour, inside):
    low, middle, high = np.clip((row.lower, row.estimate, row.upper), *inside)
    ax.fill([low, middle, high, middle], [y, y + 0.32, y, y - 0.32], color=colour, linewidth=0)


def _numbers(ax, rows, place):
    """Write estimate and interval at the right of each line."""
    for y, row in zip(place, rows.itertuples(), strict=True):
        if not np.isfinite(row.estimate):
            continue
        ends = f" ({row.lower:.2f} to {row.upper:.2f})" if np.isfinite(row.lower) else ""
        value = f"{row.lower:.2f} to {row.upper:.2f}"
        text = value if row.kind == "prediction" else f"{row.estimate:.2f}{ends}"
        ax.annotate(
            text, (1.02, y), xycoords=ax.get_yaxis_transform(), fontsize=8, va="center", ha="left"
        )


def _log_ticks(ax, low, high):
    """Put a logarithmic axis with plain numbers, about six of them, 1 among them."""
    ax.set_xscale("log")
    powers = 10.0 ** np.arange(-5, 5)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)):
        ticks = np.outer(powers, steps).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 4:
            break
    ticks = ticks[:: -(-len(ticks) // 9)] if len(ticks) else ticks
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)
