"""How an estimator splits its own training rows (searches, calibrators, stacks): by whole patients.

A bootstrap resample holds copies of rows, and a table holds several rows of a patient. Where an
inner split puts a copy on either side, a search chooses, and a calibrator calibrates, on rows that
the model was fitted on. scikit-learn hands no groups to inner fits while metadata routing is off;
but all its classes with a `cv` take ready-made (train, test) pairs, and these are made here.
"""

import copy
import warnings
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    PredefinedSplit,
    StratifiedGroupKFold,
    StratifiedShuffleSplit,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from healthml.exceptions import InputError

# Parts that hand the rows they get to the parts inside them, all and in the same order. Inside any
# other part (a search, a calibrator, bagging) the rows are others, and positions mean nothing.
_KEEP_ROWS = (
    *(Pipeline, ColumnTransformer, FeatureUnion),
    *(VotingClassifier, OneVsRestClassifier, SelectFromModel),
)
_KEEP_ROWS_BY_NAME = ("MultiplyImputedClassifier", "MultiplyImputedRegressor")

# Classes for which `cv=None` is no split at all, and the homes whose `cv` takes pairs.
_NONE_IS_NO_SPLIT = ("ClassifierChain", "RegressorChain")
_HOMES = ("sklearn", "imblearn", "healthml")

# scikit-learn's histogram boosting stops early by itself above so many rows ("auto").
_EARLY_STOPPING_FROM = 10_000


@dataclass(frozen=True)
class InnerSplit:
    """A part of an estimator that splits the rows it is fitted on.

    Parameters
    ----------
    owner : estimator
        The part.
    outside : tuple of str
        Classes around it, from the outermost.
    reachable : bool
        Whether ready-made splits of the training rows can be handed to it.
    takes_groups : bool
        Whether it is handed the patients and keeps them together itself.
    """

    owner: object
    outside: tuple
    reachable: bool
    takes_groups: bool = False

    @property
    def where(self):
        """Its class and what it stands in."""
        name = type(self.owner).__name__
        around = [step for step in self.outside if not step.endswith("Pipeline")]
        return f"{name} inside {around[-1]}" if around else name


def inner_splits(model, n_rows=0):
    """Return every part of an estimator that splits its own training rows.

    Parameters
    ----------
    model : estimator
        Fitted or not.
    n_rows : int, default=0
        Rows that it is fitted on; early stopping may depend on them.

    Returns
    -------
    list of InnerSplit

    Examples
    --------
    >>> from sklearn.calibration import CalibratedClassifierCV
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> nested = GridSearchCV(CalibratedClassifierCV(LogisticRegression()), {})
    >>> [(split.where, split.reachable) for split in inner_splits(nested)]
    [('GridSearchCV', True), ('CalibratedClassifierCV inside GridSearchCV', False)]
    """
    return list(_walk(model, True, True, (), n_rows))


def unreachable(model, n_rows=0):
    """Return where copies of a row cannot be kept on one side of an inner split."""
    splits = inner_splits(model, n_rows)
    return list(dict.fromkeys(split.where for split in splits if not split.reachable))


def keep_together(model, X, y, rows, groups, seed=0):
    """Hand ready-made splits to every part that can take them; copies and patients stay together.

    Parameters
    ----------
    model : estimator
        Changed in place: its parts' `cv` become lists of (train, test) pairs.
    X, y : array-like, ndarray
        Training rows and their outcomes as 0/1.
    rows : ndarray of int
        Positions of the training rows in the whole table, repeated where drawn repeatedly.
    groups : ndarray of shape (n_rows,) or None
        Patient of each training row.
    seed : int, default=0
        For splitters that shuffle without a seed of their own.

    Returns
    -------
    units : ndarray of int or None
        What was kept together: patients, or drawn rows; None where every row stands for itself.

    Raises
    ------
    InputError
        If a part's `cv` is a list of pairs, which are positions in another table.
    """
    copies = groups is None and len(np.unique(rows)) < len(rows)
    units = rows if copies else groups
    for split in inner_splits(model, len(rows)):
        if not split.reachable or split.takes_groups or not hasattr(split.owner, "cv"):
            continue
        cv = _of_these_rows(split.owner.cv, rows, type(split.owner).__name__)
        if units is None:
            split.owner.cv = _seeded(cv, seed)
        else:
            split.owner.cv = _pairs(cv, X, y, np.unique(units, return_inverse=True)[1], rows, seed)
    return units


