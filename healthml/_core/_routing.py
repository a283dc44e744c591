"""What goes into the `fit` of an inner model, and what of its errors comes out.

Metadata of a meta-estimator's `fit` on its way to the inner model, with routing off and on; and the
errors of models that are not ours, whose words may hold a patient's value.
"""

import re
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import has_fit_parameter

from healthml._core._tables import parse_numbers
from healthml.exceptions import InputError

# What stands for a value in the words of an error.
_HIDDEN = "..."

_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")
_PRINTED_ARRAY = re.compile(r"(?<=array=)\[.*\]|(?<=array\()\[.*?\](?=[,)])", re.DOTALL)
_CODE_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_NO_NUMBERS = re.compile(r"could not convert|invalid literal|unsupported operand|ufunc|dtype")


class RoutesFit:
    """A meta-estimator whose `fit` hands metadata to the `fit` of its `estimator`."""

    def get_metadata_routing(self):
        """Return what is requested here and by the inner model.

        Returns
        -------
        MetadataRouter
        """
        fit_to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=fit_to_fit)


def inner_fit_params(owner, *, groups=None, sample_weight=None, **params):
    """Return the keywords that the `fit` of a meta-estimator's `estimator` gets.

    With metadata routing the requests decide. Without, patients and weights go where `fit` takes
    them, at the end of a Pipeline too; weights that nothing takes are refused.

    Parameters
    ----------
    owner : estimator
        The meta-estimator; its inner model is `estimator`.
    groups, sample_weight : array-like of shape (n_samples,), optional
        Patient and weight of each row.
    **params : dict
        Further metadata.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If weights are given and the inner model takes none.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from sklearn.linear_model import Ridge
    >>> from healthml._core._routing import inner_fit_params
    >>> owner = SimpleNamespace(estimator=Ridge())
    >>> inner_fit_params(owner, groups=[1, 2], sample_weight=[1.0, 2.0])
    {'sample_weight': [1.0, 2.0]}
    """
    given = {"groups": groups, "sample_weight": sample_weight, **params}
    given = {name: value for name, value in given.items() if value is not None}
    if get_config()["enable_metadata_routing"]:
        return dict(process_routing(owner, "fit", **given)["estimator"]["fit"]) if given else {}
    for name in ("groups", "sample_weight"):
        if name in given:
            value, keyword = given.pop(name), fit_keyword(owner.estimator, name)
            if keyword is not None:
                given[keyword] = value
            elif name == "sample_weight":
                kind = type(owner.estimator).__name__
                raise InputError(f"{kind} takes no sample_weight; leave it out.")
    return given


def fit_keyword(model, name):
    """Return the keyword by which a model's `fit` takes `name`, or None.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from healthml._core._routing import fit_keyword
    >>> fit_keyword(make_pipeline(LogisticRegression()), "sample_weight")
    'logisticregression__sample_weight'
    """
    prefix = ""
    while not has_fit_parameter(model, name):
        if not isinstance(model, Pipeline):
            return None
        prefix += f"{model.steps[-1][0]}__"
        model = model.steps[-1][1]
    return prefix + name


