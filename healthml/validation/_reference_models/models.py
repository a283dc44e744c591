"""The sound simple model that everything is compared with, and a flexible one."""

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from healthml.validation._reference_models.bent_lines import BentLines
from healthml.validation._reference_models.columns import as_category, numbers_of, stored_as_number
from healthml.validation._reference_models.encoder import TableEncoder


def default_model():
    """Return the audit's own model: penalised logistic regression on a sound pipeline.

    Returns
    -------
    Pipeline
        `TableEncoder`, then logistic regression with a ridge penalty (C=1 on standardised
        columns), which is what most prediction papers use and hard to beat on tables of this size.

    See Also
    --------
    TableEncoder : Turn a mixed table into a standardised numeric matrix, learning from training
        rows only.
    compare_models : Compare procedures with each other and with simple references, on the same
        patients left out.

    Examples
    --------
    >>> from healthml.validation import default_model
    >>> default_model().steps[0][0]
    'encode'
    """
    return Pipeline(
        [
            ("encode", TableEncoder()),
            ("logistic", LogisticRegression(solver="newton-cholesky", max_iter=500)),
        ]
    )


def boosted_trees():
    """Return the audit's flexible probe: boosted trees on the same encoding.

    Returns
    -------
    Pipeline
    """
    trees = HistGradientBoostingClassifier(max_iter=50, learning_rate=0.1, random_state=0)
    return Pipeline([("encode", TableEncoder()), ("trees", trees)])


def bent_logistic():
    """Return the audit's second flexible probe: logistic regression on lines bent at quantiles.

    It finds curved risks, with few events better than boosted trees do: in tests/simulation/
    leak_kinds.py it reached an AUC of 0.803 where the default model had 0.794, boosted trees 0.761
    and the true risk 0.823.

    Returns
    -------
    Pipeline
    """
    logistic = LogisticRegression(solver="newton-cholesky", max_iter=500)
    steps = [("encode", TableEncoder()), ("bend", BentLines()), ("scale", StandardScaler())]
    return Pipeline([*steps, ("logistic", logistic)])


def as_read(frame, *, categories=()):
    """Return the table as the encoder reads it, so that refits need not read it again.

    Texts that are numbers become numbers, other texts categories. Nothing is learnt across rows.

    Parameters
    ----------
    frame : DataFrame
        The table.
    categories : iterable of str, default=()
        Columns of codes that are stored as numbers and must be read as levels.

    Returns
    -------
    DataFrame
    """
    encoder, changed = TableEncoder(), {}
    for name in frame.columns:
        column = frame[name]
        if name in set(categories):
            changed[name] = as_category(column)
        elif stored_as_number(column) or isinstance(column.dtype, pd.CategoricalDtype):
            continue
        elif encoder.is_number(column):
            changed[name] = numbers_of(column)
        else:
            changed[name] = as_category(column)
    read = frame.copy(deep=False)
    for name, column in changed.items():
        read[name] = column
    return read
