"""Take a fitted model apart: the scales on which it is a sum of linear parts and trees.

What is read here is a proposal: `explain` compares every form with the model itself on all rows,
and a form that does not give the model's own numbers is not used.
"""

import numpy as np

from healthml.explanation._reading.additive import explainable_boosting
from healthml.explanation._reading.forms import Encoder, Form, Linear, Term, as_matrix, weighted_sum
from healthml.explanation._reading.trees import (
    bag_of_trees,
    histogram_boosting,
    lightgbm_trees,
    mean_of_trees,
    sum_of_trees,
    xgboost_trees,
)

EVENT = 1  # column of the event among two classes, which stand in sorted order

# Parts that hand out the risks of the model that they hold
_WRAPPERS = {
    "GridSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "FixedThresholdClassifier": "estimator_",
    "TunedThresholdClassifierCV": "estimator_",
    "ClinicalThreshold": "estimator_",
    "FrozenEstimator": "estimator",
    "AbstainingClassifier": "estimator_",
}


def unwrap(model):
    """Return the model that predicts, without searches and thresholds around it."""
    while (name := _WRAPPERS.get(type(model).__name__)) and hasattr(model, name):
        model = getattr(model, name)
    return model


def pipeline_parts(model):
    """Return the fitted transformers of a pipeline, samplers left out, and its last step.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> pipeline_parts(LogisticRegression())
    ((), LogisticRegression())
    """
    model, steps = unwrap(model), ()
    while hasattr(model, "steps") and hasattr(model, "named_steps"):
        *first, (_, last) = model.steps
        steps += tuple(
            step.transform for _, step in first if step not in (None, "passthrough") and _acts(step)
        )
        model = unwrap(last)
    return steps, model


def _acts(step):
    """Whether a step does anything to rows that are predicted: samplers do not."""
    return hasattr(step, "transform") and not hasattr(step, "fit_resample")


def read_forms(model, probe):
    """Return {scale: form} of a fitted model with two classes, or of a regressor.

    Parameters
    ----------
    model : estimator
        Fitted.
    probe : table
        A few rows of what the model reads, from which the constants of boosted trees are taken.

    Returns
    -------
    dict
        Scales "log_odds", "probability", "decision" and "prediction"; empty where the model is no
        such sum.
    """
    steps, last = pipeline_parts(model)
    for step in steps:
        probe = step(probe)
    forms = _forms_of(last, probe)
    return {scale: form.behind(*steps) for scale, form in forms.items() if form is not None}


def _forms_of(model, probe):
    for is_kind, read in _KINDS:
        if is_kind(model):
            return read(model, probe) or {}
    return {}


def _named(*names):
    """Return a test for a class or a parent class of one of these names."""

    def is_kind(model):
        return bool({kind.__name__ for kind in type(model).__mro__} & set(names))

    return is_kind


def _is_classifier(model):
    return hasattr(model, "classes_")


def _read_linear(model, probe):
    coef = np.asarray(model.coef_, dtype=float)
    if coef.ndim == 2 and len(coef) > 1:
        return {}
    intercept = float(np.ravel(model.intercept_)[0])
    form = Form(intercept, (Term(1.0, Encoder(as_matrix), Linear(coef.ravel())),))
    if not _is_classifier(model):
        return {"prediction": form}
    return {"decision": form, "log_odds": form}


def _read_trees(model, probe):
    trees = getattr(model, "estimators_", None)
    trees = [model] if trees is None else list(trees)
    if not _is_classifier(model):
        return {"prediction": mean_of_trees(trees, None)}
    return {"probability": mean_of_trees(trees, EVENT)}


def _read_bag(model, probe):
    trees = all(hasattr(member, "tree_") for member in model.estimators_)
    if trees and not _is_classifier(model):
        return {"prediction": bag_of_trees(model, None)}
    if trees and all(len(member.classes_) == 2 for member in model.estimators_):
        return {"probability": bag_of_trees(model, EVENT)}
    return {}


def _read_boosted(read, score):
    """Return a reader of boosted trees whose constant is what the model adds to the trees."""

    def read_model(model, probe):
        form = read(model)
        if form is None:
            return {}
        parts = form_values(form, probe)
        constant = float(np.median(np.ravel(score(model, probe)) - parts))
        form = form.moved(1.0, constant)
        if not _is_classifier(model):
            return {"prediction": form}
        own = {"decision": form} if hasattr(model, "decision_function") else {}
        return {"log_odds": form, **own}

    return read_model


def form_values(form, table):
    """Return the values of a form for rows of a table."""
    total = np.full(len(table), form.intercept)
    for term in form.terms:
        total += term.weight * part_values(term.part, term.encode(table))
    return total


def part_values(part, matrix):
    """Return the values of linear parts or trees for rows of a matrix."""
    if isinstance(part, Linear):
        return matrix @ part.coef
    from healthml.explanation._reading.kernel import predict_trees

    return predict_trees(matrix, part)


def tree_values(rows, background, batch, owner, n_players, trees):
    """Return exact Shapley values of trees; see the compiled `kernel`, loaded here."""
    from healthml.explanation._reading.kernel import tree_values as compiled

    return compiled(rows, background, batch, owner, n_players, trees)