@contextmanager
def hiding_cells(X, model=None):
    """Let no cell of a table out in the error of a model, a step or a function that is not ours.

    An error whose words hold no cell passes as it is. Of any other an InputError is raised, with
    the kind of the error, the step that failed, its words without values, and, where numbers were
    asked for, the columns of text.

    Parameters
    ----------
    X : DataFrame or array
        The table that the model is given.
    model : estimator, optional
        Named in the message.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from healthml._core._routing import hiding_cells
    >>> X = pd.DataFrame({"ward": ["north", "south"]})
    >>> with hiding_cells(X, Ridge()):
    ...     Ridge().fit(X, [0, 1])
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: Ridge failed (ValueError in Ridge: could not convert string ...
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        chain = _chain(error)
        if not any(_masked(str(link), X) != str(link) for link in chain):
            raise
        name = "the model" if model is None else type(model).__name__
        raise InputError(f"{name} failed ({failure_words(error, X)}).") from None


def failure_words(error, X):
    """Return what an error says without any value: its kind, the step, its words, text columns.

    Parameters
    ----------
    error : Exception
        Raised by a model that was given `X`.
    X : DataFrame or array
        The table; what its cells hold is left out of the words.

    Returns
    -------
    str
        For example ``ValueError in Ridge: could not convert string to float: ...; the column ward
        holds text``.
    """
    words = _masked(str(error).strip(), X).split("\n")[0].rstrip(". ")
    kind, step = type(error).__name__, _failing_step(error)
    where = f"{kind} in {step}" if step else kind
    text = _text_columns(X) if _NO_NUMBERS.search(words) else []
    what = f"{where}: {words}" if words else where
    if not text:
        return what
    names = ", ".join(text[:5]) + (f" and {len(text) - 5} more" if len(text) > 5 else "")
    noun = "columns" if len(text) > 1 else "column"
    verb = "hold" if len(text) > 1 else "holds"
    return f"{what}; the {noun} {names} {verb} text: encode it in a pipeline, or leave it out"


def _chain(error):
    """Return an error with those that it came from, as a traceback would print them."""
    links = []
    while error is not None and error not in links:
        links.append(error)
        hidden = error.__suppress_context__ and error.__cause__ is None
        error = None if hidden else error.__cause__ or error.__context__
    return links


def _failing_step(error):
    """Return the class of the innermost estimator that an error came through."""
    step, trace = "", error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, BaseEstimator) and not isinstance(owner, Pipeline):
            step = type(owner).__name__
        trace = trace.tb_next
    return step


def _masked(words, X):
    """Return the words of an error without printed arrays, quoted texts and cells of a table."""
    names = {str(name) for name in getattr(X, "columns", ())}
    texts, numbers = _cells(X)
    words = _PRINTED_ARRAY.sub(_HIDDEN, words)
    words = _QUOTED.sub(lambda m: m[0] if _harmless(m[0][1:-1], names, texts) else _HIDDEN, words)
    for text in sorted((t for t in texts if len(t) > 2 and t in words), key=len, reverse=True):
        words = words if text in names else words.replace(text, _HIDDEN)
    return _NUMBER.sub(lambda m: _HIDDEN if _is_cell(m[0], numbers) else m[0], words)


def _harmless(quoted, names, texts):
    """Whether a quoted piece is a column, or a name of code ('groups', 'l2') that no cell holds."""
    if quoted in names:
        return True
    plain = quoted.strip().casefold()
    if not _CODE_NAME.fullmatch(quoted):
        return False
    held = {text.casefold() for text in texts}
    if plain in held or len(plain) < 3:
        return plain not in held
    return not any(plain in text or (len(text) > 2 and text in plain) for text in held)


def _is_cell(number, numbers):
    """Whether a number is a cell, or written out as no count is."""
    many_digits = "." in number and len(number.split(".")[1]) > 2
    return many_digits or float(number) in numbers


def _cells(X):
    """Return the texts, and the numbers but for whole ones from 0 to 10, that a table holds."""
    frame = X if isinstance(X, pd.DataFrame) else None
    if frame is None:
        native = getattr(X, "to_pandas", None)
        frame = native() if native is not None else pd.DataFrame(np.asarray(X, dtype=object))
    texts, numbers = set(), set()
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position].dropna()
        if pd.api.types.infer_dtype(column) == "complex":
            continue  # no estimator takes them, and the message says so
        number, is_text = parse_numbers(column)
        texts |= {str(cell) for cell in column[is_text].astype(str).unique()}
        numbers |= set(number.dropna().unique())
    infinite = {"inf", "-inf"}  # numbers that are no plain number to `parse_numbers`
    return texts - infinite - {""}, {n for n in numbers if not (0 <= n <= 10 and n == int(n))}


def _text_columns(X):
    frame = X if isinstance(X, pd.DataFrame) else None
    if frame is None and not hasattr(X, "to_pandas"):
        return []
    frame = X.to_pandas() if frame is None else frame
    held = (parse_numbers(frame.iloc[:, k])[1].any() for k in range(frame.shape[1]))
    return [str(name) for name, is_text in zip(frame.columns, held, strict=True) if is_text]