def replaced(model, X, y, groups):
    """Say which splits by rows become splits by patients when groups are given.

    Parameters
    ----------
    model : estimator
        As the user gave it.
    X, y, groups
        The whole table; groups may be None.

    Returns
    -------
    tuple of str
    """
    if groups is None:
        return ()
    words, units = [], np.unique(groups, return_inverse=True)[1]
    for split in inner_splits(model, len(y)):
        if split.takes_groups:
            continue
        if not split.reachable:
            words.append(
                f"{split.where} splits rows, not whole patients, and cannot be reached there: what "
                "it chooses or calibrates may lean on patients seen in its own training rows. The "
                "judgement itself is by whole patients."
            )
        elif _splits_rows(split.owner.cv, X, y, units):
            words.append(
                f"{split.where}: cv={_named(split.owner.cv)} splits rows; whole patients were "
                "split instead, because groups are given. The result's `estimator` is the "
                "procedure as it was judged: fit that one on these rows, and deploy it."
            )
        elif _shares_patients(split.owner.cv, units):
            words.append(
                f"{split.where}: cv=PredefinedSplit has rows of one patient in several folds and "
                "is used as it is, so that what it chooses or calibrates may lean on patients "
                "seen in its own training rows; give every patient one fold."
            )
    return tuple(words)


def _shares_patients(cv, units):
    """Say whether folds given row by row have a patient on both sides."""
    if not isinstance(cv, PredefinedSplit) or len(cv.test_fold) != len(units):
        return False
    return not _apart(list(cv.split()), units)


def as_judged(estimator, X, y, groups):
    """Return the procedure as it is judged, unfitted, and what of it was replaced.

    Parameters
    ----------
    estimator : estimator
        As the user gave it; not changed.
    X, y, groups
        The whole table, on which the returned estimator may be fitted: its inner splits are
        positions of these rows. With groups None it is a plain copy.

    Returns
    -------
    model : estimator
    words : tuple of str
    """
    model = clone(estimator)
    try:
        words = (*frozen_parts(estimator), *replaced(estimator, X, y, groups))
        if groups is not None:
            keep_together(model, X, y, np.arange(len(y)), groups)
    except ValueError:  # the splitter refuses all rows together; every refit said so by itself
        return clone(estimator), frozen_parts(estimator)
    return model, words


def frozen_parts(estimator):
    """Say which parts of an estimator are frozen: their answers are those of one fitted model.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> frozen = FrozenEstimator(LogisticRegression())
    >>> [words[:31] for words in frozen_parts(frozen)], frozen_parts(LogisticRegression())
    (['LogisticRegression is frozen an'], ())
    """
    names = dict.fromkeys(type(part.estimator).__name__ for part in _frozen(estimator))
    return tuple(
        f"{name} is frozen and was not refitted: this judges the model as it was handed over, "
        "which is fair only on rows that it was not fitted on."
        for name in names
    )


def _frozen(part):
    if isinstance(part, FrozenEstimator):
        yield part
    elif hasattr(part, "get_params") and not isinstance(part, type):
        for child in _children(part.get_params(deep=False)):
            yield from _frozen(child)


def refuse_copies(estimator, n_rows, what):
    """Refuse a bootstrap of a procedure whose inner splits cannot keep copies of a row together."""
    places = unreachable(estimator, n_rows)
    if places:
        raise InputError(
            f"{what} draws rows repeatedly, and {', '.join(places)} splits its training rows where "
            "copies of a row cannot be kept on one side: the model would be chosen, stopped or "
            "calibrated by rows that it was fitted on. Use validate with method='repeated_cv', or "
            "move that step to the outside."
        )


def _walk(part, reachable, delivered, outside, n_rows):
    """Yield the inner splits of a part; `delivered` where `fit` is handed the patients."""
    if isinstance(part, type | FrozenEstimator) or not hasattr(part, "get_params"):
        return  # what is frozen is not fitted again and splits nothing
    params = part.get_params(deep=False)
    if "cv" in params and not _no_split(part, params["cv"]):
        takes = delivered and has_fit_parameter(part, "groups") and not _is_search(part)
        yield InnerSplit(part, outside, reachable and _takes_pairs(part), takes)
    elif _holds_out(part, params, n_rows):
        yield InnerSplit(part, outside, False)
    inside, around = reachable and _keeps_rows(part), (*outside, type(part).__name__)
    last = part.steps[-1][1] if isinstance(part, Pipeline) else None
    for child in _children(params):
        yield from _walk(child, inside, delivered and child is last, around, n_rows)


