"""A classifier fitted on resampled rows whose risks keep the real prevalence."""

import inspect
from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from scipy.stats import binomtest
from sklearn import get_config
from sklearn.utils.metadata_routing import MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from healthml._core._checks import check_alignment, check_random_seeds
from healthml._core._numerics import logit
from healthml._core._parallel import run_parallel
from healthml._core._routing import MetaClassifier, clear_errors, inner_fit_params
from healthml.exceptions import InputError
from healthml.resampling._correction import (
    CORRECTIONS,
    Prior,
    calibration_change,
    cross_fitted,
    fit_correction,
    for_all_members,
    measured,
    risk_limits,
)
from healthml.resampling._learner import (
    CLASS_WEIGHT,
    Learner,
    Task,
    balances_inside,
    calibrates_inside,
    describe,
    event_risk,
    fold_pairs,
    half_samples,
    is_linear,
    is_tree,
    keeps_mixture,
    samplers_of,
    searches_inside,
    undersamples,
    weighs_classes,
)

_OFF = np.log(1.25)  # the O:E from which HM codes call a bias of the risks serious
_SURPRISE = 1e-3  # how unlikely calibration rows must be before they are refused

_NO_BAG = (
    "Averaging members gains little for a learner that is no tree and loses no rows: one copy is "
    "fitted on all rows, and the correction on risks predicted out of fold."
)
_WHY_BAG = (
    "{cause}: the mean log odds of {n} members, each fitted on half of the patients, ranks better "
    "than one copy; the correction is fitted on the mean of the members that a patient took no "
    "part in."
)
_WHY_PLATT = (
    "Logistic recalibration on patients left out holds for every learner and sampler; the analytic "
    "correction only for linear models whose classes were weighted or drawn at random."
)


