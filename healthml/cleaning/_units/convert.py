"""The conversion of one concept's values from one unit to another."""

import pandas as pd

from healthml._core._checks import as_numbers
from healthml._core._knowledge import (
    between_units,
    concept_limits,
    concept_names,
    find_unit,
    match_concept,
)
from healthml.exceptions import InputError


def convert(values, concept, from_unit, to_unit):
    """Convert values of one clinical concept from one unit to another.

    The concept decides: a factor that is right for creatinine is wrong for bilirubin, HbA1c has
    an offset, an equivalent of calcium is half a mole, urea and urea nitrogen are not the same.

    Parameters
    ----------
    values : float or array-like of float
        Values in `from_unit`; missing ones stay missing.
    concept : str
        Concept, by its name in healthml's table of ranges or a known synonym ("creatinine").
    from_unit, to_unit : str
        Units, in UCUM or as usually written ("mg/dL", "umol/L", "µmol/l", "°F", "lb").

    Returns
    -------
    float, ndarray or pandas.Series
        Of the kind of `values`.

    Raises
    ------
    InputError
        If the concept is unknown, or has no such unit; the known ones are listed.

    See Also
    --------
    UnitHarmonizer : Finds which cells of a table are in another unit, and converts those.
    LabValueParser : Reads numbers and units out of cells of text.

    Examples
    --------
    >>> from healthml.cleaning import convert
    >>> round(convert(100.0, "creatinine", "µmol/L", "mg/dL"), 4)
    1.1312
    >>> round(convert(48.0, "hba1c", "mmol/mol", "%"), 2)
    6.54
    >>> convert(7.2, "wbc", "K/cumm", "10^9/L")
    7.2
    """
    name = _concept(concept)
    source, target = (_known_unit(name, unit) for unit in (from_unit, to_unit))
    if isinstance(values, pd.Series):
        numbers = as_numbers(values, "values")
        return pd.Series(
            between_units(numbers, source, target), index=values.index, name=values.name
        )
    out = between_units(as_numbers(values, "values"), source, target)
    return float(out) if out.ndim == 0 else out


def _concept(name):
    concept = name if name in concept_names() else match_concept(str(name))
    if concept is None:
        raise InputError(
            f"concept={name!r} is not known; use a name of healthml's table of ranges, "
            "such as 'creatinine' or 'glucose'."
        )
    return concept


def _known_unit(concept, name):
    unit = find_unit(concept, name)
    if unit is None:
        known = ", ".join(u for u, _, _ in concept_limits(concept)["units"])
        raise InputError(f"{concept} has no unit {name!r}; known units: {known}.")
    return unit
