"""Short texts beside bars and points."""

from numbers import Real

import numpy as np
import pandas as pd

from healthml._core._knowledge import readable_unit

SCALE_WORDS = {
    "log_odds": "log odds",
    "probability": "probability",
    "prediction": "prediction",
}


def signed(number, digits=2):
    r"""Return a number with its sign, a minus that prints as one.

    Examples
    --------
    >>> signed(0.126), signed(-0.126) == "\N{MINUS SIGN}0.13", signed(0.001)
    ('+0.13', True, '0.00')
    """
    text = f"{number:.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return f"+{text}" if number > 0 else "\u2212" + text.lstrip("-")


def value_text(value, unit=""):
    """Return a cell as text: numbers to four digits, missing cells as such.

    Examples
    --------
    >>> value_text(7.3512345, "mmol/L"), value_text(None), value_text("male")
    ('7.351 mmol/L', 'missing', 'male')
    """
    if value is None or (np.isscalar(value) and pd.isna(value)):
        return "missing"
    if isinstance(value, Real) and not isinstance(value, bool):
        text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
        return f"{text} {readable_unit(unit)}".strip()
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d}"
    return f"{value} {readable_unit(unit)}".strip()


def is_uncertain_cell(status):
    """Whether a cell was not measured as it stands, so that its bar is hollow."""
    return status in ("imputed", "missing")


def player_label(row):
    """Return a player with its value and status, from a row of the table."""
    if row.value is None:  # the status says it
        return f"{row.feature} ({row.status})"
    text = f"{row.feature} = {value_text(row.value, row.unit)}"
    return text if row.status == "measured" else f"{text} ({row.status})"
