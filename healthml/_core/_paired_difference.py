"""What a difference between two procedures owes to the models that they happened to give."""

import numpy as np

REPEATS_TO_TRAINING = 2.0
_WORTH = 4
_FEWEST = 2.0


def paired_training(repeats, sampling):
    """Return the variance of a difference over models of the two procedures.

    On the same patients two models' shares of luck in judging cancel and their luck in training
    does not: it is about as large as what is left of the other. Repeats tell more, from their
    second on; two of them alone tell next to nothing, so that what is expected keeps the weight of
    four repeats. Expectation, factor and weight were chosen by simulation (see the guide).

    Parameters
    ----------
    repeats : ndarray of shape (n_repeats,)
        Difference in each repeat.
    sampling : float
        Variance that the choice of patients gives to the difference, were all rows judged.

    Returns
    -------
    float

    Examples
    --------
    >>> paired_training(np.array([0.02]), 1e-4)
    0.0001
    >>> round(paired_training(np.array([0.01, 0.02, 0.03]), 1e-4), 8)
    0.00013333
    """
    seen = repeats[np.isfinite(repeats)]
    told = max(len(seen) - 1, 0)
    own = REPEATS_TO_TRAINING * float(seen.var(ddof=1)) if told else 0.0
    return (_WORTH * sampling + told * own) / (_WORTH + told)


def freedom(moved):
    """Return the degrees of freedom of a sum of squares, fewer where few patients carry it.

    Examples
    --------
    >>> freedom(np.tile([1.0, -1.0], 50)) > 99, round(freedom(np.eye(100)[0]), 1)
    (True, 2.0)
    """
    second, fourth = np.sum(moved**2), np.sum(moved**4)
    if not second > 0:
        return _FEWEST
    spread = fourth - second**2 / len(moved)
    return float(max(2 * second**2 / max(spread, second**2 / len(moved) ** 2), _FEWEST))