def _sklearn_score(model, table):
    if _is_classifier(model):
        return model.decision_function(table)
    return model.predict(table)


def _lightgbm_score(model, table):
    return model.predict(table, raw_score=True)


def _xgboost_score(model, table):
    return model.predict(table, output_margin=True)


def _read_additive(model, probe):
    form = explainable_boosting(model)
    if form is None:
        return {}
    if not _is_classifier(model):
        return {"prediction": form} if model.link_ == "identity" else {}
    own = {"decision": form} if hasattr(model, "decision_function") else {}
    return {"log_odds": form, **own} if model.link_ == "logit" else {}


def _read_calibrated(model, probe):
    if len(model.calibrated_classifiers_) != 1:
        return {}  # the mean of several risks is no sum on any scale
    inner = model.calibrated_classifiers_[0]
    if inner.method != "sigmoid" or len(inner.classes) != 2:
        return {}
    forms = read_forms(inner.estimator, probe)
    decides = hasattr(inner.estimator, "decision_function")
    form = forms.get("decision" if decides else "probability")
    if form is None:
        return {}
    (curve,) = inner.calibrators
    return {"log_odds": form.moved(-float(curve.a_), -float(curve.b_))}


def _read_voting(model, probe):
    members = [read_forms(member, probe) for member in model.estimators_]
    if _is_classifier(model) and getattr(model, "voting", "soft") != "soft":
        return {}
    scale = "probability" if _is_classifier(model) else "prediction"
    if not all(scale in forms for forms in members):
        return {}
    weights = np.ones(len(model.estimators)) if model.weights is None else model.weights
    kept = [w for (_, e), w in zip(model.estimators, weights, strict=True) if not _dropped(e)]
    share = np.array(kept, dtype=float) / np.sum(kept)
    return {scale: weighted_sum([forms[scale] for forms in members], share)}


def _dropped(estimator):
    return isinstance(estimator, str) and estimator == "drop"


_STACKED = {
    "predict_proba": "probability",
    "decision_function": "decision",
    "predict": "prediction",
}


def _read_stacking(model, probe):
    last = unwrap(model.final_estimator_)
    coef = np.ravel(getattr(last, "coef_", ()))
    if model.passthrough or len(coef) != len(model.estimators_):
        return {}
    scales = [_STACKED.get(method) for method in model.stack_method_]
    members = [read_forms(member, probe) for member in model.estimators_]
    if not all(scale in forms for scale, forms in zip(scales, members, strict=False)):
        return {}
    chosen = [forms[scale] for scale, forms in zip(scales, members, strict=False)]
    form = weighted_sum(chosen, coef, float(np.ravel(last.intercept_)[0]))
    return {"log_odds" if _is_classifier(model) else "prediction": form}


def _read_resampled(model, probe):
    members = [read_forms(member, probe) for member in model.estimators_]
    curve = model.recalibration_
    if hasattr(curve, "slope"):
        slope, intercept = curve.slope, curve.intercept
    elif hasattr(curve, "shift"):
        slope, intercept = 1.0, curve.shift
    elif model.correction_ == "none":
        slope, intercept = 1.0, 0.0
    else:
        return {}
    return _recalibrated(members, slope, intercept)


def _read_shrunken(model, probe):
    return _recalibrated([read_forms(model.estimator_, probe)], model.slope_, model.intercept_)


def _read_adjusted(model, probe):
    before, after = model.from_prevalence_, model.to_prevalence_
    shift = np.log(after / (1 - after)) - np.log(before / (1 - before))
    return _recalibrated([read_forms(model.estimator_, probe)], 1.0, float(shift))


def _recalibrated(members, slope, intercept):
    """Return the mean log odds of members after one recalibration."""
    if not all("log_odds" in forms for forms in members):
        return {}
    forms = [forms["log_odds"] for forms in members]
    return {"log_odds": weighted_sum(forms, np.full(len(forms), slope / len(forms)), intercept)}


_KINDS = (
    (_named("CalibratedClassifierCV"), _read_calibrated),
    (_named("ResampledClassifier"), _read_resampled),
    (_named("ShrunkenClassifier"), _read_shrunken),
    (_named("PrevalenceAdjustedClassifier"), _read_adjusted),
    (_named("VotingClassifier", "VotingRegressor"), _read_voting),
    (_named("StackingClassifier", "StackingRegressor"), _read_stacking),
    (_named("EBMModel"), _read_additive),
    (_named("LGBMModel"), _read_boosted(lightgbm_trees, _lightgbm_score)),
    (_named("XGBModel"), _read_boosted(xgboost_trees, _xgboost_score)),
    (_named("BaseHistGradientBoosting"), _read_boosted(histogram_boosting, _sklearn_score)),
    (_named("BaseGradientBoosting"), _read_boosted(sum_of_trees, _sklearn_score)),
    (_named("BaseBagging"), _read_bag),
    (_named("BaseForest", "BaseDecisionTree"), _read_trees),
    (lambda model: hasattr(model, "coef_") and hasattr(model, "intercept_"), _read_linear),
)
