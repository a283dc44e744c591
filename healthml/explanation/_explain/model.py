"""The model to explain as a function of rows, on a scale."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit, logit

from healthml.exceptions import AdditivityError, InputError
from healthml.explanation._reading import form_values, read_forms

SCALES = ("log_odds", "probability", "prediction")

# How close to 0 and 1 a risk is moved before log odds are taken. By judgement, not by simulation:
# smaller lets one sure tree decide everything, larger flattens sure risks.
_EDGE = 1e-8
# How far a model's own risks may be from what was read of it, in probability. The forms' own
# tolerance is wider where a library computes in single precision.
_AGREES = 1e-9


@dataclass(frozen=True)
class Model:
    """What is explained.

    Parameters
    ----------
    kind : {"classifier", "regressor", "function"}
    predict : callable
        Risks, numbers, or what the function gives, for rows as the model reads them.
    forms : dict of str to Form
        Scales on which the model is a sum of linear parts and trees; compared with the model.
    """

    estimator: object
    kind: str
    predict: object
    forms: dict

    def scale(self, asked):
        """Return the scale of the values: as asked, or the one on which they are exact."""
        if asked is None:
            if self.kind != "classifier":
                return "prediction"
            return next((s for s in ("log_odds", "probability") if s in self.forms), "probability")
        if asked not in SCALES:
            raise InputError(f"scale is {asked!r}; pass one of {', '.join(map(repr, SCALES))}.")
        if self.kind == "classifier" and asked == "prediction":
            raise InputError(
                "scale='prediction' is for regressors and functions; pass 'log_odds' or "
                "'probability' for a classifier."
            )
        if self.kind == "regressor" and asked != "prediction":
            raise InputError(f"scale={asked!r} is for risks; a regressor has 'prediction' only.")
        return asked

    def values(self, table, scale):
        """Return the model's values for rows on a scale."""
        return link(self.predict(table), scale)


def link(risk, scale):
    """Return risks on a scale."""
    if scale != "log_odds":
        return risk
    if ((risk < 0) | (risk > 1)).any():
        raise InputError("scale='log_odds' is for risks between 0 and 1; leave scale out.")
    return logit(np.clip(risk, _EDGE, 1 - _EDGE))


def read_model(estimator, pool):
    """Return the model of an estimator or a function, its forms tried on all rows of the pool."""
    kind, predict = _predictor(estimator)
    if kind == "function":
        return Model(estimator, kind, predict, {})
    table = pool.handed(pool.frame)
    try:
        forms = read_forms(estimator, pool.rows(np.arange(min(3, len(pool.frame)))))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        forms = {}  # another version of a library: nothing is known of its inside
    forms = {scale: form for scale, form in forms.items() if scale in SCALES}
    own = predict(table) if forms else None
    agreed = {
        scale: form
        for scale, form in forms.items()
        if _agrees(form_values(form, table), own, scale, form.tolerance)
    }
    return Model(estimator, kind, predict, agreed)


def plain_model(estimator, scale=None):
    """Return a model as a function of rows on a scale, without reading what it is made of.

    Returns
    -------
    Model
    scale : str
        As asked, or "probability" for a classifier and "prediction" for anything else.
    """
    kind, predict = _predictor(estimator)
    model = Model(estimator, kind, predict, {})
    return model, model.scale(scale)


def _agrees(values, own, scale, tolerance):
    """Whether a form gives the model's numbers."""
    if scale == "log_odds":
        inside = (own > 1e-6) & (own < 1 - 1e-6)  # beyond, log odds of risks lose their digits
        near = np.abs(values[inside] - logit(own[inside])) <= 100 * tolerance
        return near.all() and np.abs(expit(values) - own).max() <= max(_AGREES, tolerance)
    return np.abs(values - own).max() <= max(_AGREES, tolerance) * max(1.0, np.abs(own).max())


def _predictor(estimator):
    """Return the kind of an estimator and how it predicts; what abstains is asked inside."""
    if hasattr(estimator, "domain_") and hasattr(estimator, "estimator_"):
        estimator = estimator.estimator_
    if hasattr(estimator, "predict_proba"):
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            raise InputError("the estimator is not fitted; fit it, then explain it.")
        if len(classes) != 2:
            raise InputError(
                f"the classifier has {len(classes)} classes, and explain is for the risk of one "
                "event; pass a function of one class, for example lambda X: "
                "model.predict_proba(X)[:, 2]."
            )
        return "classifier", partial(_risk, estimator)
    if hasattr(estimator, "predict"):
        if hasattr(estimator, "classes_"):
            raise InputError(
                f"{type(estimator).__name__} predicts labels without probabilities; wrap it in "
                "CalibratedClassifierCV."
            )
        return "regressor", partial(_numbers, estimator.predict)
    if callable(estimator):
        return "function", partial(_numbers, estimator)
    raise InputError(
        "estimator has no predict_proba or predict and is no function; pass a fitted model or a "
        "function of a table."
    )


def _risk(estimator, table):
    return _finite(np.asarray(estimator.predict_proba(table), dtype=float)[:, 1])


def _numbers(predict, table):
    values = np.asarray(predict(table), dtype=float)
    if values.shape != (len(table),):
        raise InputError(
            f"the function gives values of shape {values.shape} for {len(table)} rows; one number "
            "for each row is explained."
        )
    return _finite(values)


def _finite(values):
    """Refuse a missing or infinite prediction: nothing can be divided among the columns."""
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(
            f"the model gives no finite number for {bad.size} of {len(values)} rows, where columns "
            "of explained and background rows are mixed too; pass a model, or a function, that "
            "predicts every such row."
        )
    return values


def check_sums(base, values, predictions, tolerance):
    """Refuse values that do not add up to the prediction; return the largest gap."""
    gap = np.abs(base + values.sum(axis=1) - predictions)
    limit = tolerance * np.maximum(1.0, np.abs(predictions))
    wrong = np.flatnonzero(~(gap <= limit))
    if wrong.size:
        raise AdditivityError(
            f"base value and values miss the prediction in {wrong.size} of {len(gap)} rows, the "
            f"first at position {wrong[0]}, by up to {np.nanmax(gap):.2g}; a model whose "
            "prediction of a row depends on other rows, or on chance, cannot be explained."
        )
    return float(gap.max(initial=0.0))
