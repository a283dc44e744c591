"""No cell in a message, a picture, a warning or a log: marked cells are looked for everywhere.

Every public function and estimator is tried as it stands in `__all__`, so that a new one cannot
forget: as it should be called, and with text where each argument asks for something else.
"""

import inspect
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression

import healthml
from healthml import cleaning, imputation, resampling, validation
from healthml._core._routing import failure_reason, hiding_cells
from healthml.exceptions import InputError

sys.path.insert(0, str(Path(__file__).parent))
from doors import DOORS, VALUES, N, call, rows_of

MARK, NUMBER = "zzqcanary", 98765.4321
PAIRS = [(name, moved) for name, door in DOORS.items() for moved in rows_of(door)]
# Few repeats: what is looked for is text, not a number.
QUICK = {"n_repeats": 1, "n_members": 2, "n_permutations": 3, "cv": 2}


def text_of(action):
    """Return everything that a log would hold after an action: result, warnings, traceback."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = action()
            shown = repr(result) + str(result)
            for view in ("summary", "_repr_html_"):
                if hasattr(result, view) and not isinstance(result, pd.DataFrame | pd.Series):
                    shown += str(getattr(result, view)())
        except Exception as error:
            shown = "".join(traceback.format_exception(error))
            shown += repr(error) + str(error.__cause__)
    return shown.lower() + " ".join(str(w.message) for w in caught).lower()


def marked(values):
    """The values as text in which one cell is a canary, or all of them are."""
    if isinstance(values, pd.DataFrame):
        return values.assign(**{values.columns[-1]: [f"{MARK}{k}" for k in range(len(values))]})
    one = values.astype(object).copy()
    one.iloc[3] = f"{MARK}cell"
    return one


@pytest.mark.parametrize(("name", "moved"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_text_where_something_else_is_asked_for_is_not_repeated(name, moved):
    if name == "healthml.cleaning.drop_rows" or name.endswith(".fit_resample"):
        pytest.skip("hands the rows back as they came in, which is its purpose")
    has = inspect.signature(DOORS[name]).parameters
    quick = {key: count for key, count in QUICK.items() if key in has}
    shown = text_of(lambda: call(DOORS[name], **{moved: marked(VALUES[moved])}, **quick))
    assert MARK not in shown


def table():
    """A table with a canary in every column of its kind: a rare level, an identifier, a number."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.normal(60, 10, N).round(3),
            "lab": rng.normal(size=N).round(3),
            "ward": rng.choice(["north", "south"], N),
            "patient": [f"{MARK}{k // 2:05d}" for k in range(N)],
            "hour": np.arange(N) % 24,
        }
    )
    X.loc[3, "age"], X.loc[4, "ward"], X.loc[::9, "lab"] = NUMBER, f"{MARK}ward", np.nan
    return X, (rng.random(N) < 0.4).astype(int)


NEEDED = {
    "estimator": LogisticRegression(max_iter=500),
    "patient": "patient",
    "time": "hour",
    "value": 0.3,
}


def estimators():
    for room in (cleaning, imputation, validation, resampling):
        for name in room.__all__:
            kind = getattr(room, name)
            if inspect.isclass(kind) and issubclass(kind, BaseEstimator):
                given = inspect.signature(kind).parameters.values()
                needed = {p.name for p in given if p.default is p.empty and p.kind != p.VAR_KEYWORD}
                if needed <= set(NEEDED):
                    yield name, kind(**{k: NEEDED[k] for k in needed})


ESTIMATORS = dict(estimators())


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("kind", ["all columns", "numbers"])
def test_a_fitted_estimator_shows_no_cell(name, kind):
    X, y = table()
    X = X if kind == "all columns" else X[["age", "lab"]].fillna(0)
    fitted = clone(ESTIMATORS[name])
    shown = text_of(lambda: fitted.fit(X, y))
    shown += text_of(lambda: fitted)
    assert MARK not in shown
    assert str(NUMBER) not in shown


def test_the_estimators_are_many():
    assert {"ChainedImputer", "ClinicalCleaner", "ShrunkenClassifier"} <= set(ESTIMATORS)
    assert len(ESTIMATORS) > 15


def test_a_stray_level_of_the_outcome_is_counted_and_not_named():
    X, y = table()
    outcome = pd.Series(y).astype(object)
    outcome[7] = MARK
    with pytest.raises(InputError) as error:
        healthml.audit(None, X[["age", "lab"]], outcome, random_state=0)
    assert MARK not in str(error.value)


# --- errors of others ----------------------------------------------------------------------------


def raised(error):
    """Raise an error as a library would: words of anybody's own code are not passed on."""
    exec("raise error", {"__name__": "sklearn.test", "error": error})


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (f"could not convert string to float: '{MARK}ward'", "could not convert string to float"),
        (f"Found unknown categories ['{MARK}ward'] in column 2", "Found unknown categories"),
        (f"bad value {MARK}ward here", "bad value ... here"),
        (f"Expected 2D array, got array=[{NUMBER} 1.5]. Reshape your data", "Reshape your data"),
        (f"{NUMBER} is too large for 'ward'", "... is too large for 'ward'"),
        (f"'{MARK.upper()}WARD '", "the model failed (ValueError)"),
    ],
)
def test_words_without_cells_are_left_of_a_foreign_error(words, shown):
    X, _ = table()
    with pytest.raises(InputError) as caught, hiding_cells(X):
        raised(ValueError(words))
    text = "".join(traceback.format_exception(caught.value))
    assert MARK not in str(caught.value).lower()
    assert str(NUMBER) not in str(caught.value)
    assert shown in str(caught.value)
    assert "During handling" not in text


def test_words_of_own_code_are_not_passed_on():
    X, _ = table()
    with pytest.raises(InputError, match=r"^the model failed \(ValueError\)\.$"), hiding_cells(X):
        raise ValueError(f"no bed for {MARK}ward, sent to Mrs Miller")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Input X contains NaN."),
        ValueError("The 'groups' parameter should not be None."),
        ValueError("X has 3 features, but LogisticRegression is expecting 4 features as input."),
        TypeError("fit() missing 1 required positional argument: 'y'"),
    ],
)
def test_an_error_that_shows_no_cell_passes_as_it_is(error):
    X, _ = table()
    with pytest.raises(type(error)) as caught, hiding_cells(X):
        raise error
    assert caught.value is error


def test_a_cell_in_the_cause_is_hidden_too():
    X, _ = table()

    def fails():
        try:
            raised(KeyError(f"{MARK}ward"))
        except KeyError as error:
            raise RuntimeError("no such level") from error

    with pytest.raises(InputError) as caught, hiding_cells(X):
        fails()
    text = "".join(traceback.format_exception(caught.value))
    assert f"KeyError: '{MARK}" not in text


def test_the_failing_step_and_the_columns_of_text_are_named():
    X, y = table()
    try:
        LogisticRegression().fit(X, y)
    except ValueError as error:
        words = failure_reason(error, X)
    assert words.startswith("ValueError in LogisticRegression: the columns ward, patient hold text")
    assert MARK not in words
