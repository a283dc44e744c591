"""Importance of groups of columns, by other measures, of fitted models, among like rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import KFold

from healthml.exceptions import InputError
from healthml.explanation import permutation_importance
from healthml.explanation._importance.shuffle import _strata


def rows(n=600, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "noise"])
    X["twin"] = X["a"] + 0.1 * rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-2 * X["a"] - X["b"]))).astype(int).to_numpy()
    return X, y


X, Y = rows()
FOLDS = list(KFold(4, shuffle=True, random_state=0).split(X))


def importance(model=None, **options):
    model = LogisticRegression() if model is None else model
    return permutation_importance(model, X, Y, **({"cv": FOLDS, "random_state": 0} | options)).table


def test_a_group_is_shuffled_together():
    alone = importance().set_index("column")
    group = importance(players={"a and twin": ["a", "twin"]}).set_index("column")
    assert group.index.tolist()[0] == "a and twin"
    assert group.loc["a and twin", "estimate"] > alone.loc[["a", "twin"], "estimate"].max()


def test_measures_are_those_of_scikit_learn():
    model = LogisticRegression().fit(X, Y)
    names = ["auroc", "brier", "log_loss", "net_benefit@0.3"]
    found = importance(model, refit=False, measures=names, n_repeats=2, max_rows=10**6)
    assert list(dict.fromkeys(found["measure"])) == names
    shuffles = np.random.RandomState(0)
    shuffles.permutation(len(X))  # the draw of rows
    shuffles = np.random.RandomState(shuffles.randint(np.iinfo(np.int32).max, size=1)[0])
    copies = [X.assign(a=X["a"].to_numpy()[shuffles.permutation(len(X))]) for _ in range(2)]
    whole, *moved = (model.predict_proba(t)[:, 1] for t in (X, *copies))
    benefit = lambda y, p: np.mean((p >= 0.3) * (y - 0.3 / 0.7 * (1 - y)))  # noqa: E731
    expected = [
        sign * (score(Y, whole) - np.mean([score(Y, p) for p in moved]))
        for score, sign in (
            (roc_auc_score, 1),
            (brier_score_loss, -1),
            (log_loss, -1),
            (benefit, 1),
        )
    ]
    shown = found[found["column"] == "a"]["estimate"]
    np.testing.assert_allclose(shown, expected, atol=1e-12)


def test_fitted_models_of_the_folds_are_not_fitted_again():
    models = [LogisticRegression().fit(X.iloc[train], Y[train]) for train, _ in FOLDS]
    pd.testing.assert_frame_equal(importance(models, refit=False), importance(n_halvings=0))


def test_like_rows_share_what_a_twin_gives():
    """Among rows that the twin holds alike, shuffling a column costs far less."""
    free = importance().set_index("column")
    like = importance(conditional=True).set_index("column")
    assert like.loc["a", "estimate"] < 0.3 * free.loc["a", "estimate"]
    assert like.loc["b", "estimate"] == pytest.approx(free.loc["b", "estimate"], rel=0.5)
    strata = _strata(X, np.array([True, False, False, False]))
    within = [np.std(X["a"][strata == code]) for code in np.unique(strata)]
    assert np.mean(within) < 0.4
    assert np.bincount(strata)[np.unique(strata)].min() >= 20


def test_words_and_gaps_have_strata_too():
    rng = np.random.default_rng(3)
    table = X.assign(word=rng.choice(["u", "v", None], len(X)))
    table.loc[::7, "b"] = np.nan
    own = np.array([False, False, False, False, True])
    assert len(np.unique(_strata(table, own))) > 1
    assert len(np.unique(_strata(table, ~own))) > 1


def test_patients_are_handed_to_a_fit_that_asks():
    seen = []

    class Asks(LogisticRegression):
        def fit(self, X, y, groups=None):
            seen.append(groups)
            return super().fit(X, y)

    patient = np.arange(len(X)) // 2
    importance(Asks(), groups=patient, cv=3)
    assert all(len(groups) < len(X) for groups in seen)
    assert all(len(np.unique(groups)) == len(groups) / 2 for groups in seen)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"measures": "auc"}, "measures names 'auc'"),
        ({"measures": []}, "measures is empty"),
        ({"measures": "net_benefit@2"}, "threshold"),
        ({"model": [LogisticRegression()]}, "refit=False"),
        ({"model": [LogisticRegression()], "refit": False, "cv": 4}, "needs the folds"),
        ({"model": [LogisticRegression()] * 3, "refit": False}, "3 fitted models"),
        ({"n_repeats": 0}, "n_repeats"),
        ({"max_rows": 0}, "max_rows is 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        importance(**options)


def test_each_measure_can_be_drawn():
    import matplotlib.pyplot as plt

    found = permutation_importance(
        LogisticRegression(), X, Y, cv=FOLDS, measures=["auroc", "brier"], random_state=0
    )
    assert "Brier" in found.plot(measure="brier").get_xlabel()
    assert "AUC" in found.plot().get_xlabel()
    plt.close("all")
