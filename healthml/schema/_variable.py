"""What is declared about one column: kind, unit, limits, missing codes, vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import isnan
from numbers import Real

from healthml._core._checks import as_tuple
from healthml.exceptions import SchemaError

KINDS = ("numeric", "categorical", "boolean", "datetime", "text")


@dataclass(frozen=True)
class Variable:
    """What is declared about one column; everything may be left out.

    Parameters
    ----------
    kind : {"numeric", "categorical", "boolean", "datetime", "text"}, optional
        What the column holds.
    unit : str, optional
        Unit of the numbers, preferably in UCUM ("mmol/L").
    concept : str, optional
        Clinical concept, by its name in healthml's table of ranges ("sodium").
    hard : pair of numbers, optional
        Limits outside of which a value is impossible; None leaves a side open.
    soft : pair of numbers, optional
        Limits outside of which a value is to be verified; inside `hard`.
    missing_codes : sequence of str or number, default=()
        Cells that mean missing ("?", -1); `Schema.split` sets them to missing.
    vocabulary : sequence, default=()
        Levels that may occur.

    Raises
    ------
    SchemaError
        If the kind is unknown, or limits are no pair of numbers in order.

    See Also
    --------
    Schema : Declares the task and holds these by column.

    Examples
    --------
    >>> from healthml.schema import Variable
    >>> Variable(kind="numeric", unit="mmol/L", hard=(80, 220), missing_codes=[-1])
    Variable(kind='numeric', unit='mmol/L', hard=(80, 220), missing_codes=(-1,))
    """

    kind: str | None = None
    unit: str | None = None
    concept: str | None = None
    hard: tuple | None = None
    soft: tuple | None = None
    missing_codes: tuple = ()
    vocabulary: tuple = ()

    def __post_init__(self):
        if self.kind is not None and self.kind not in KINDS:
            raise SchemaError(f"kind={self.kind!r} is unknown; use one of {', '.join(KINDS)}.")
        for name in ("hard", "soft"):
            object.__setattr__(self, name, check_pair(getattr(self, name), name))
        for name in ("missing_codes", "vocabulary"):
            object.__setattr__(self, name, as_tuple(getattr(self, name)))
            refuse_lists(getattr(self, name), name)
        for name in ("unit", "concept"):
            if not isinstance(getattr(self, name), str | None):
                raise SchemaError(f"{name} must be text, such as 'mg/dL'.")
        if self.hard and self.soft and not _inside(self.soft, self.hard):
            raise SchemaError("soft limits reach beyond the hard limits; keep them inside.")
        if (self.hard or self.soft) and self.kind not in (None, "numeric", "datetime"):
            raise SchemaError(f"limits do not fit kind={self.kind!r}; leave one of them out.")

    @property
    def low(self):
        """Lower hard limit, or None."""
        return None if self.hard is None else self.hard[0]

    @property
    def high(self):
        """Upper hard limit, or None."""
        return None if self.hard is None else self.hard[1]

    def __repr__(self):
        fields_given = (f"{name}={value!r}" for name, value in declared(self).items())
        return f"Variable({', '.join(fields_given)})"


def declared(thing, leave_out=()):
    """Return the fields of a dataclass that were filled, in order.

    Examples
    --------
    >>> from healthml.schema._variable import Variable, declared
    >>> declared(Variable(unit="kg"))
    {'unit': 'kg'}
    """
    values = {f.name: getattr(thing, f.name) for f in fields(thing) if f.name not in leave_out}
    empty = (None, (), {})
    return {
        name: value
        for name, value in values.items()
        if not any(value is e for e in empty)
        and not (isinstance(value, tuple | Mapping) and not value)
    }


def check_pair(pair, name):
    """Return a pair of limits (either may be None) as a tuple, or None.

    Examples
    --------
    >>> from healthml.schema._variable import check_pair
    >>> check_pair([0, None], "hard")
    (0, None)
    """
    if pair is None:
        return None
    is_pair = isinstance(pair, list | tuple) and len(pair) == 2
    if not is_pair or not all(limit is None or _is_number(limit) for limit in pair):
        raise SchemaError(f"{name}={pair!r} is not a pair of numbers; write [lowest, highest].")
    low, high = pair
    if low is not None and high is not None and low > high:
        raise SchemaError(f"{name}={list(pair)!r} has its minimum above its maximum; swap them.")
    return (low, high)


def refuse_lists(values, name):
    """Raise SchemaError where a list or mapping, or nothing, stands for a plain value.

    Examples
    --------
    >>> from healthml.schema._variable import refuse_lists
    >>> refuse_lists(("sex", "race"), "sensitive")
    """
    if any(value is None or isinstance(value, list | tuple | set | Mapping) for value in values):
        raise SchemaError(
            f"{name} holds a list, a mapping or nothing where a plain value is asked for; write "
            f"'{name}: [first, second]'."
        )


def check_keys(mapping, known, where):
    """Raise SchemaError when a mapping has a key that is not known.

    Examples
    --------
    >>> from healthml.schema._variable import check_keys
    >>> check_keys({"unit": "kg"}, ["kind", "unit"], "variable 'weight'")
    """
    if not isinstance(mapping, Mapping):
        raise SchemaError(f"{where} is not a mapping of names to values; write 'name: value'.")
    for key in mapping:
        if key not in known:
            raise SchemaError(f"{where} has no key {key!r}{close_names(key, known)}.")


def close_names(name, known):
    """Return "; did you mean ...?" words for a name that is not there.

    Examples
    --------
    >>> from healthml.schema._variable import close_names
    >>> close_names("readmited", ["age", "readmitted"])
    "; did you mean 'readmitted'"
    """
    lower = {str(candidate).lower(): candidate for candidate in known}
    matches = [lower[match] for match in get_close_matches(str(name).lower(), list(lower), n=3)]
    if matches:
        return "; did you mean " + " or ".join(repr(match) for match in matches)
    shown = ", ".join(repr(candidate) for candidate in list(known)[:10])
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    return f"; there are {shown}{more}"


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and not isnan(value)


def _inside(inner, outer):
    low = outer[0] is None or (inner[0] is None or inner[0] >= outer[0])
    high = outer[1] is None or (inner[1] is None or inner[1] <= outer[1])
    return low and high
