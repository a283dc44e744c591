"""Risks of rows the model was not fitted on, from repeated folds of whole patients."""

from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from healthml._core._checks import check_patient_cv, patient_folds
from healthml._core._parallel import run_parallel
from healthml._core._routing import hiding_cells
from healthml.exceptions import InputError


def repeated_folds(cv, event, groups, n_repeats, seeds):
    """Return pairs of training and test rows for every repeat.

    A number (`cv`) assigns whole patients to folds at random in every repeat, spread by their
    events and rows; fewer folds where fewer patients have, or have not, the event. Anything else is
    used as it is, the same in every repeat. There is one seed for each repeat.
    """
    if not (cv is None or isinstance(cv, Integral)):
        splits = list(check_patient_cv(cv, event, groups).split(event, event, groups))
        _refuse_untested(splits, len(event))
        return [splits] * n_repeats
    return [patient_folds(cv, event, groups, seed) for seed in seeds]


def _refuse_untested(splits, n):
    tested = np.zeros(n, dtype=bool)
    for _, test in splits:
        tested[test] = True
    if not tested.all():
        raise InputError(
            f"cv tests {int(tested.sum())} of {n} rows; a label is judged by models that have not "
            "seen it, so every row must be tested. Pass a number of folds."
        )


class OutOfFold:
    """Fits copies of an estimator on training rows and predicts the others.

    `fit_params` are metadata of the fit, one value for each row.
    """

    def __init__(self, estimator, X, event, fit_params, *, n_jobs=None, verbose=0):
        if not hasattr(estimator, "predict_proba"):
            raise InputError(
                f"{type(estimator).__name__} has no predict_proba; pass a classifier that gives "
                "probabilities, or wrap it in CalibratedClassifierCV."
            )
        self.estimator, self.X, self.event = estimator, X, event
        self.fit_params, self.n_jobs, self.verbose = fit_params, n_jobs, verbose

    def risks(self, repeats, believed, seeds):
        """Return the mean out-of-fold risk of each row over the repeats.

        `believed` is the chance with which a row takes part in a fit; None means that all do.
        """
        tasks = []
        for splits, seed in zip(repeats, seeds, strict=True):
            drawn = np.random.RandomState(seed).uniform(size=len(self.event))
            taking_part = np.ones(len(drawn), bool) if believed is None else drawn < believed
            tasks += [(self._training(train, taking_part), test) for train, test in splits]
        total, times = np.zeros(len(self.event)), np.zeros(len(self.event))
        answers = run_parallel(
            self._predict, tasks, n_jobs=self.n_jobs, verbose=self.verbose, what="fits"
        )
        for (_, test), risk in zip(tasks, answers, strict=True):
            total[test] += risk
            times[test] += 1
        return total / times

    def _training(self, train, taking_part):
        """Return the training rows that take part; all of them if a class would be missing."""
        chosen = train[taking_part[train]]
        labels = np.bincount(self.event[chosen], minlength=2)
        return chosen if labels.min() >= 2 else train

    def _predict(self, task):
        train, test = task
        params = {name: _safe_indexing(value, train) for name, value in self.fit_params.items()}
        model = clone(self.estimator)
        with hiding_cells(self.X, model):
            model.fit(_safe_indexing(self.X, train), self.event[train], **params)
            risks = model.predict_proba(_safe_indexing(self.X, test))
        return risks[:, list(model.classes_).index(1)]
