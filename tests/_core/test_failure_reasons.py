"""A failed refit names the step and the reason, and never a cell."""

import traceback

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from healthml._core._routing import failure_reason
from healthml._core._routing.hidden_cells import words_without_cells
from healthml.exceptions import DegenerateResampleWarning, InputError
from healthml.validation import compare_models, internal_external, validate

RNG = np.random.default_rng(0)
N = 120
FRAME = pd.DataFrame(
    {
        "lab": RNG.normal(size=N),
        "ward": np.where(np.arange(N) % 3, "qqnorth", "qqsouth"),
        "mrn": 7_000_000 + np.arange(N),
        "unit": pd.Categorical(np.where(np.arange(N) % 2, "qqicu", "qqgen")),
    }
)
Y = (RNG.random(N) < 0.4).astype(int)


class Complains(ClassifierMixin, BaseEstimator):
    """Fails with given words."""

    def __init__(self, words="", kind=ValueError):
        self.words, self.kind = words, kind

    def fit(self, X, y):
        raise self.kind(self.words)

    def predict_proba(self, X):
        return np.zeros((len(X), 2))


def reason(model, X=FRAME, y=Y):
    try:
        model.fit(X, y)
    except Exception as error:
        return failure_reason(error, X)
    raise AssertionError("it was meant to fail")


def test_columns_of_text_are_named():
    words = reason(HistGradientBoostingClassifier(), FRAME[["lab", "ward", "mrn"]])
    assert (
        words
        == (
            "ValueError in HistGradientBoostingClassifier: the column ward holds text and "
            "HistGradientBoostingClassifier takes numbers; encode it before it"
        )
        or "column ward holds text" in words
    )
    words = reason(make_pipeline(StandardScaler(), LogisticRegression()))
    assert "in StandardScaler: the columns ward, unit hold text and StandardScaler" in words
    words = reason(GridSearchCV(LogisticRegression(), {"C": [1]}, cv=3))
    assert "ward, unit hold text" in words
    assert "qq" not in words


def test_columns_with_missing_cells_are_named_where_the_step_sees_them():
    gaps = FRAME[["lab", "mrn"]].assign(lab=FRAME["lab"].where(FRAME["lab"] > -0.5))
    words = reason(LogisticRegression(), gaps)
    assert "the column lab has missing cells and LogisticRegression takes none" in words
    words = reason(LogisticRegression(), gaps.to_numpy())
    assert "the column at position 0 has missing cells" in words
    made = FunctionTransformer(lambda X: X[["lab"]].to_numpy() * np.nan)
    words = reason(make_pipeline(made, LogisticRegression()), FRAME)
    assert "at position 0 has missing cells" in words  # the step's own table has one column


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("The 'groups' parameter should not be None", None),
        ("n_splits=5 cannot be greater than the number of members in each class", None),
        ("X has 4 features", None),
        ("column 'lab' is constant", None),
        ("no such ward 'qqnorth'", "no such ward ..."),
        ("no such ward qqnorth here", "no such ward ... here"),
        ("bad row QQNORTH", "bad row ..."),
        ("row 7000003 is odd", "row ... is odd"),
        ("bad value 1.2345", "bad value ..."),
        ("unknown categories ['qqnorth', 'qqs']", "unknown categories [..., ...]"),
        ("found array([3, 4]) there", "found array(...) there"),
    ],
)
def test_a_message_is_shown_without_cells(words, shown):
    assert words_without_cells(words, FRAME) == (words if shown is None else shown)


def test_a_long_message_lists_data_and_is_left_out():
    with pytest.raises(ValueError, match="a") as caught:
        exec("raise ValueError(words)", {"__name__": "sklearn.test", "words": "a" * 400})
    assert failure_reason(caught.value, FRAME) == "ValueError"


def test_words_of_other_peoples_code_are_not_passed_on():
    assert reason(Complains("Mrs Miller")) == "ValueError in Complains"


@pytest.mark.parametrize("call", ["validate", "compare_models"])
def test_functions_that_refit_say_it_and_hide_cells(call):
    model = HistGradientBoostingClassifier(random_state=0)
    X = FRAME[["lab", "ward"]]
    run = {
        "validate": lambda: validate(model, X, Y, method="cv", random_state=0),
        "compare_models": lambda: compare_models({"mine": model}, X, Y, random_state=0),
    }
    with pytest.raises(InputError) as error:
        run[call]()
    assert "column ward holds text" in str(error.value)
    assert "qqnorth" not in "".join(traceback.format_exception(error.value))


def test_missing_groups_are_said():
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=GroupKFold(3))
    with pytest.raises(InputError, match="The 'groups' parameter should not be None"):
        validate(search, FRAME[["lab"]], Y, method="cv", random_state=0)


def test_every_site_failing_is_one_clear_sentence():
    site = np.tile(["a", "b", "c"], N // 3)
    with pytest.raises(InputError) as error, pytest.warns(DegenerateResampleWarning):
        internal_external(
            HistGradientBoostingClassifier(), FRAME[["lab", "ward"]], Y, site=site, random_state=0
        )
    assert "column ward holds text" in str(error.value)