def _children(values):
    """Yield the estimators among parameters, in lists of steps and in grids, too."""
    for value in values.values() if isinstance(values, dict) else values:
        if hasattr(value, "fit"):
            yield value
        elif isinstance(value, dict | list | tuple):
            yield from _children(value)


def _is_search(part):
    return isinstance(part, BaseSearchCV)


def _no_split(part, cv):
    """Say whether this `cv` splits nothing: "prefit", or none where None means none."""
    return isinstance(cv, str) or (cv is None and type(part).__name__ in _NONE_IS_NO_SPLIT)


def _takes_pairs(part):
    home = type(part).__module__.partition(".")[0]
    known = getattr(part, "_parameter_constraints", {}).get("cv", ["cv_object"])
    return _is_search(part) or (home in _HOMES and "cv_object" in known)


def _keeps_rows(part):
    """Say whether the parts inside are fitted on the same rows in the same order."""
    if isinstance(part, Pipeline):
        return not any(hasattr(step, "fit_resample") for _, step in part.steps)
    return isinstance(part, _KEEP_ROWS) or type(part).__name__ in _KEEP_ROWS_BY_NAME


def _holds_out(part, params, n_rows):
    """Say whether a learner sets rows aside in `fit`: early stopping, or libsvm's Platt scaling."""
    early = params.get("early_stopping", False)
    automatic = early == "auto" and n_rows > _EARLY_STOPPING_FROM
    waits = type(part).__name__.startswith("GradientBoosting") and params.get("n_iter_no_change")
    return early is True or automatic or bool(waits) or params.get("probability") is True


def _of_these_rows(cv, rows, name):
    """Return a `cv` for the training rows; folds given row by row are those of these rows."""
    if isinstance(cv, PredefinedSplit):
        if rows.max() >= len(cv.test_fold):
            raise InputError(
                f"cv of {name} is a PredefinedSplit of {len(cv.test_fold)} rows; give the fold of "
                "every row of the table."
            )
        return PredefinedSplit(cv.test_fold[rows])
    if cv is not None and not isinstance(cv, Real) and not hasattr(cv, "split"):
        raise InputError(
            f"cv of {name} holds positions of rows, which are others in every refit; pass a number "
            "of folds, a splitter, or a PredefinedSplit."
        )
    return cv


def _seeded(cv, seed):
    """Return a splitter whose shuffling can be repeated, without touching the user's."""
    if getattr(cv, "random_state", seed) is not None or not getattr(cv, "shuffle", True):
        return cv
    cv = copy.copy(cv)
    cv.random_state = seed
    return cv


def _pairs(cv, X, y, units, rows, seed):
    """Return (train, test) positions that keep units together."""
    if isinstance(cv, PredefinedSplit):
        return list(cv.split())
    if cv is None or isinstance(cv, Integral):
        folds = min(5 if cv is None else int(cv), units.max() + 1)
        return list(StratifiedGroupKFold(folds).split(np.zeros(len(y)), y, units))
    if isinstance(cv, Real):  # TunedThresholdClassifierCV: the share of a single test set
        cv = StratifiedShuffleSplit(1, test_size=float(cv))
    cv = _seeded(cv, seed)
    pairs = _split(cv, X, y, units)
    return pairs if _apart(pairs, units) else _pairs_of_units(cv, X, y, units, rows)


def _split(cv, X, y, units):
    """Return the pairs of a splitter; one that splits rows takes no units and says so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)
        return list(cv.split(X, y, units))


def _apart(pairs, units):
    return not any(np.intersect1d(units[train], units[test]).size for train, test in pairs)


def _pairs_of_units(cv, X, y, units, rows):
    """Let a splitter of rows split units instead: one row for each, the event if it ever had it."""
    order = np.lexsort((rows, units))  # the first row of each unit stands for it
    first = order[np.r_[True, np.diff(units[order]) > 0]]
    first = first[np.argsort(rows[first], kind="stable")]
    ever = np.bincount(units, y) > 0
    parts = _split(cv, _safe_indexing(X, first), ever[units[first]].astype(int), units[first])
    members = [tuple(units[first[side]] for side in pair) for pair in parts]
    return [tuple(np.flatnonzero(np.isin(units, side)) for side in pair) for pair in members]


def _splits_rows(cv, X, y, units):
    """Say whether a `cv` would put a patient on both sides."""
    if cv is None or isinstance(cv, Real):
        return True
    if isinstance(cv, PredefinedSplit):
        return False
    return not _apart(_split(_seeded(cv, 0), X, y, units), units)


def _named(cv):
    return repr(cv) if cv is None or isinstance(cv, Real) else type(cv).__name__
