"""Any signal at all, and what is given away about whom the model was fitted on."""

import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from healthml.exceptions import InputError
from healthml.validation._compare.permutation_test import Exchange, permutation_test
from healthml.validation._leakage.membership import membership_inference


class Column(ClassifierMixin, BaseEstimator):
    """Its risk is the first column, whatever it was fitted on."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        risk = np.asarray(X)[:, 0]
        return np.column_stack([1 - risk, risk])


@pytest.fixture(scope="module")
def risky():
    rng = np.random.default_rng(8)
    risk = rng.uniform(0.05, 0.95, 60)
    return risk[:, None], (rng.uniform(size=60) < risk).astype(int)


def test_p_value_is_the_share_of_permutations_that_reach_the_outcomes(risky):
    X, y = risky
    options = {"n_permutations": 99, "measures": "brier", "random_state": 1}
    result = permutation_test(Column(), X, y, **options)
    row = result.to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(np.mean((y - X[:, 0]) ** 2), abs=1e-12)
    reached = np.sum(result.null["brier"] <= row["estimate"])
    assert result.p_value == (1 + reached) / 100
    assert row["mcse"] == pytest.approx(np.sqrt(result.p_value * (1 - result.p_value) / 99))
    # a Brier score with outcomes assigned at random: mean risk**2 - 2 * mean risk * prevalence +
    # prev.
    chance = np.mean(X**2) - 2 * X.mean() * y.mean() + y.mean()
    assert row["null_mean"] == pytest.approx(
        chance, abs=4 * result.null["brier"].std() / np.sqrt(99)
    )
    ends = np.quantile(result.null["brier"], [0.025, 0.975])
    np.testing.assert_allclose(row[["null_lower", "null_upper"]].astype(float), ends)


@pytest.mark.parametrize(("measure", "sign"), [("auroc", 1), ("brier", -1)])
def test_better_is_larger_or_smaller(risky, measure, sign):
    X, y = risky
    options = {"n_permutations": 19, "measures": measure, "random_state": 0}
    assert permutation_test(Column(), X, y, **options).p_value == 0.05
    turned = permutation_test(Column(), 1 - X, y, **options)
    assert turned.p_value == 1.0
    assert np.all(sign * turned.null[measure] > sign * turned.table["estimate"].item())


def test_visits_of_a_patient_are_no_signal():
    """By rows, a model that knows the patient from another visit finds a signal; by patients no."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 4)
    X = rng.normal(size=(40, 2))[groups] + 0.01 * rng.normal(size=(160, 2))
    y = (rng.permutation(40) < 20).astype(int)[groups]
    options = {"n_permutations": 39, "random_state": 0}
    by_patient = permutation_test(LogisticRegression(), X, y, groups=groups, **options)
    by_row = permutation_test(LogisticRegression(), X, y, **options)
    wide = by_patient.to_frame().iloc[0]
    narrow = by_row.to_frame().iloc[0]
    spread = (wide["null_upper"] - wide["null_lower"]) / (
        narrow["null_upper"] - narrow["null_lower"]
    )
    assert spread > 1.4
    assert by_patient.p_value > 0.05
    assert (wide["n_patients"], narrow["n_patients"]) == (40, 160)


def test_outcomes_of_a_patient_move_together():
    units = np.array([0, 1, 0, 2, 1, 3, 4, 4])  # sizes 2, 2, 1, 1, 2
    y = np.array([0, 1, 1, 0, 1, 1, 0, 0])
    exchange = Exchange(y, units)
    assert not exchange.whole
    assert exchange.n_exchanged == 5
    seen = set()
    for seed in range(60):
        drawn = exchange.draw(seed)
        pairs = [tuple(drawn[units == u]) for u in (0, 1, 4)]
        assert sorted(pairs) == [(0, 0), (0, 1), (1, 1)]
        assert sorted(drawn[[3, 5]]) == [0, 1]
        seen.add(tuple(drawn))
    assert len(seen) == 6 * 2


def test_outcomes_that_are_a_patients_own_move_among_all_patients():
    units, y = np.array([0, 0, 0, 1, 2, 2]), np.array([1, 1, 1, 0, 0, 0])
    exchange = Exchange(y, units)
    drawn = {tuple(exchange.draw(seed)) for seed in range(40)}
    assert drawn == {(1, 1, 1, 0, 0, 0), (0, 0, 0, 1, 0, 0), (0, 0, 0, 0, 1, 1)}


def test_what_cannot_move_is_refused():
    units, y = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 1])
    with pytest.raises(InputError, match="cannot be permuted"):
        Exchange(y, units)
    with pytest.raises(InputError, match="measures has 'calibration_slope'"):
        permutation_test(Column(), np.zeros((9, 1)), np.arange(9) % 2, measures="calibration_slope")


def test_several_measures_and_splits_share_the_permutations(risky):
    X, y = risky
    options = {"n_permutations": 6, "random_state": 7}
    both = permutation_test(Column(), X, y, measures=["brier", "auroc"], **options)
    alone = permutation_test(Column(), X, y, measures="auroc", **options)
    assert both.table["measure"].tolist() == ["brier", "auroc"]
    np.testing.assert_array_equal(both.null["auroc"], alone.null["auroc"])
    assert both.p_value == both.table["p_value"].iloc[0]
    assert both.summary().count("p = ") == 2
    assert both.plot(measure="auroc").get_xlabel().startswith("AUROC")
    splitter = StratifiedKFold(3, shuffle=True)  # without a seed of its own
    split = [permutation_test(Column(), X, y, cv=splitter, n_jobs=n, **options) for n in (1, 2)]
    np.testing.assert_array_equal(*(one.null["auroc"] for one in split))


