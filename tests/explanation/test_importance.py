"""Which columns drive the risk: measured where the model did not learn, with an honest interval."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, PredefinedSplit, RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from healthml._core._paired import paired_scores
from healthml.exceptions import InputError
from healthml.explanation import permutation_importance
from healthml.explanation._importance import shuffle
from healthml.validation._reference_models.models import default_model

N = 600


def rows(seed=0, n=N):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["strong", "weak", "noise"])
    score = 2 * X["strong"] + 0.7 * X["weak"]
    return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-score))).astype(int).to_numpy()


X, Y = rows()
FOLD = np.random.default_rng(9).permutation(N) % 5


def importance(model=None, X=X, y=Y, fold=FOLD, **options):
    model = LogisticRegression() if model is None else model
    return permutation_importance(
        model, X, y, cv=PredefinedSplit(fold), **{"random_state": 0, "n_halvings": 0, **options}
    )


@pytest.fixture(scope="module")
def found():
    return importance()


class Asks(ClassifierMixin, BaseEstimator):
    """Its risk is one column; it keeps the tables that it was fitted and asked on."""

    fitted, asked = [], []

    def __init__(self, column="strong"):
        self.column = column

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.fitted.append(X)
        return self

    def predict_proba(self, X):
        self.asked.append(X)
        risk = 1 / (1 + np.exp(-X[self.column].to_numpy(dtype=float)))
        return np.column_stack([1 - risk, risk])


@pytest.fixture
def asks():
    Asks.fitted.clear()
    Asks.asked.clear()
    return Asks()


# --- the numbers ---------------------------------------------------------------------------------


def test_columns_are_ordered_by_what_is_lost_without_them(found):
    table = found.to_frame()
    assert table["column"].tolist() == ["strong", "weak", "noise"]
    assert table["lower"].iloc[0] > 0.2
    assert table["lower"].iloc[1] > 0
    assert table["lower"].iloc[2] < 0 < table["upper"].iloc[2]
    assert set(table["n_samples"]) == {N}
    assert set(table["n_events"]) == {Y.sum()}
    assert table.columns.tolist() == [
        "column", "measure", "estimate", "lower", "upper", "n_samples", "n_events",
    ]  # fmt: skip


def test_without_its_only_column_a_model_tosses_a_coin(asks):
    table = importance(asks).table.set_index("column")
    inside = [roc_auc_score(Y[k == FOLD], X.loc[k == FOLD, "strong"]) for k in range(5)]
    loss = table.loc["strong"]
    assert loss["lower"] < np.mean(inside) - 0.5 < loss["upper"]
    # what is not used loses nothing, exactly, and its interval has no width
    assert table.loc["noise", ["estimate", "lower", "upper"]].tolist() == [0, 0, 0]


def test_interval_is_that_of_the_paired_difference(asks):
    result = importance(asks)
    shuffled, fold = [], []
    for k in range(5):
        asked = Asks.asked[2 * k + 1][: (k == FOLD).sum()]  # the copy with "strong" shuffled
        shuffled.append(asked["strong"].to_numpy())
        fold.append(np.full(len(asked), k))
    order = np.concatenate([np.flatnonzero(k == FOLD) for k in range(5)])
    risk = {
        "whole": 1 / (1 + np.exp(-X["strong"].to_numpy()[order])),
        "shuffled": 1 / (1 + np.exp(-np.concatenate(shuffled))),
    }
    folds = dict.fromkeys(risk, np.concatenate(fold))
    expected = paired_scores(Y[order], risk, folds=folds).difference("whole", "shuffled")
    shown = result.table.set_index("column").loc["strong", ["estimate", "lower", "upper"]]
    np.testing.assert_allclose(shown.astype(float), expected, atol=1e-12)


def test_what_was_merely_overfitted_shows_no_importance():
    """A tree splits on the row number until every training row is right; it helps nobody new."""
    rng = np.random.default_rng(4)
    table = X.assign(row=rng.permutation(N) + 0.0)[["weak", "row"]]
    tree = DecisionTreeClassifier(random_state=0)
    assert tree.fit(table, Y).feature_importances_[1] > 0.3
    shown = importance(tree, X=table).table.set_index("column")
    assert shown.loc["row", "lower"] < 0


def test_only_the_rows_left_out_are_predicted_and_only_one_column_is_shuffled(asks):
    importance(asks)
    for k in range(5):
        out = k == FOLD
        pd.testing.assert_frame_equal(Asks.fitted[k], X[~out])
        whole, copies = Asks.asked[2 * k : 2 * k + 2]
        pd.testing.assert_frame_equal(whole, X[out])
        for j, name in enumerate(X.columns):
            copy = copies.iloc[j * out.sum() : (j + 1) * out.sum()].reset_index(drop=True)
            kept = X[out].reset_index(drop=True)
            assert sorted(copy[name]) == sorted(kept[name])
            assert copy[name].tolist() != kept[name].tolist()
            others = [c for c in X if c != name]
            pd.testing.assert_frame_equal(copy[others], kept[others])


def test_rows_of_one_patient_widen_the_interval():
    many = np.repeat(np.arange(N), 3)
    table, y, fold = X.iloc[many].reset_index(drop=True), Y[many], FOLD[many]
    patients = importance(X=table, y=y, fold=fold, groups=[f"p{k}" for k in many]).table
    naive = importance(X=table, y=y, fold=fold).table
    widths = [t.set_index("column").eval("upper - lower")["strong"] for t in (patients, naive)]
    assert widths[0] > 1.2 * widths[1]
    np.testing.assert_allclose(patients["estimate"], naive["estimate"])


def test_the_level_is_the_users():
    narrow, wide = (importance(confidence_level=c).table for c in (0.5, 0.95))
    ratio = (wide["upper"] - wide["lower"]) / (narrow["upper"] - narrow["lower"])
    np.testing.assert_allclose(ratio, 1.959964 / 0.6744898, rtol=1e-6)


# --- how much is looked at -----------------------------------------------------------------------


def test_at_most_so_many_rows_and_folds(asks):
    few = importance(asks, max_rows=150)
    assert set(few.table["n_samples"]) == {150}
    Asks.fitted.clear()
    one = importance(asks, max_folds=1)
    assert len(Asks.fitted) == 1
    assert set(one.table["n_samples"]) == {(FOLD == 0).sum()}
    two = importance(asks, max_folds=2)
    assert set(two.table["n_samples"]) == {(FOLD < 2).sum()}


def test_folds_without_a_chosen_row_are_passed_over():
    fold = np.where(np.arange(N) < 3, 0, 1 + np.arange(N) % 2)
    for seed in range(5):
        table = importance(fold=fold, max_rows=50, random_state=seed).table
        assert set(table["n_samples"]) == {50}
    numbered = importance(fold=FOLD + 3).table  # folds need not be numbered from 0
    pd.testing.assert_frame_equal(numbered, importance().table)


def test_the_size_of_a_batch_changes_nothing(found, monkeypatch):
    monkeypatch.setattr(shuffle, "_ROWS_AT_ONCE", 1)
    pd.testing.assert_frame_equal(importance().table, found.table)


def test_the_answer_depends_on_the_seed_alone(found):
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    pd.testing.assert_frame_equal(importance(n_jobs=2).table, found.table)
    assert not importance(random_state=1).table["estimate"].equals(found.table["estimate"])
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


# --- tables of any kind --------------------------------------------------------------------------


def test_columns_keep_their_type_when_shuffled():
    rng = np.random.default_rng(6)
    table = X.assign(
        ward=pd.Categorical(rng.choice(["n", "s"], N)),
        text=pd.array(rng.choice(["u", "v", None], N), dtype="string"),
        count=pd.array(np.where(rng.uniform(size=N) < 0.1, None, 3), dtype="Int64"),
        day=pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, N), "D"),
    )
    table.index = rng.permutation(N) % 7
    Asks.asked.clear()
    importance(Asks(), X=table)
    assert all(asked.dtypes.equals(table.dtypes) for asked in Asks.asked)
    shown = importance(make_pipeline(default_model()), X=table[["strong", "ward", "text"]]).table
    assert shown["column"].iloc[0] == "strong"


def test_polars_and_lists_give_the_same(found):
    other = importance(X=pl.from_pandas(X), y=list(Y), fold=list(FOLD))
    pd.testing.assert_frame_equal(other.table, found.table)


def test_inputs_are_not_changed():
    table, y, fold = X.copy(), Y.copy(), FOLD.copy()
    model = LogisticRegression()
    importance(model, X=table, y=y, fold=fold)
    pd.testing.assert_frame_equal(table, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(fold, FOLD)
    assert not hasattr(model, "coef_")


def test_rows_that_do_not_fit_meet_one_sentence():
    with pytest.raises(InputError, match="X has 600 rows and y 599"):
        importance(y=Y[:-1])
    with pytest.raises(InputError, match="groups has 9 values"):
        importance(groups=np.arange(9))


@pytest.mark.parametrize("cv", [FOLD, pd.Series(FOLD), list(FOLD)])
def test_fold_numbers_are_pointed_to_a_predefined_split(cv):
    with pytest.raises(InputError, match=r"PredefinedSplit\(fold\)"):
        permutation_importance(LogisticRegression(), X, Y, cv=cv)


def test_a_splitter_and_ready_made_splits_give_what_their_folds_give(found):
    splits = list(PredefinedSplit(FOLD).split())
    for cv in (splits, iter(splits)):
        same = permutation_importance(
            LogisticRegression(), X, Y, cv=cv, n_halvings=0, random_state=0
        )
        pd.testing.assert_frame_equal(same.table, found.table)
    three = permutation_importance(LogisticRegression(), X, Y, cv=KFold(3), random_state=0)
    assert three.table["column"].iloc[0] == "strong"
    with pytest.raises(InputError, match="cv leaves out no row"):
        permutation_importance(LogisticRegression(), X, Y, cv=[(np.arange(N), np.array([], int))])


def test_a_number_of_folds_keeps_patients_on_one_side(asks):
    patient = np.arange(N) // 4
    permutation_importance(asks, X, Y, cv=4, groups=patient, n_halvings=0, random_state=0)
    assert len(asks.fitted) == 4
    for train in asks.fitted:
        left_out = np.setdiff1d(X.index, train.index)
        assert not set(patient[train.index]) & set(patient[left_out])


def test_rows_left_out_more_than_once_count_once_in_the_interval():
    """Five rounds of folds say little more than one: the interval must not shrink fivefold."""
    one, five = (
        permutation_importance(
            LogisticRegression(), X, Y, cv=cv, max_folds=25, max_rows=10**6, random_state=0
        ).table.set_index("column")
        for cv in (KFold(5, shuffle=True, random_state=0), RepeatedKFold(random_state=0))
    )
    assert set(five["n_samples"]) == {N}
    width = (five["upper"] - five["lower"]) / (one["upper"] - one["lower"])
    assert (width > 0.55).all()  # 1 / sqrt(5), .45, if each prediction counted as a row


def test_another_event_is_named_and_progress_shown(found, capsys):
    text = np.where(Y == 1, "died", "alive")
    same = permutation_importance(
        LogisticRegression(), X, text, cv=PredefinedSplit(FOLD), event="died", verbose=1,
        n_halvings=0, random_state=0,
    )  # fmt: skip
    pd.testing.assert_frame_equal(same.table, found.table)
    assert "folds: 5 of 5" in capsys.readouterr().err


def test_it_can_be_drawn(found):
    ax = found.plot(most=2)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["weak", "strong"]
    assert ax.get_xlabel() == "AUC lost when the column is shuffled"


# --- what another training sample would change ---------------------------------------------------


def test_halves_widen_the_interval_and_leave_the_estimate(found):
    fitted = found.table.set_index("column")
    refitted = importance(n_halvings=10)
    table = refitted.table.set_index("column").loc[fitted.index]
    pd.testing.assert_series_equal(table["estimate"], fitted["estimate"])
    width = (table["upper"] - table["lower"]) / (fitted["upper"] - fitted["lower"])
    assert (width >= 1).all()
    assert width["weak"] > 1.1
    assert "another sample of this size (10 of 10" in repr(refitted)
    assert "these fitted models" in repr(found)
    pd.testing.assert_frame_equal(importance(n_halvings=10, n_jobs=2).table, refitted.table)


def test_a_model_that_learns_nothing_gains_no_width(found, asks):
    """Its halves are the same model, so that nothing is added."""
    pd.testing.assert_frame_equal(importance(asks, n_halvings=4).table, importance(asks).table)


def test_halves_are_of_whole_patients_with_as_many_events(asks):
    many = np.repeat(np.arange(N), 2)
    table, y, fold = X.iloc[many].reset_index(drop=True), Y[many], FOLD[many]
    importance(asks, X=table, y=y, fold=fold, groups=many, n_halvings=5)
    parts = [set(many[t.index]) for t in Asks.fitted]
    assert len(parts) == 15  # each fold's model and its two halves
    for whole, first, second in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        assert not first & second
        assert first | second <= whole
        assert len(whole) - len(first | second) <= 2
        assert Y[list(first)].sum() == Y[list(second)].sum()


def test_halves_that_cannot_be_fitted_are_counted():
    fewer = np.flatnonzero((Y == 0) | (np.cumsum(Y) <= 3))
    fold = np.where(Y[fewer] == 1, np.arange(len(fewer)) % 2, FOLD[fewer] % 2)
    found = importance(X=X.iloc[fewer], y=Y[fewer], fold=fold, n_halvings=4)
    assert "halvings" in repr(found) or "no half" in repr(found)


# --- agreement of the folds ----------------------------------------------------------------------


def test_the_folds_say_how_often_a_column_leads():
    found = importance()
    n_folds = len(np.unique(FOLD))
    losses = found.by_fold.pivot(index="fold", columns="column", values="estimate")
    assert losses.shape == (n_folds, 3)
    leading = found.leading(2).set_index("column")
    assert leading.index.tolist() == ["strong", "weak"]
    assert (leading["n_folds"] == n_folds).all()
    largest = losses.rank(axis=1, ascending=False) <= 2
    assert leading["n_leading"].to_dict() == largest[["strong", "weak"]].sum().to_dict()
    own = losses.mean()["strong"]  # the AUC compares patients of one fold
    assert own == pytest.approx(found.table.set_index("column").loc["strong", "estimate"], abs=0.02)


def test_one_fitted_model_has_no_folds_to_agree():
    model = LogisticRegression().fit(X, Y)
    found = permutation_importance(model, X, Y, refit=False, random_state=0)
    assert found.by_fold is None
    assert found.leading().empty
