"""How pictures look: colours told apart by every eye, lines told apart in black and white."""

BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#595959",
)
COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
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
