"""The answer of a sample size calculation, and the size for one proportion."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._intervals import clopper_pearson, wilson
from healthml._core._results import Result
from healthml.exceptions import InputError

Z_95 = 1.96  # as in the published formulas, not the exact quantile
# Shares of the anticipated R squared over which the curve of a required size is drawn; a planner
# seldom knows it better than to a factor. Chosen by judgement; it moves the drawing only.
CURVE = np.linspace(0.25, 1.75, 13)
MOST = 100_000_000  # a larger answer means that the precision asked for cannot be had


@dataclass(frozen=True, repr=False)
class SampleSizeResult(Result):
    """Smallest sample that meets every criterion; made by the functions named ``*_sample_size``.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per criterion: ``criterion``, what it is about; ``n_samples``, the size that it
        asks for; ``n_events``; ``decides``, whether it asks for most; the values that it was
        computed from; ``assumes``, in words.
    n_samples : int
        Size that meets all criteria.
    n_events : float
        Events expected in it; missing for a continuous outcome.
    decided_by : str
        The criterion that asks for most.
    details : dict
        Further values, such as events per parameter and the largest R squared possible.
    curve : pandas.DataFrame
        Size against the assumption that matters most, for `plot`.
    """

    n_samples: int = 0
    n_events: float = np.nan
    decided_by: str = ""
    details: dict = field(default_factory=dict)
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)

    def summary(self):
        """Return the size, what decides it, and the criteria with what each assumes."""
        events = f" ({self.n_events:.0f} events)" if np.isfinite(self.n_events) else ""
        shown = self.table.drop(columns="assumes").round(4).to_string(index=False)
        words = [f"- {r.criterion}: {r.assumes}" for r in self.table.itertuples()]
        head = f"At least {self.n_samples:,} rows{events}; decided by: {self.decided_by}."
        return "\n".join([head, shown, *words])

    def plot(self, ax=None, **kwargs):
        """Draw the size against the assumption on which it depends most.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Axes to draw on; a new figure by default.
        **kwargs
            For matplotlib's `plot`.

        Returns
        -------
        matplotlib axes
        """
        if not len(self.curve):
            raise InputError("This size was found by simulation; there is no curve to draw.")
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        name = self.curve.columns[0]
        ax.plot(self.curve[name], self.curve["n_samples"], **kwargs)
        ax.axhline(self.n_samples, color="0.7", linewidth=1)
        ax.set(xlabel=name.replace("_", " "), ylabel="Rows needed")
        return ax


def size_result(rows, *, details, curve=None, events_per_row=np.nan):
    """Put the criteria together; the first of those that ask for most decides.

    Parameters
    ----------
    rows : list of dict
        One per criterion, with ``criterion``, ``n_samples``, ``assumes`` and values.
    details : dict
        Further values.
    curve : DataFrame, optional
        Size against an assumption.
    events_per_row : float
        Events expected in one row.

    Returns
    -------
    SampleSizeResult
    """
    table = pd.DataFrame(rows)
    largest = int(table["n_samples"].max())
    table.insert(2, "n_events", table["n_samples"] * events_per_row)
    deciding = int(table["n_samples"].to_numpy().argmax())
    table.insert(3, "decides", np.arange(len(table)) == deciding)
    assumes = table.pop("assumes")
    table["assumes"] = assumes
    return SampleSizeResult(
        table,
        n_samples=largest,
        n_events=float(largest * events_per_row),
        decided_by=str(table["criterion"].iloc[deciding]),
        details=details,
        curve=pd.DataFrame() if curve is None else curve,
    )


def precision_sample_size(
    prevalence, *, half_width=0.05, method="wilson", confidence_level=0.95, design_effect=1.0
):
    """Return how many rows estimate a proportion, such as the overall risk, precisely.

    Parameters
    ----------
    prevalence : float
        Anticipated proportion.
    half_width : float, default=0.05
        Half the width of the interval that is wanted.
    method : {"wilson", "exact", "wald"}, default="wilson"
        Interval that will be computed. "wald" is the textbook formula
        ``z**2 * p * (1 - p) / half_width**2``, too optimistic for rare events.
    confidence_level : float, default=0.95
        Level of the interval.
    design_effect : float, default=1.0
        Factor for several rows of a patient: one plus (rows per patient - 1) times their
        correlation.

    Returns
    -------
    SampleSizeResult

    Raises
    ------
    InputError
        If a number is outside its range or the method unknown.

    See Also
    --------
    external_sample_size : Return how many rows are needed to validate an existing model in other
        patients.

    Examples
    --------
    >>> from healthml.validation import precision_sample_size
    >>> precision_sample_size(0.1, half_width=0.02).n_samples
    868
    """
    check_share("prevalence", prevalence)
    check_share("half_width", half_width)
    if not design_effect >= 1:
        raise InputError(f"design_effect is {design_effect}; it is 1 or larger.")
    if method not in ("wilson", "exact", "wald"):
        raise InputError(f"method={method!r} is unknown; use 'wilson', 'exact' or 'wald'.")

    def size(p):
        n = _proportion_size(p, half_width, method, confidence_level)
        return int(np.ceil(n * design_effect))

    grid = np.unique(np.clip(prevalence * np.linspace(0.25, 2, 15), 0.001, 0.999))
    curve = pd.DataFrame({"prevalence": grid, "n_samples": [size(p) for p in grid]})
    row = {
        "criterion": "overall risk",
        "n_samples": size(prevalence),
        "half_width": half_width,
        "assumes": f"The proportion is about {prevalence:g}, rows are drawn at random"
        + ("." if design_effect == 1 else f" in clusters that cost a factor of {design_effect:g}."),
    }
    details = {"method": method, "confidence_level": confidence_level}
    return size_result([row], details=details, curve=curve, events_per_row=prevalence)


def _proportion_size(p, half_width, method, level):
    if method == "wald":
        z = norm.ppf(0.5 + level / 2)
        return int(np.ceil(z**2 * p * (1 - p) / half_width**2))
    interval = wilson if method == "wilson" else clopper_pearson

    def wide(n):
        lower, upper = interval(p * n, n, level)
        return upper - lower > 2 * half_width

    return smallest(lambda n: not wide(n))


def smallest(enough, start=1, most=MOST):
    """Return the smallest whole number from `start` on that is enough; enough stays enough.

    Parameters
    ----------
    enough : callable
        Of a whole number.
    start : int, default=1
        The smallest candidate.
    most : int
        Largest candidate; beyond it the search is given up.

    Returns
    -------
    int

    Examples
    --------
    >>> from healthml.validation._sample_size.result import smallest
    >>> smallest(lambda n: n * n >= 50)
    8
    """
    low, high = start - 1, start
    while not enough(high):
        low, high = high, 2 * high
        if high > most:
            raise InputError(f"More than {most:,} rows would be needed; ask for less precision.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def check_share(name, value):
    """Refuse what does not lie strictly between 0 and 1."""
    if not (isinstance(value, int | float | np.number) and 0 < value < 1):
        raise InputError(f"{name} is {value!r}; give a number between 0 and 1.")


def check_positive(name, value):
    """Refuse what is no number above 0."""
    if not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
        raise InputError(f"{name} is {value!r}; give a number above 0.")


def check_needed(outcome, **values):
    """Refuse when something that this kind of outcome needs was not given."""
    absent = [name for name, value in values.items() if value is None]
    if absent:
        raise InputError(f"outcome={outcome!r} needs {', '.join(absent)}.")
