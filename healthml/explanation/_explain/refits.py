"""The same procedure fitted to other samples of patients, to see how far its reasons move."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import clone

from healthml._core._bootstrap import check_count, resample_indices
from healthml._core._checks import check_alignment, check_event, check_groups, check_random_seeds
from healthml._core._parallel import run_parallel, seeded
from healthml._core._routing import fit_keyword, hiding_cells
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError


def check_train(train, estimator):
    """Return (frame, y, event, groups) of ``train=(X, y)`` or ``(X, y, groups)``; None stays None.

    `event` is the outcome as 0/1 where the estimator is a classifier, else None.
    """
    if train is None:
        return None
    if not isinstance(train, tuple | list) or len(train) not in (2, 3):
        raise InputError(
            "train is (X, y) or (X, y, groups): the rows that the model was fitted on."
        )
    X, y, groups = (*train, None)[:3]
    check_alignment(X=X, y=y, groups=groups)
    frame, values = to_pandas(X, "train[0]"), np.asarray(y)
    if len(values) != len(frame):
        raise InputError(f"train has {len(frame)} rows of X and {len(values)} of y; pass the same.")
    groups = None if groups is None else check_groups(groups, len(frame))
    event = None
    if hasattr(estimator, "classes_"):
        label = estimator.classes_[1]
        event = check_event(y, event=label, groups=groups)[1]
    return frame, values, event, groups


def refit_models(estimator, train, n_refits, *, n_jobs=None, verbose=0, seed=0, as_array=False):
    """Return models fitted to bootstrap samples of the patients.

    Parameters
    ----------
    estimator : estimator
        Cloned; every part without a seed gets one for each refit.
    train : tuple
        As `check_train` returns it.
    n_refits : int
        Number of samples.
    n_jobs, verbose, seed
        The answer does not depend on `n_jobs`.
    as_array : bool
        Whether the model is fitted on arrays.

    Returns
    -------
    list of fitted estimators
    """
    if not hasattr(estimator, "fit"):
        raise InputError(
            "n_refits needs an estimator with fit; of a function, pass refits= a list of functions."
        )
    if train is None:
        raise InputError("n_refits needs train=(X, y) or (X, y, groups), what to fit on.")
    frame, y, event, groups = train
    first, second = check_random_seeds(seed, 2)
    draws = resample_indices(len(frame), groups, None, 4 * n_refits, first)
    both = (rows for rows in draws if event is None or len(np.unique(event[rows])) == 2)
    rows = [rows for rows, _ in zip(both, range(n_refits), strict=False)]
    if len(rows) < n_refits:
        raise InputError("train has too few events to draw samples with and without the event.")
    # copies of a patient keep one number, so that an inner split keeps them together
    patient = np.arange(len(frame)) if groups is None else groups
    tasks = list(zip(rows, check_random_seeds(second, n_refits), strict=True))
    table = frame.to_numpy() if as_array else frame
    job = partial(_refit, estimator, table, y, patient)
    return run_parallel(job, tasks, n_jobs=n_jobs, verbose=verbose, what="refits")


def _refit(estimator, table, y, patient, task):
    rows, seed = task
    model = seeded(clone(estimator), seed)
    keyword = fit_keyword(model, "groups")
    params = {} if keyword is None else {keyword: patient[rows]}
    drawn = table.iloc[rows] if isinstance(table, pd.DataFrame) else table[rows]
    with hiding_cells(table, model):
        return model.fit(drawn, y[rows], **params)


def check_refits(refits, n_refits):
    """Return a list of fitted models that was given, or the number of refits to make."""
    if refits is not None and n_refits:
        raise InputError("pass refits or n_refits, not both.")
    if refits is None:
        return [], (check_count(n_refits, "n_refits") if n_refits else 0)
    refits = list(refits)
    if not refits:
        raise InputError("refits is empty; pass fitted models, or n_refits with train.")
    return refits, 0