@clear_errors
class ResampledClassifier(MetaClassifier):
    """Classifier fitted on resampled rows, its risks brought back to the real prevalence.

    Resampling and class weights make the learner see more events than there are, so that its risks
    are several times too high. Here training rows alone are resampled, and the risks are corrected
    on patients that the learner did not see and that nobody resampled.

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline
        Has `predict_proba`; two classes. An imbalanced-learn pipeline may hold samplers itself, as
        one does after imputation; imbalanced-learn's balanced ensembles are classifiers like any.
    sampler : imbalanced-learn sampler, "class_weight" or None, default=None
        Applied to training rows. "class_weight" weighs both classes alike. None changes nothing:
        the classifier is recalibrated all the same, which is what a sampler must be better than.
    ensemble : {"auto", "single", "bagged"}, default="auto"
        "single" fits one copy on all rows, and the correction on out-of-fold risks; "bagged"
        averages the log odds of `n_members` copies, each fitted on half of the patients, and fits
        the correction on the members that a patient took no part in. "auto" bags trees and
        whatever throws rows away; `reasons_` says why.
    correction : {"auto", "prior", "platt", "beta", "isotonic"} or None, default="auto"
        How risks are brought back. "auto" is "platt", logistic recalibration. "prior" is analytic
        [1]_ and refused, with the O:E it would leave, where it is not valid. None leaves the risks
        of the resampled model as they are.
    n_members : int, default=40
        Copies of the bagged design, an even number; each row is judged by half of them, and the
        correction is carried from the mean of half to the mean of all, which is less noisy.
    cv : int, splitter or iterable, default=5
        Folds of the single design. A number means shuffled, stratified folds of whole patients;
        fewer where fewer patients have, or have not, the event.
    prevalence : float, optional
        Event rate of the population that the risks are for. When given, training rows with another
        rate, beyond chance, are refused: rows that were balanced before would teach the balanced
        prevalence.
    n_jobs : int, optional
        Copies fitted in parallel, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of folds and halves, and of every part whose `random_state` is None.

    Attributes
    ----------
    estimators_ : list of classifier
        The fitted copies: one, or `n_members`.
    ensemble_, correction_ : str
        What "auto" became ("none" where nothing is corrected).
    reasons_ : dict of str to str
        Why, for `ensemble` and `correction`.
    recalibration_ : callable
        Log odds in, corrected risks out.
    calibration_ : CalibrationChangeResult
        Calibration before and after, with intervals, on patients left out; "after" by corrections
        that were fitted on yet other patients.
    calibration_rows_ : dict
        n_samples, n_events, n_patients and prevalence of the rows behind the correction.
    learner_prevalence_ : float
        Share of events that the learner saw.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        If a parameter is none of those above; if rows are resampled for a classifier that holds a
        search, or a calibration without ``correction``; if ``correction="prior"`` is not valid
        here; if the classifier has no `predict_proba`, or takes no weights that are given; from
        `fit`.
    OutcomeError
        If y has not two classes among the rows with a positive weight; from `fit`.

    See Also
    --------
    healthml.validation.compare_imbalance_strategies : Whether resampling pays at all.
    healthml.validation.ShrunkenClassifier : Recalibration alone, one copy.

    References
    ----------
    .. [1] King G, Zeng L. Logistic regression in rare events data. Polit Anal. 2001;9:137-163.
    .. [2] van den Goorbergh R, van Smeden M, Timmerman D, Van Calster B. The harm of class
       imbalance corrections for risk prediction models. J Am Med Inform Assoc. 2022;29:1525-1534.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.resampling import ResampledClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 3))
    >>> y = (X[:, 0] + rng.normal(size=600) > 2).astype(int)
    >>> model = ResampledClassifier(LogisticRegression(), RandomUnderSampler(), random_state=0)
    >>> risk = model.fit(X, y).predict_proba(X)[:, 1]
    >>> model.ensemble_, bool(abs(risk.mean() - y.mean()) < 0.01)
    ('bagged', True)
    """

    def __init__(
        self,
        estimator,
        sampler=None,
        *,
        ensemble="auto",
        correction="auto",
        n_members=40,
        cv=5,
        prevalence=None,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.sampler = sampler
        self.ensemble = ensemble
        self.correction = correction
        self.n_members = n_members
        self.cv = cv
        self.prevalence = prevalence
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit on resampled rows and correct by patients left out.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows as they are in the population; not resampled before.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row. No patient is in a learner and in what it is judged on.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the correction, and in the inner fits: with metadata routing
            where it is requested, without where the classifier takes weights.
        **params : dict
            Further metadata of the inner `fit`, one value for each row; it follows the rows. What
            the sampler's `fit_resample` takes by that name (`site` of :class:`MixedSMOTE`) is the
            sampler's; with metadata routing, where it requests it.

        Returns
        -------
        ResampledClassifier
        """
        self._check_parameters()
        X, event, groups, weight = self._read_rows(X, y, groups, sample_weight)
        seeds = check_random_seeds(self.random_state, 3)
        self.ensemble_, why = self._choose_ensemble()
        self.reasons_ = {"ensemble": why, "correction": self._why_correction()}
        params, sampling = self._split_metadata(params)
        check_alignment(X=X, **sampling)
        _refuse_lengths(sampling, len(event))
        learner = Learner(
            self.estimator,
            self.sampler,
            X,
            event,
            self.classes_,
            inner_fit_params(self, groups=groups, sample_weight=weight, **params),
            groups,
            sampling,
        )
        design = self._bagged if self.ensemble_ == "bagged" else self._single
        self._correct(design(learner, seeds), event, groups, weight, seeds[2])
        self._keep_features(self.estimators_[0])
        return self

    def predict_proba(self, X):
        """Return the corrected risks.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict; never resampled.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`.
        """
        check_is_fitted(self)
        risk = self.recalibration_(self._log_odds(X))
        return np.column_stack([1 - risk, risk])

    def predict_uncorrected_proba(self, X):
        """Return the risks as the resampled learner gives them, for comparison only.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        check_is_fitted(self)
        if len(self.estimators_) == 1:
            risk = event_risk(self.estimators_[0], X, self.classes_[1])
        else:
            risk = expit(self._log_odds(X))
        return np.column_stack([1 - risk, risk])

    def get_metadata_routing(self):
        """Return what is requested here, by the inner model and by the sampler.

        Returns
        -------
        MetadataRouter
        """
        router = super().get_metadata_routing()
        if not hasattr(self.sampler, "fit_resample") or isinstance(self.sampler, type):
            return router
        to_sampler = MethodMapping().add(caller="fit", callee="fit_resample")
        return router.add(sampler=self.sampler, method_mapping=to_sampler)

    def _split_metadata(self, params):
        """Return metadata of the inner fit, and of the sampler, such as the site of each row."""
        if not params or not hasattr(self.sampler, "fit_resample"):
            return params, {}
        known = set(inspect.signature(type(self.sampler).fit_resample).parameters)
        asked = (known - {"self", "X", "y", "groups"}) & set(params)
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)["sampler"]["fit_resample"]
            return params, {name: routed[name] for name in asked & set(routed)}
        sampling = {name: params[name] for name in asked}
        return {name: v for name, v in params.items() if name not in asked}, sampling

    def _check_parameters(self):
        _check_choice("ensemble", self.ensemble, ("auto", "single", "bagged"))
        _check_choice("correction", self.correction, ("auto", *CORRECTIONS, None))
        even = isinstance(self.n_members, Integral) and not self.n_members % 2
        if not even or self.n_members < 2:
            raise InputError(f"n_members is {self.n_members!r}; pass an even number of 2 or more.")
        share = self.prevalence
        if share is not None and not (isinstance(share, Real) and 0 < share < 1):
            raise InputError(f"prevalence is {share!r}; pass a share between 0 and 1, or None.")
        _check_sampler(self.sampler)
        resampled = samplers_of(self.estimator, self.sampler)
        search, calibrator = searches_inside(self.estimator), calibrates_inside(self.estimator)
        if resampled and search:
            raise InputError(
                f"{search} inside a resampler judges its candidates on resampled rows, copies of a "
                f"row on both sides; put ResampledClassifier inside {search} instead."
            )
        if resampled and calibrator and self.correction is None:
            raise InputError(
                f"{calibrator} inside a resampler is fitted on rows without the real prevalence; "
                "leave it out and let ResampledClassifier correct the risks."
            )

    def _choose_ensemble(self):
        """Return the design and why."""
        if self.ensemble != "auto":
            return self.ensemble, "As asked."
        cause = None
        if is_tree(self.estimator):
            cause = "The classifier is made of trees"
        elif undersamples(self.estimator, self.sampler):
            cause = "The sampler throws rows away"
        if cause is None:
            return "single", _NO_BAG
        return "bagged", _WHY_BAG.format(cause=cause, n=self.n_members)

    def _why_correction(self):
        return _WHY_PLATT if self.correction == "auto" else "As asked."

    def _single(self, learner, seeds):
        """Fit one copy on all rows; return log odds predicted out of fold, one line."""
        n = len(learner.event)
        pairs = fold_pairs(self.cv, learner.X, learner.event, learner.groups, seeds[0])
        fit_seeds = check_random_seeds(seeds[1], len(pairs) + 1)
        tasks = [Task(*pair, seed) for pair, seed in zip(pairs, fit_seeds[1:], strict=True)]
        final, *fitted = self._run(learner, [Task(np.arange(n), None, fit_seeds[0]), *tasks])
        self.estimators_, self.learner_prevalence_ = [final.model], final.prevalence
        risk = np.full(n, np.nan)
        for (_, test), fit in zip(pairs, fitted, strict=True):
            risk[test] = fit.risk
        self.limits_ = risk_limits(risk[np.isfinite(risk)])
        return self.limits_.log_odds(risk)[None, :]

    def _bagged(self, learner, seeds):
        """Fit copies on halves of the patients; return log odds by those not fitted on a row."""
        n = len(learner.event)
        pairs = half_samples(learner.event, learner.groups, self.n_members, seeds[0])
        fit_seeds = check_random_seeds(seeds[1], len(pairs))
        fitted = self._run(learner, [Task(*p, s) for p, s in zip(pairs, fit_seeds, strict=True)])
        self.estimators_ = [fit.model for fit in fitted]
        self.learner_prevalence_ = float(np.mean([fit.prevalence for fit in fitted]))
        self.limits_ = risk_limits(np.concatenate([fit.risk for fit in fitted]))
        odds = np.empty((len(pairs) // 2, n))
        for k, ((_, test), fit) in enumerate(zip(pairs, fitted, strict=True)):
            odds[k // 2, test] = self.limits_.log_odds(fit.risk)
        return odds

    def _run(self, learner, tasks):
        options = {"n_jobs": self.n_jobs, "verbose": self.verbose, "what": "copies fitted"}
        return run_parallel(learner, tasks, **options)

    def _correct(self, judges, event, groups, weight, seed):
        """Fit the correction on the rows left out and keep what it changed."""
        rows = np.isfinite(judges).all(axis=0)  # a splitter may test some rows only
        if weight is not None:
            rows &= weight > 0
        judges, own = judges[:, rows], event[rows]
        odds = judges.mean(axis=0)
        groups = None if groups is None else groups[rows]
        weight = None if weight is None else weight[rows]
        self.calibration_rows_ = _counts(own, groups)
        _refuse_other_prevalence(own, event, self.prevalence)
        kind = "platt" if self.correction == "auto" else self.correction
        self.correction_ = "none" if kind is None else kind
        before = expit(odds)
        if kind is None:
            self.recalibration_, after = expit, before
        elif kind == "prior":
            self.recalibration_ = self._prior(odds, own, groups, weight)
            after = self.recalibration_(odds)
        else:
            fitted = fit_correction(kind, odds, own, weight)
            after = cross_fitted(kind, odds, own, groups, weight, seed)
            self.recalibration_ = for_all_members(fitted, judges, own, weight, seed)
        self.calibration_ = calibration_change(
            own, before, after, groups=groups, weight=weight, correction=self.correction_
        )

    def _prior(self, odds, event, groups, weight):
        """Return the analytic correction, or refuse it with the O:E that it would leave."""
        real = float(np.average(event, weights=weight))
        prior = Prior(float(logit(real) - logit(self.learner_prevalence_)))
        (oe,) = measured(event, prior(odds), groups, weight, ["oe_ratio"])
        why = self._prior_invalid()
        far = max(np.log(oe["lower"]), -np.log(oe["upper"])) > _OFF
        if why or far:
            ratio = f"{oe['estimate']:.2f} ({oe['lower']:.2f} to {oe['upper']:.2f})"
            why = why or "the rows left out contradict it"
            raise InputError(
                f"correction='prior' is not valid here: {why}. It would leave an O:E of {ratio} on "
                f"{len(event)} rows left out; use correction='platt'."
            )
        return prior

    def _prior_invalid(self):
        """Return why the analytic correction does not hold, or None."""
        samplers = samplers_of(self.estimator, self.sampler)
        changed = samplers or weighs_classes(self.estimator, self.sampler)
        if balances_inside(self.estimator) or (changed and not is_linear(self.estimator)):
            return f"the learner is no linear model, and saw {self._described()}"
        for sampler in samplers:
            if not keeps_mixture(sampler):
                return f"{type(sampler).__name__} changes what the rows of a class look like"
        return None

    def _described(self):
        return describe(self.estimator, self.sampler)

    def _log_odds(self, X):
        """Return the log odds of the copies, averaged."""
        label = self.classes_[1]
        total = sum(
            self.limits_.log_odds(event_risk(model, X, label)) for model in self.estimators_
        )
        return total / len(self.estimators_)


def _check_choice(name, value, choices):
    if not any(value is choice or value == choice for choice in choices):
        raise InputError(f"{name} is {value!r}; pass one of {', '.join(map(repr, choices))}.")


def _refuse_lengths(metadata, n):
    for name, values in metadata.items():
        if len(values) != n:
            raise InputError(f"{name} has {len(values)} values for {n} rows; pass one for each.")


def _check_sampler(sampler):
    if sampler is None or (isinstance(sampler, str) and sampler == CLASS_WEIGHT):
        return
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        kind = repr(sampler) if isinstance(sampler, str) else f"of type {type(sampler).__name__}"
        kind = f"the class {sampler.__name__}" if isinstance(sampler, type) else kind
        raise InputError(
            f"sampler is {kind}; pass an imbalanced-learn sampler, such as SMOTE(), "
            f"{CLASS_WEIGHT!r} or None."
        )


def _counts(event, groups):
    n_patients = len(event) if groups is None else len(np.unique(groups))
    counts = {"n_samples": len(event), "n_events": int(event.sum()), "n_patients": n_patients}
    return {**counts, "prevalence": float(event.mean())}


def _refuse_other_prevalence(event, every, prevalence):
    """Refuse calibration rows whose event rate is not the real one, beyond chance."""
    if len(event) < len(every):
        _refuse_rate(event, float(every.mean()), "all training rows have")
    if prevalence is not None:
        _refuse_rate(event, float(prevalence), "prevalence is")


def _refuse_rate(event, real, what):
    rate, n = float(event.mean()), len(event)
    far = abs(logit(rate) - logit(real)) > _OFF
    if far and binomtest(int(event.sum()), n, real).pvalue < _SURPRISE:
        raise InputError(
            f"The {n} rows that the correction is fitted on have an event rate of {rate:.3g}, and "
            f"{what} {real:.3g}; fit on rows that nobody resampled or balanced."
        )
