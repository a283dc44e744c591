"""Every measure as a scikit-learn scorer, for cross_validate and GridSearchCV."""

import numpy as np
from sklearn.metrics import make_scorer

from healthml._core._checks import check_event
from healthml._core._inputs import check_threshold
from healthml.exceptions import InputError
from healthml.metrics._measures import get_measure

__all__ = ["get_scorer"]


def get_scorer(name, *, event=None, **options):
    """Return a scorer of predicted risks for which more is better.

    Measures where less is better are returned negative; those with a target (slope, O:E,
    calibration-in-the-large) as minus the distance to it. Where a measure has no value (MCC or PPV
    with all predictions alike) the score is the worst there is, so that no search chooses it.

    Parameters
    ----------
    name : str
        Name from `list_measures`; measures at a threshold carry it, as in "net_benefit@0.1".
    event : scalar, default=None
        The class that is the event, for outcomes other than 0/1 and booleans.
    **options
        Options of the measure's function, such as ``smooth="rcs"``.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, sample_weight=None)``.

    Raises
    ------
    ValueError
        If the measure is unknown, needs a threshold, or cannot be a score.

    See Also
    --------
    get_measure : Return what is known about a measure.
    list_measures : List all measures with domain, direction, limits, properness and warnings.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from healthml.metrics import get_scorer
    >>> random = np.random.RandomState(0)
    >>> X = random.normal(size=(200, 2))
    >>> y = (X[:, 0] + random.normal(size=200) > 0).astype(int)
    >>> scores = cross_val_score(LogisticRegression(), X, y, scoring=get_scorer("net_benefit@0.2"))
    >>> bool((scores > 0.2).all())
    True
    """
    name, _, threshold = name.partition("@")
    measure = get_measure(name)
    if np.isnan(measure.best):
        raise InputError(f"{name} has no best value, so it cannot be a score; use expected_cost.")
    if measure.needs_threshold:
        options["threshold"] = _read_threshold(name, threshold)
    elif threshold:
        raise InputError(f"{name} has no threshold; ask for {name!r} alone.")
    return make_scorer(
        _score, response_method="predict_proba", measure=name, pos_label=event, options=options
    )


def _read_threshold(name, text):
    try:
        return check_threshold(float(text))
    except ValueError:
        raise InputError(
            f"{name} needs a threshold between 0 and 1; ask for '{name}@0.1' with yours."
        ) from None


def _worst(known):
    """Return what an undefined measure scores: the worst there is, so that it never wins.

    MCC, PPV and others have no value where all predictions are alike. Searches treat a missing
    score in different ways, and some choose it.
    """
    low, high = known.limits
    if known.direction == "higher":
        return float(low)
    return -float(high) if known.direction == "lower" else -np.inf


def _score(y_true, y_proba, *, measure, options, pos_label=None, sample_weight=None):
    _, event = check_event(y_true, event=pos_label, name="y")
    if np.ndim(y_proba) == 2 and np.shape(y_proba)[1] > 2:
        raise InputError(f"{measure} scores two classes; score each class against the rest.")
    known = get_measure(measure)
    value = known.function(event, y_proba, sample_weight=sample_weight, **options)
    if np.isnan(value):
        return _worst(known)
    if known.direction == "higher":
        return value
    return -value if known.direction == "lower" else -abs(value - known.best)
