"""Does an unpenalised logistic regression have an estimate at all? A screen and a proof."""

import numpy as np
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

# Change of a row's log odds by one more Newton step below which the maximum counts as reached, and
# no linear programme is solved. Separated fits step by about 1; smaller only costs time.
_STEP = 0.05


def is_separated(model, X, y):
    """Say whether the outcomes of the training rows are separated.

    For unpenalised logistic regression, alone or at the end of a Pipeline; False for any other
    estimator, whose estimate exists regardless. A Newton step from the fit that moves no row's
    log odds is a sign that the maximum has been reached; otherwise separation is proven or
    refuted by linear programming [1]_.

    Parameters
    ----------
    model : fitted estimator
        What was fitted.
    X : array-like of shape (n_samples, n_features)
        Its training rows.
    y : ndarray of shape (n_samples,)
        Their outcomes as 0/1.

    Returns
    -------
    bool

    References
    ----------
    .. [1] Konis K. Linear programming algorithms for detecting separated data in binary logistic
       regression models. DPhil thesis, University of Oxford; 2007.
    """
    last = model
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    if type(last) is not LogisticRegression or not _unpenalised(last):
        return False
    columns = _columns(model, X)
    if columns is None or columns.shape[1] != last.coef_.shape[1]:
        return False
    return not _at_maximum(columns, y, last) and _proven(columns, y)


def _unpenalised(model):
    return getattr(model, "penalty", "") is None or np.isinf(model.C)


def _columns(model, X):
    """Return the columns that the last step saw, or None where they cannot be had."""
    if isinstance(model, Pipeline):
        try:
            for _, step in model.steps[:-1]:
                X = X if step in (None, "passthrough") else step.transform(X)
            if isinstance(model.steps[-1][1], Pipeline):
                return _columns(model.steps[-1][1], X)
        except Exception:  # a step that changes rows at fit only; not this check's business
            return None
    X = X.toarray() if hasattr(X, "toarray") else X
    return np.asarray(X, dtype=float)


def _at_maximum(columns, y, model):
    """Say whether one more Newton step would leave every row's log odds where they are."""
    with np.errstate(over="ignore"):
        risk = 1 / (1 + np.exp(-(columns @ model.coef_[0] + model.intercept_[0])))
    design = np.column_stack([np.ones(len(y)), columns])
    spread = np.maximum(risk * (1 - risk), 1e-12)
    scale = np.abs(design).max(axis=0)
    design = design / np.where(scale > 0, scale, 1.0)
    step = np.linalg.lstsq(
        design.T @ (spread[:, None] * design), design.T @ (y - risk), rcond=1e-12
    )[0]
    return np.abs(design @ step).max() < _STEP


def _proven(columns, y):
    """Look for a combination of the columns along which no row's likelihood falls and one rises."""
    design = np.column_stack([np.ones(len(y)), columns])
    design = np.unique(np.where(y == 1, 1.0, -1.0)[:, None] * design, axis=0)
    design = design / np.maximum(np.abs(design).max(axis=0), 1e-300)
    program = linprog(-design.sum(axis=0), A_ub=-design, b_ub=np.zeros(len(design)), bounds=(-1, 1))
    return bool(program.status == 0 and -program.fun > 1e-6)