def test_permutations_depend_on_the_seed_alone(risky):
    X, y = risky
    options = {"n_permutations": 5, "random_state": 7}
    first = permutation_test(LogisticRegression(), X, y, **options)
    again = permutation_test(LogisticRegression(), X, y, **options)
    np.testing.assert_array_equal(first.null, again.null)
    assert first.null["auroc"].nunique() > 1
    assert "p = " in first.summary()
    assert first.plot().get_xlabel() == "AUROC, out of fold"


def test_a_model_that_remembers_gives_everybody_away(remembers):
    """A risk of 1 for whom it knows and 0 for others: with an event, the loss tells them apart."""
    X, y = np.arange(80.0).reshape(-1, 1), np.arange(80) % 2
    table = membership_inference(remembers, X, y, n_repeats=3, random_state=0).to_frame()
    # known with event: loss 0; known without: large; unknown with event: large; without: 0
    assert table["estimate"].iloc[0] == pytest.approx(0.5)
    assert len(remembers.fits) == 6
    for fit in remembers.fits:
        assert len(fit) == 40
        assert np.sum(y[fit.astype(int)]) == 20
    for first, second in zip(remembers.fits[::2], remembers.fits[1::2], strict=True):
        assert sorted([*first, *second]) == list(range(80))


class KnowsByHeart(ClassifierMixin, BaseEstimator):
    """Right about whom it was fitted on; a risk of 1/2 for others."""

    fits = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = dict(zip(np.asarray(X)[:, 0], y, strict=True))
        self.fits.append(self.known_)
        return self

    def predict_proba(self, X):
        risk = np.array([self.known_.get(value, 0.5) for value in np.asarray(X)[:, 0]], dtype=float)
        risk = np.where(np.asarray(X)[:, -1] > 0, risk, 0.5)
        return np.column_stack([1 - risk, risk])


def test_membership_of_those_known_by_heart():
    X = np.column_stack([np.arange(80.0), np.ones(80)])
    result = membership_inference(KnowsByHeart(), X, np.arange(80) % 2, n_repeats=2, random_state=0)
    table = result.to_frame().set_index("measure")
    assert table.loc["membership_auroc", ["estimate", "lower", "upper"]].tolist() == [1, 1, 1]
    assert table.loc["membership_advantage", "estimate"] == 1
    assert table.loc["loss_new", "estimate"] == pytest.approx(np.log(2))
    assert "almost surely" in result.summary()
    assert "100%" in result.summary()


def test_membership_is_of_patients_not_of_rows():
    """Half of a patient's rows are known by heart; the loss is the patient's mean."""
    groups = np.repeat(np.arange(50), 2)
    X = np.column_stack([np.arange(100.0), np.tile([1, 0], 50)])
    y = np.random.default_rng(0).integers(0, 2, 100)
    KnowsByHeart.fits.clear()
    result = membership_inference(KnowsByHeart(), X, y, groups=groups, n_repeats=1, random_state=0)
    table = result.to_frame().set_index("measure")
    assert table.loc["loss_members", "estimate"] == pytest.approx(np.log(2) / 2)
    assert table.loc["membership_auroc", "estimate"] == 1
    assert table["n_patients"].tolist() == [50] * 4
    for known in KnowsByHeart.fits:
        rows = np.array(list(known), dtype=int)
        assert np.bincount(groups[rows]).max() == np.bincount(groups[rows])[groups[rows]].min() == 2


def test_membership_auroc_and_its_influence(risky):
    X, y = risky
    X = np.column_stack([X[:, 0], X[:, 0] ** 2, np.random.default_rng(2).normal(size=(60, 6))])
    model = LogisticRegression(C=np.inf, max_iter=500)
    result = membership_inference(model, X, y, n_repeats=2, random_state=4)
    from healthml._core._checks import check_random_seeds
    from healthml.validation import RepeatedStratifiedGroupKFold

    seed = check_random_seeds(4, 5)[0]
    areas, rest, halves = [], [], []
    for train, _ in RepeatedStratifiedGroupKFold(2, n_repeats=2, random_state=seed).split(X, y):
        risk = model.fit(X[train], y[train]).predict_proba(X)[:, 1]
        loss = -np.log(np.where(y == 1, risk, 1 - risk))
        halves.append((np.isin(np.arange(60), train), -loss))
    for left_out in [None, *range(60)]:
        keep = np.arange(60) != left_out
        each = [roc_auc_score(inside[keep], score[keep]) for inside, score in halves]
        if left_out is None:
            areas = each
        else:
            rest.append(np.mean(each))
    row = result.to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(np.mean(areas), abs=2e-3)
    jackknife = np.sum((np.array(rest) - np.mean(rest)) ** 2) * 59 / 60
    repeats = np.var([np.mean(areas[:2]), np.mean(areas[2:])], ddof=1) / 2
    expected = np.sqrt(jackknife + repeats)
    assert (row["upper"] - row["lower"]) / 3.92 == pytest.approx(expected, rel=0.05)


def test_with_one_repeat_there_is_no_interval(risky):
    row = membership_inference(Column(), *risky, n_repeats=1, random_state=0).to_frame().iloc[0]
    assert np.isnan(row["lower"])
    assert np.isnan(row["upper"])


def test_a_model_that_never_looks_gives_nobody_away(risky):
    result = membership_inference(Column(), *risky, random_state=0)
    row = result.to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(0.5, abs=1e-9)
    assert "hardly" in result.summary()
    assert result.plot().get_xlabel() == "Log loss of a patient"
    assert json.loads(result.to_json())["table"][0]["measure"] == "membership_auroc"


def test_membership_needs_two_patients_of_each_outcome():
    with pytest.raises(InputError, match="Only 1 patient"):
        membership_inference(Column(), np.full((9, 1), 0.5), np.arange(9) == 0)
