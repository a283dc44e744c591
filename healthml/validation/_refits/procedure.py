"""A procedure to be refitted: cloned, seeded, handed what its `fit` asks for."""

from dataclasses import dataclass, field

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from healthml._core._parallel import unseeded
from healthml.exceptions import InputError
from healthml.validation._refits.inner_splits import keep_together


@dataclass(frozen=True)
class Procedure:
    """An estimator and what is known about its rows.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        Never fitted itself.
    groups, sample_weight : ndarray of shape (n_samples,), optional
        Patient and weight of each row.

    Attributes
    ----------
    unseeded : tuple of str
        Names of the `random_state` parameters that are None.
    sound : bool
        Whether its parameters have been checked, so that not every refit needs to check them.
    """

    estimator: object
    groups: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    unseeded: tuple = field(init=False)
    sound: bool = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "unseeded", unseeded(self.estimator))
        object.__setattr__(self, "sound", is_sound(self.estimator))

    def make(self, resample):
        """Return an unfitted copy with the resample's seed, its inner folds by whole patients."""
        model = clone(self.estimator)
        _spare_thresholds(model)
        for name in self.unseeded:
            *path, last = name.split("__")
            owner = _part(model, path)
            if owner is None:
                model.set_params(**{name: resample.seed})
            else:  # as set_params does, without reading all signatures again
                setattr(owner, last, resample.seed)
        return model

    def fit_params(self, model, X, y, train, seed=0):
        """Return the keywords of `fit`, and hand the model splits of its training rows.

        Parameters
        ----------
        model : estimator
            What `make` returned; its inner splits are changed in place.
        X, y : array-like, ndarray
            The training rows.
        train : ndarray of int
            Their positions in the whole table.
        seed : int, default=0
            For inner splits that shuffle without a seed of their own.

        Returns
        -------
        dict
            Patients and weights, where `fit` asks for them.
        """
        extra, (last, prefix) = {}, _last_step(model)
        patients = None if self.groups is None else self.groups[train]
        units = keep_together(model, X, y, train, patients, seed)
        if units is not None and takes_groups(model):
            extra["groups"] = units
        elif units is not None and not isinstance(last, BaseSearchCV) and takes_groups(last):
            extra[f"{prefix}groups"] = units
        if self.sample_weight is not None and (name := weight_keyword(model)):
            extra[name] = self.sample_weight[train]
        return extra


_CHECKED_HOMES = ("sklearn", "imblearn", "healthml")


def is_sound(estimator):
    """Say whether scikit-learn's check of the parameters passes here and cannot change in a fit.

    A search changes the parameters of its parts, and so may a class that is not known here: both
    must be checked at every fit.
    """
    if not isinstance(estimator, BaseEstimator):
        return False
    parts = [estimator, *estimator.get_params(deep=True).values()]
    parts = [part for part in parts if hasattr(part, "fit")]
    for part in parts:
        home = type(part).__module__.partition(".")[0]
        if home not in _CHECKED_HOMES or isinstance(part, BaseSearchCV | type):
            return False
        try:
            if hasattr(part, "_parameter_constraints"):
                part._validate_params()
        except ValueError:  # the fit says it, with the resample's number
            return False
    return True


def _spare_thresholds(model):
    """Let tuned thresholds be two, not a hundred: a refit is asked for risks, not for labels.

    Trying them takes nearly all the time of scikit-learn's tuning. Only parts whose risks
    reach the model as risks are entered: what reads labels, such as AdaBoost, keeps its threshold.
    """
    while True:
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif type(model) in (BaggingClassifier, CalibratedClassifierCV, TunedThresholdClassifierCV):
            if type(model) is TunedThresholdClassifierCV:
                model.thresholds = 2
            model = model.estimator
        else:
            return


def _part(model, path):
    """Return the part of a model by its names, or None where only the model knows the way."""
    for name in path:
        model = dict(model.steps).get(name) if type(model) is Pipeline else vars(model).get(name)
        if not isinstance(model, BaseEstimator):
            return None
    return (
        model if type(model).set_params in (BaseEstimator.set_params, Pipeline.set_params) else None
    )


def takes_groups(model):
    """Say whether a model asks for the patients: by its own keyword or, with routing, inside."""
    if not has_fit_parameter(model, "groups") and not get_config()["enable_metadata_routing"]:
        return False
    return _consumes(model, "groups")


def weight_keyword(model):
    """Return the keyword of `fit` that takes the rows' weights, or None where nothing does."""
    if get_config()["enable_metadata_routing"] and _consumes(model, "sample_weight"):
        return "sample_weight"
    step, prefix = _last_step(model)
    return f"{prefix}sample_weight" if has_fit_parameter(step, "sample_weight") else None


def predict_risk(model, X, *, event_label=1):
    """Return a fitted model's risk of the event.

    Parameters
    ----------
    model : fitted scikit-learn classifier
        Must have `predict_proba`.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows to predict.
    event_label : object, default=1
        The class that is the event, where the model knows its classes by name.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if not hasattr(model, "predict_proba"):
        raise InputError(
            f"{type(model).__name__} has no predict_proba; a risk is needed. Wrap it in "
            "CalibratedClassifierCV, or use a classifier that predicts probabilities."
        )
    proba = np.asarray(model.predict_proba(X), dtype=float)
    classes = np.asarray(getattr(model, "classes_", [0, 1])).tolist()
    return proba[:, _place_of_event(classes, event_label)]


def _place_of_event(classes, event):
    """Return the place of the event among a model's classes; it is never guessed."""
    for names, wanted in ((classes, event), (list(map(str, classes)), str(event))):
        if wanted in names:
            return names.index(wanted)
    if classes == [0, 1]:
        return 1
    raise InputError(
        f"None of the model's {len(classes)} classes is the event; fit it on 0/1, or pass event= "
        "as the model names it."
    )


def inner_search(estimator):
    """Return the search at the end of a procedure, or None where nothing is chosen by search."""
    step = _last_step(estimator)[0]
    return step if isinstance(step, BaseSearchCV) else None


def _last_step(model):
    """Return the last step of a Pipeline of any depth and its prefix for `fit` keywords."""
    prefix = ""
    while isinstance(model, Pipeline):
        prefix += f"{model.steps[-1][0]}__"
        model = model.steps[-1][1]
    return model, prefix


def _consumes(model, name):
    try:
        return name in get_routing_for_object(model).consumes("fit", [name])
    except NotImplementedError:  # an estimator that does not route
        return False
