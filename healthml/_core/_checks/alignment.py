"""Row labels of what must be in one order."""

import pandas as pd

from healthml.exceptions import InputError

_LABELLED = (pd.DataFrame, pd.Series)  # what has row labels; polars and arrays have none


def check_alignment(**aligned):
    """Refuse pandas objects that carry the same row labels in another order.

    Rows are matched by position everywhere. Two objects with the same labels in another order are
    a mistake that would show nowhere: every outcome would belong to another patient. The same
    labels in the same order pass, and so do other labels (a table whose index was reset).

    Parameters
    ----------
    **aligned : object
        What must have its rows in one order, by the name that the user knows it by. Only pandas
        objects, and those that a dict holds, are looked at; anything else has no row labels.

    Raises
    ------
    InputError
        With both remedies: by label, if the labels are right, or by position, if the order is.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._checks import check_alignment
    >>> check_alignment(X=pd.DataFrame({"age": [70, 40]}), y=pd.Series([1, 0]))
    >>> check_alignment(X=pd.DataFrame({"age": [70, 40]}), y=pd.Series([1, 0], index=[1, 0]))
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: y has the row labels of X in another order, and rows are ...
    """
    indexes = {}
    for name, values in aligned.items():
        if isinstance(values, _LABELLED):
            indexes[name] = values.index
        elif isinstance(values, dict):
            parts = {f"{name}[{key!r}]": part for key, part in values.items()}
            indexes.update({k: v.index for k, v in parts.items() if isinstance(v, _LABELLED)})
    if len(indexes) < 2:
        return
    orders = {}  # one entry for each order of labels, so that many objects cost little
    for name, index in indexes.items():
        for other, first in orders.items():
            if index is first or index.equals(first):
                break
            if _same_labels(index, first):
                raise InputError(_other_order(name, other, index.is_unique))
        else:
            orders[name] = index


def _same_labels(index, other):
    """Whether two indexes that differ hold the same labels, as often."""
    if len(index) != len(other) or index.nlevels != other.nlevels:
        return False
    if not index[:1].isin(other).all() or not index.isin(other).all():
        return False
    if index.is_unique and other.is_unique:
        return True
    return index.value_counts(dropna=False).equals(
        other.value_counts(dropna=False).reindex(index.value_counts(dropna=False).index)
    )


def _other_order(name, other, is_unique):
    by_label = f"pass {name}.loc[{other}.index] if the labels are right"
    if not is_unique:  # .loc would multiply the rows
        by_label = f"the labels repeat, so sort {name} as {other} is sorted if they are right"
    return (
        f"{name} has the row labels of {other} in another order, and rows are matched by "
        f"position; {by_label}, or pass {name}.to_numpy() if the positions are."
    )
