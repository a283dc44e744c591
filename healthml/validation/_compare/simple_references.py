"""What a model must beat: the prevalence, age and sex, a plain logistic model, an older score."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from healthml._core._tables import parse_numbers, to_pandas
from healthml.exceptions import InputError

PREVALENCE, AGE_SEX, LOGISTIC, SCORE = (
    "prevalence only",
    "age and sex",
    "penalised logistic",
    "existing score",
)
REFERENCES = (PREVALENCE, AGE_SEX, LOGISTIC, SCORE)
_NAMES = {"age": ("age",), "sex": ("sex", "gender")}
_FEWEST = 50  # rows with a score: with fewer no difference can be told from chance (judgement)


def age_and_sex(X, demographics=None):
    """Return the age and sex columns of a table.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    demographics : list of str or DataFrame of shape (n_samples, k), optional
        Names of the columns, or the columns themselves where they are not in `X`; by default the
        first columns with the words age, and sex or gender, in their names.

    Returns
    -------
    DataFrame or None
        None where nothing was named and nothing found.

    Examples
    --------
    >>> age_and_sex(pd.DataFrame({"Age_years": [50], "weight": [70], "gender": ["F"]})).columns
    Index(['Age_years', 'gender'], dtype=...)
    """
    frame = to_pandas(X) if hasattr(X, "columns") else None
    if demographics is None:
        names = [] if frame is None else _found(frame.columns)
        return frame[names] if names else None
    if hasattr(demographics, "columns"):
        return to_pandas(demographics, "demographics")
    names = [demographics] if isinstance(demographics, str) else list(demographics)
    unknown = [str(name) for name in names if frame is None or name not in frame.columns]
    if unknown:
        raise InputError(
            f"demographics names {unknown[0]!r}, which is no column of X; pass columns of X, or a "
            "table of their own."
        )
    return frame[names]


def _found(columns):
    column_of = {}
    for column in columns:
        words = str(column).lower().replace("_", " ").replace(".", " ").split()
        for role, names in _NAMES.items():
            if role not in column_of and any(name in words for name in names):
                column_of[role] = column
    return list(column_of.values())


def read_score(score, y):
    """Return an existing score as risks, whether it is a probability, and a remark.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Missing where no score was made. Where most values are between 0 and 1, others are codes
        for "no score made"; else it is a score in points, higher for more risk, of which only the
        ranking counts.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.

    Returns
    -------
    risk : ndarray
        Between 0 and 1, NaN where there is none; ranks for a score in points.
    probability : bool
        Whether it is a probability.
    remark : str
        What was done, or "".
    """
    values = parse_numbers(pd.Series(np.asarray(score)))[0].to_numpy()
    if len(values) != len(y):
        raise InputError(f"score has {len(values)} values for {len(y)} rows; pass one for each.")
    risk, remark = np.where(np.isfinite(values), values, np.nan), ""
    inside = (risk >= 0) & (risk <= 1)
    probability = inside.sum() > np.isfinite(risk).sum() / 2
    if probability:
        coded = int((np.isfinite(risk) & ~inside).sum())
        risk = np.where(inside, risk, np.nan)
        if coded:
            remark = f"{coded} rows of the score are outside 0 to 1 and taken as not made."
    made = np.isfinite(risk)
    if made.sum() < _FEWEST or len(np.unique(y[made])) < 2:
        raise InputError(
            f"score is there in {int(made.sum())} rows; at least {_FEWEST} with both outcomes are "
            "needed to compare with it."
        )
    if not probability:
        risk[made] = rankdata(risk[made]) / (made.sum() + 1)
        remark = "The existing score is not a probability: only its ranking is compared."
    return risk, bool(probability), remark
