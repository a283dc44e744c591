"""Errors of other libraries in one sentence of ours, at the methods that users call."""

import functools
import inspect

from scipy import sparse

from healthml._core._routing.hidden_cells import words_without_cells
from healthml.exceptions import InputError

_METHODS = ("fit", "fit_transform", "fit_resample", "fit_predict", "transform", "predict")
_METHODS += ("predict_proba", "decision_function", "inverse_transform")
_LONGEST = 600  # characters of a sentence; what is longer prints its arguments
# Packages whose own classes of errors a caller may wait for by name (NotFittedError, metadata).
_NAMED = ("sklearn.", "healthml.", "imblearn.")


def clear_errors(cls):
    """Let a class of estimators speak of bad input in its own words, without a cell.

    What the checks of other libraries say of a table (its missing cells, its shape) reaches the
    user as an InputError, or as a TypeError where they raise one, with the place where they were
    raised left out. Errors that have a name of their own in scikit-learn pass as they are.

    Parameters
    ----------
    cls : type
        An estimator; its methods `fit`, `transform`, `predict` and the like are wrapped.

    Returns
    -------
    type

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from healthml._core._routing import clear_errors
    >>> Clear = clear_errors(type("Clear", (Ridge,), {}))
    >>> Clear().fit([["north"], ["south"]], [0, 1])
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: Clear takes numbers, and the table holds text; encode it, ...
    """
    for name in _METHODS:
        method = inspect.getattr_static(cls, name, None)
        if inspect.isfunction(method):
            setattr(cls, name, _wrapped(method))
    return cls


def _wrapped(method):
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            replacement = _in_own_words(self, error, [*args, *kwargs.values()])
            if replacement is None:
                raise
        raise replacement

    return call


def _in_own_words(estimator, error, given):
    """Return the error that takes the place of another one, or None where that one may pass."""
    passes = isinstance(error, Warning | NotImplementedError | AttributeError | MemoryError)
    if passes or f"{type(error).__module__}.".startswith(_NAMED):
        return None
    kind = TypeError if isinstance(error, TypeError) else InputError
    if "could not convert string to float" in str(error):
        name = type(estimator).__name__
        return kind(
            f"{name} takes numbers, and the table holds text; encode it, or leave it out (could "
            "not convert string to float)."
        )
    return kind(_sentence(estimator, error, given))


def _sentence(estimator, error, given):
    words = str(error) if isinstance(error, ValueError | TypeError) else ""
    try:
        for value in given:
            if value is not None and not sparse.issparse(value):
                words = words_without_cells(words, value)
    except Exception:  # what was given cannot be read, so that nothing of it can be left out
        words = ""
    words = words if len(words) <= _LONGEST else words.partition("\n")[0]
    words = " ".join(words.split())
    if not 10 < len(words) <= _LONGEST:
        name, kind = type(estimator).__name__, type(error).__name__
        return f"{name} cannot use what it was given ({kind}); pass a table, and one outcome a row."
    return words
