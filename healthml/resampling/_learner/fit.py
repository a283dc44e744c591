"""Fit copies of a classifier on resampled training rows and predict the rows left out."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from healthml._core._parallel import seeded
from healthml._core._routing import fit_keyword, hiding_cells
from healthml.exceptions import InputError
from healthml.resampling._learner.kinds import CLASS_WEIGHT, last_step, samplers_of
from healthml.resampling._learner.rows import resampled_rows


class Task(NamedTuple):
    """Rows to fit on, rows to predict (or None), and the seed of everything random."""

    train: np.ndarray
    test: np.ndarray | None
    seed: int


class Fitted(NamedTuple):
    """A fitted copy, the share of events it saw, and the risks of the rows left out."""

    model: object
    prevalence: float
    risk: np.ndarray | None


@dataclass(frozen=True)
class Learner:
    """A classifier, a sampler and the rows; called with a `Task`.

    Parameters
    ----------
    estimator, sampler
        Cloned for every task.
    X : table
        All rows.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    classes : ndarray of shape (2,)
        The labels, the event last.
    params : dict
        Metadata of the inner fit, one value for each row.
    groups : ndarray or None
        Patient of each row, for samplers that ask for it.
    sampling : dict
        Metadata of the sampler, one value for each row.
    keep : bool
        Whether the fitted copies are wanted.
    """

    estimator: object
    sampler: object
    X: object
    event: np.ndarray
    classes: np.ndarray
    params: dict = field(default_factory=dict)
    groups: np.ndarray | None = None
    sampling: dict = field(default_factory=dict)
    keep: bool = True

    def __call__(self, task):
        """Resample the training rows, fit a copy, predict the other rows."""
        model = seeded(clone(self.estimator), task.seed)
        X, y, params = self._training_rows(model, task)
        with hiding_cells(X, model):
            model.fit(X, y, **params)
        prevalence = self._seen(model, y, params)
        risk = None
        if task.test is not None:
            risk = event_risk(model, _safe_indexing(self.X, task.test), self.classes[1])
        return Fitted(model if self.keep else None, prevalence, risk)

    def _training_rows(self, model, task):
        """Return the rows of a task after resampling, with what belongs to them."""
        rows = task.train
        X, y = _safe_indexing(self.X, rows), self.classes[self.event[rows]]
        params = {name: _safe_indexing(value, rows) for name, value in self.params.items()}
        if self.sampler == CLASS_WEIGHT:
            return X, y, _weighted(model, y, params)
        if self.sampler is None:
            return X, y, params
        extra = {name: _safe_indexing(value, rows) for name, value in self.sampling.items()}
        if self.groups is not None:
            extra["groups"] = self.groups[rows]
        sampler = seeded(clone(self.sampler), task.seed)
        return resampled_rows(sampler, X, y, params, extra)

    def _seen(self, model, y, params):
        """Return the share of events that the learner was shown, weights counted."""
        share = np.bincount(np.asarray(y) == self.classes[1], minlength=2).astype(float)
        weight = next((v for k, v in params.items() if k.endswith("sample_weight")), None)
        if weight is not None:
            share = np.bincount(np.asarray(y) == self.classes[1], weight, minlength=2)
        for sampler in samplers_of(model):
            share = _after(sampler, share, self.classes)
        share = share * _class_weight(last_step(model), self.classes, share)
        return float(share[1] / share.sum())


def event_risk(model, X, label):
    """Return a fitted classifier's risk of the event."""
    if not hasattr(model, "predict_proba"):
        raise InputError(
            f"{type(model).__name__} has no predict_proba; a risk is needed. Use a classifier that "
            "predicts probabilities, such as SVC in CalibratedClassifierCV."
        )
    place = np.asarray(model.classes_).tolist().index(label)
    return np.asarray(model.predict_proba(X), dtype=float)[:, place]


def _weighted(model, y, params):
    """Return fit keywords that weigh both classes alike."""
    learner = last_step(model)
    if "class_weight" in learner.get_params(deep=False):
        learner.set_params(class_weight="balanced")
        return params
    name = fit_keyword(model, "sample_weight")
    if name is None:
        raise InputError(
            f"{type(learner).__name__} takes neither class_weight nor sample_weight; use a sampler."
        )
    return {**params, name: compute_sample_weight("balanced", y) * params.get(name, 1.0)}


def _class_weight(learner, classes, share):
    """Return the weights that a classifier gives the two classes."""
    given = learner.get_params(deep=False) if hasattr(learner, "get_params") else {}
    weight, scale = given.get("class_weight"), given.get("scale_pos_weight")
    if isinstance(weight, str) or given.get("is_unbalance"):  # "balanced" and its like
        return share.sum() / (2 * share)
    if isinstance(weight, dict):
        return compute_class_weight(weight, classes=classes, y=classes)
    return np.array([1.0, 1.0 if scale is None else float(scale)])


def _after(sampler, share, classes):
    """Return the rows of each class after a sampler inside a pipeline has worked."""
    counts = getattr(sampler, "sampling_strategy_", {}) or {}
    kind, after = getattr(sampler, "_sampling_type", ""), share.copy()
    for place, label in enumerate(classes):
        if label in counts:
            after[place] = counts[label] + (share[place] if kind == "over-sampling" else 0)
    return after
