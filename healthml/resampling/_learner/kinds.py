"""What kind of learner and of sampler it is, seen without importing any package for it."""

CLASS_WEIGHT = "class_weight"

_TREES = {"BaseDecisionTree", "BaseForest", "BaseGradientBoosting", "BaseHistGradientBoosting"}
_TREES |= {"LGBMModel", "XGBModel", "CatBoost"}
_OF_TREES = {"BaseBagging", "BaseWeightBoosting"}  # ensembles whose default member is a tree
_LINEAR = {"LogisticRegression", "LinearDiscriminantAnalysis", "FirthLogisticRegression"}
_SAME_MIXTURE = {"RandomOverSampler", "RandomUnderSampler"}
_SAME_MIXTURE |= {"PatientOverSampler", "PatientUnderSampler"}


def _names(thing):
    return {kind.__name__ for kind in type(thing).__mro__}


def _steps(estimator):
    """Return the steps of a pipeline of any depth, or the estimator alone."""
    if not hasattr(estimator, "steps"):
        return [estimator]
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [inner for step in steps for inner in _steps(step)]


def last_step(estimator):
    """Return the classifier at the end of a pipeline of any depth."""
    return _steps(estimator)[-1]


def _inner(estimator):
    """Return the classifier itself, inside searches, calibrators and the like."""
    learner = last_step(estimator)
    while _names(learner) & {"BaseSearchCV", "CalibratedClassifierCV", "BaseThresholdClassifier"}:
        inner = learner.estimator
        if inner is None:
            break
        learner = last_step(inner)
    return learner


def is_tree(estimator):
    """Say whether the classifier at the end is a tree or made of trees."""
    learner = _inner(estimator)
    names = _names(learner)
    if names & _TREES or type(learner).__module__.startswith("imblearn.ensemble"):
        return True
    member = getattr(learner, "estimator", None)
    return bool(names & _OF_TREES) and (member is None or is_tree(member))


def is_linear(estimator):
    """Say whether the classifier at the end models log odds as a sum over columns."""
    return bool(_names(_inner(estimator)) & _LINEAR)


def samplers_of(estimator, sampler=None):
    """Return the samplers: the one given and those inside pipelines."""
    given = [] if sampler is None or isinstance(sampler, str) else [sampler]
    return given + [step for step in _steps(estimator) if hasattr(step, "fit_resample")]


def undersamples(estimator, sampler=None):
    """Say whether rows are thrown away."""
    samplers = samplers_of(estimator, sampler)
    return any(getattr(step, "_sampling_type", "") == "under-sampling" for step in samplers)


def keeps_mixture(sampler):
    """Say whether rows of a class stay a random sample of that class."""
    smoothed = getattr(sampler, "shrinkage", None) is not None
    return bool(_names(sampler) & _SAME_MIXTURE) and not smoothed


def weighs_classes(estimator, sampler=None):
    """Say whether classes get weights."""
    return sampler == CLASS_WEIGHT or bool(_class_weights(_inner(estimator)))


def _class_weights(learner):
    params = learner.get_params(deep=False) if hasattr(learner, "get_params") else {}
    heavy = params.get("scale_pos_weight") not in (None, 1)
    return params.get("class_weight") is not None or heavy or bool(params.get("is_unbalance"))


def balances_inside(estimator):
    """Say whether the classifier itself resamples, as imbalanced-learn's ensembles do."""
    return type(_inner(estimator)).__module__.startswith("imblearn.ensemble")


def _step_that(estimator, names):
    return next((type(s).__name__ for s in _steps(estimator) if _names(s) & names), None)


def searches_inside(estimator):
    """Return the name of a search or threshold tuner among the steps, or None."""
    return _step_that(estimator, {"BaseSearchCV", "TunedThresholdClassifierCV"})


def calibrates_inside(estimator):
    """Return the name of a calibrator among the steps, or None."""
    return _step_that(estimator, {"CalibratedClassifierCV"})


def describe(estimator, sampler=None):
    """Return what changes the share of events that the learner sees, in words."""
    parts = [type(step).__name__ for step in samplers_of(estimator, sampler)]
    if weighs_classes(estimator, sampler):
        parts.append("class weights")
    if balances_inside(estimator):
        parts.append(f"resampling inside {type(_inner(estimator)).__name__}")
    return " and ".join(parts) or "no resampling"
