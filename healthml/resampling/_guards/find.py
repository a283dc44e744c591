"""Look for resampling in a model whose risks nobody brought back, and take it out."""

from sklearn.base import clone

from healthml.resampling._learner import balances_inside, describe, weighs_classes

_CORRECTING = {"CalibratedClassifierCV", "ShrunkenClassifier"}  # on rows that they do not resample
_NEUTRAL = {"class_weight": None, "scale_pos_weight": None, "is_unbalance": False}


def uncorrected_resampling(estimator):
    """Say what changed the share of events that a model saw, where nothing corrected its risks.

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline
        As it is handed to a validation, fitted or not.

    Returns
    -------
    str or None
        "SMOTE", "class weights", ...; None where nothing did, or where the risks are recalibrated
        on rows that were not resampled.

    Examples
    --------
    >>> from sklearn.calibration import CalibratedClassifierCV
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.resampling._guards import uncorrected_resampling
    >>> weighted = LogisticRegression(class_weight="balanced")
    >>> uncorrected_resampling(weighted), uncorrected_resampling(CalibratedClassifierCV(weighted))
    ('class weights', None)
    """
    kinds = _kinds(estimator)
    if kinds & _CORRECTING:
        return None
    if "ResampledClassifier" in kinds:
        if estimator.correction is not None:
            return None
        return _changed(estimator.estimator, estimator.sampler)
    steps = _steps(estimator)
    if steps is None:
        inner = estimator.get_params(deep=False).get("estimator")
        own = _changed(estimator)
        return own if own or inner is None else uncorrected_resampling(inner)
    samplers = [type(step).__name__ for step in steps if hasattr(step, "fit_resample")]
    last = uncorrected_resampling(steps[-1])
    return " and ".join([*samplers, *([last] if last else [])]) or None


def recalibrated_on_resampled_rows(estimator):
    """Say which step learnt to calibrate on rows that were resampled before it.

    Such a step sees as many events as the sampler made, so it keeps the risks where the sampler
    moved them: it has to stand around the sampler, not behind it.

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline
        As it is handed to a validation, fitted or not.

    Returns
    -------
    str or None
        "CalibratedClassifierCV", ...; None where there is no such step.

    Examples
    --------
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from imblearn.pipeline import make_pipeline
    >>> from sklearn.calibration import CalibratedClassifierCV
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.resampling._guards import recalibrated_on_resampled_rows
    >>> inside = CalibratedClassifierCV(LogisticRegression())
    >>> recalibrated_on_resampled_rows(make_pipeline(RandomOverSampler(), inside))
    'CalibratedClassifierCV'
    >>> around = CalibratedClassifierCV(make_pipeline(RandomOverSampler(), LogisticRegression()))
    >>> recalibrated_on_resampled_rows(around)
    """
    kinds = _kinds(estimator)
    if kinds & _CORRECTING:
        return None
    if "ResampledClassifier" in kinds:
        behind = None if estimator.correction is not None else estimator.estimator
        return None if behind is None else _recalibrates(behind)
    steps = _steps(estimator)
    if steps is None:
        inner = estimator.get_params(deep=False).get("estimator")
        return None if inner is None else recalibrated_on_resampled_rows(inner)
    if any(hasattr(step, "fit_resample") for step in steps[:-1]):
        return _recalibrates(steps[-1])
    return recalibrated_on_resampled_rows(steps[-1])


def _recalibrates(estimator):
    """Return the name of the recalibration in an estimator, or None."""
    if _kinds(estimator) & _CORRECTING:
        return type(estimator).__name__
    steps = _steps(estimator)
    return None if not steps else _recalibrates(steps[-1])


def without_resampling(estimator):
    """Return an unfitted copy of a model without samplers and class weights.

    Returns
    -------
    estimator or None
        None where the resampling is the model itself, as in imbalanced-learn's ensembles, or where
        a search chooses among samplers.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.resampling._guards import without_resampling
    >>> without_resampling(LogisticRegression(class_weight="balanced"))
    LogisticRegression()
    """
    if balances_inside(estimator):
        return None
    model = clone(estimator)
    grid = model.get_params(deep=False)
    grid = grid.get("param_grid") or grid.get("param_distributions") or {}
    changes = {}
    for name, value in model.get_params(deep=True).items():
        last = name.rpartition("__")[2]
        if last in _NEUTRAL and value is not None:
            changes[name] = _NEUTRAL[last]
        elif last == "sampler" and value is not None:
            changes[name] = None
        elif hasattr(value, "fit_resample") and not isinstance(value, type):
            changes[name] = "passthrough"
    for part in grid if isinstance(grid, list) else [grid]:
        touched = [name.partition("__")[2] or name for name in changes]
        if any(key == step or key.startswith(f"{step}__") for key in part for step in touched):
            return None
    return model.set_params(**changes)


def _changed(estimator, sampler=None):
    if sampler is None and not weighs_classes(estimator) and not balances_inside(estimator):
        inner = _steps(estimator)
        if inner is None or not any(hasattr(step, "fit_resample") for step in inner):
            return None
    return describe(estimator, sampler)


def _kinds(estimator):
    return {kind.__name__ for kind in type(estimator).__mro__}


def _steps(estimator):
    """Return the steps of a pipeline, or None where it is none."""
    if not hasattr(estimator, "steps"):
        return None
    return [step for _, step in estimator.steps if step not in (None, "passthrough")]
