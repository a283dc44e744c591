"""compare_imbalance_strategies: the same patients, both kinds of risks, advice by the numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import InputError
from healthml.validation import compare_imbalance_strategies
from healthml.validation._compare.imbalance_result import REFERENCE, advise


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    n = 1200
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "lactate", "sodium"])
    risk = 1 / (1 + np.exp(2.6 - 1.1 * X["lactate"] - 0.6 * X["age"]))
    return X, (rng.random(n) < risk).astype(int), np.arange(n) // 2


@pytest.fixture(scope="module")
def found(table):
    X, y, groups = table
    return compare_imbalance_strategies(
        LogisticRegression(),
        X,
        y,
        groups=groups,
        threshold=0.1,
        n_repeats=1,
        n_members=10,
        random_state=0,
    )


def test_every_strategy_twice_by_every_measure(found):
    frame = found.to_frame()
    assert frame["strategy"].nunique() == 12
    assert frame["measure"].unique().tolist() == [
        "auroc",
        "scaled_brier",
        "calibration_slope",
        "oe_ratio",
        "net_benefit@0.1",
    ]
    assert len(frame) == 60
    assert (frame["n_patients"] == 600).all()
    own = frame[frame["strategy"] == REFERENCE]
    assert (own["difference"] == 0).all()


def test_resampled_risks_are_too_high_until_recalibrated(found):
    for name in ("weights", "over", "under", "SMOTE", "bagged"):
        raw, mended = (
            found.get(f"{name}, {how}", "oe_ratio") for how in ("as it is", "recalibrated")
        )
        assert raw["upper"] < 0.5, name
        assert abs(np.log(mended["estimate"])) < 0.1, name
        assert raw["difference_upper"] < np.log(0.5)
        assert found.get(f"{name}, as it is", "scaled_brier")["difference_upper"] < 0
        gap = found.get(f"{name}, recalibrated", "oe_ratio")
        assert gap["difference"] == pytest.approx(
            np.log(gap["estimate"] / found.get(REFERENCE, "oe_ratio")["estimate"])
        )


def test_no_resampling_is_advised_for_logistic(found):
    assert found.advised in ("none, as it is", REFERENCE)
    assert found.advice in found.summary()


def test_result_draws(found):
    axes = found.plot()
    assert len(axes) >= 5
    plt.close("all")


def test_bags_are_advised_where_they_gain(table):
    X, y, _ = table
    result = compare_imbalance_strategies(
        DecisionTreeClassifier(), X, y, strategies=["under", "bagged"], n_repeats=1, random_state=0
    )
    assert result.advised == "bagged, recalibrated"
    assert result.get("bagged, recalibrated", "scaled_brier")["lower_adjusted"] > 0
    assert "bagged, recalibrated" in result.advice


def scores(**gaps):
    """Return a table of scaled Brier scores from {strategy: (difference, half width)}."""
    rows = [
        {"strategy": name, "measure": "scaled_brier", "estimate": 0.1 + gap}
        | {"difference": gap, "difference_lower": gap - half}
        | {"difference_upper": gap + half}
        | {"lower_adjusted": gap - 1.5 * half, "upper_adjusted": gap + 1.5 * half}
        | {"n_events": 90}
        for name, (gap, half) in gaps.items()
    ]
    return pd.DataFrame(rows)


class Gap:
    def __init__(self, lower):
        self.lower = lower

    def ends(self, tail):
        return self.lower, 1.0


@pytest.mark.parametrize(
    ("plain", "weights", "bagged", "lower", "advised"),
    [
        ((-0.001, 0.002), (0.001, 0.01), (0.002, 0.01), 0, "none, as it is"),
        ((-0.004, 0.01), (0.001, 0.01), (0.002, 0.01), 0, REFERENCE),
        ((-0.03, 0.01), (0.030, 0.01), (0.032, 0.01), -0.01, "weights, recalibrated"),
        ((-0.03, 0.01), (0.020, 0.01), (0.060, 0.01), 0.01, "bagged, recalibrated"),
        ((-0.03, 0.01), (0.010, 0.01), (0.010, 0.01), 0, REFERENCE),
    ],
)
def test_advice_follows_the_numbers(plain, weights, bagged, lower, advised):
    table = scores(
        **{"none, as it is": plain, REFERENCE: (0.0, 0.0)},
        **{"bagged, recalibrated": bagged, "weights, recalibrated": weights},
    )
    assert advise(table, lambda *names: Gap(lower), 0.95)[0] == advised


def test_worse_net_benefit_is_a_veto():
    table = scores(**{"none, as it is": (-0.1, 0.01), "over, recalibrated": (0.05, 0.01)})
    harm = {"strategy": "over, recalibrated", "measure": "net_benefit@0.1"}
    harm = pd.DataFrame([{**harm, "difference_upper": -0.001}])
    table = pd.concat([table, harm], ignore_index=True)
    advised, words = advise(table, lambda *names: Gap(0), 0.95)
    assert advised == REFERENCE
    assert "no strategy had a better scaled Brier score without a worse net benefit" in words


@pytest.mark.parametrize(
    ("half", "words"), [(0.002, ""), (0.04, "90 events a gain of up to 0.061")]
)
def test_the_advice_says_which_gain_is_not_ruled_out(half, words):
    table = scores(
        **{"none, as it is": (-0.001, 0.002), REFERENCE: (0.0, 0.0)},
        **{"bagged, recalibrated": (0.001, half)},
    )
    advised, text = advise(table, lambda *names: Gap(0), 0.95)
    assert advised == "none, as it is"
    assert words in text
    assert ("cannot be ruled out" in text) == bool(words)


def test_the_advice_names_no_gain_by_what_it_advises():
    table = scores(
        **{"none, as it is": (0.003, 0.006), REFERENCE: (0.0, 0.0)},
        **{"bagged, recalibrated": (-0.02, 0.002)},
    )
    advised, text = advise(table, lambda *names: Gap(0), 0.95)
    assert advised == "none, as it is"
    assert "cannot be ruled out" not in text


def test_as_it_is_is_compared_with_recalibrated_only():
    """Recalibrated is better here, by hardly anything; the sentence must not deny it."""
    table = scores(
        **{"none, as it is": (-0.003, 0.001), REFERENCE: (0.0, 0.0)},
        **{"over, recalibrated": (-0.001, 0.001)},
    )
    text = advise(table, lambda *names: Gap(0), 0.95)[1]
    assert "no strategy had a better scaled Brier score than the classifier as it is, recal" in text
    assert "-0.003 (-0.004 to -0.002)" in text


def test_the_interval_of_the_advised_counts_all_strategies():
    table = scores(
        **{"none, as it is": (-0.03, 0.01), REFERENCE: (0.0, 0.0)},
        **{"bagged, recalibrated": (0.03, 0.01)},
    )
    table.loc[table["strategy"] == "bagged, recalibrated", "lower_adjusted"] = 0.013
    table.loc[table["strategy"] == "bagged, recalibrated", "upper_adjusted"] = 0.047
    text = advise(table, lambda *names: Gap(0), 0.95)[1]
    assert "0.030 (0.013 to 0.047), all strategies counted, and none was shown" in text
    harm = {"strategy": "over, recalibrated", "measure": "net_benefit@0.1"}
    harm = pd.DataFrame([{**harm, "difference_upper": -0.001}])
    other = scores(**{"over, recalibrated": (0.09, 0.01)})
    vetoed = advise(pd.concat([table, other, harm]), lambda *names: Gap(0), 0.95)[1]
    assert "none with as good a net benefit was shown to be better" in vetoed


def test_own_strategies_and_splits(table):
    X, y, _ = table
    rows = np.arange(len(y))
    result = compare_imbalance_strategies(
        LogisticRegression(),
        X,
        np.where(y == 1, "died", "alive"),
        event="died",
        strategies={"one in three": RandomUnderSampler(sampling_strategy=0.5)},
        cv=[(rows[:800], rows[800:])],
        random_state=0,
    )
    names = result.to_frame()["sampling"].unique().tolist()
    assert names == ["none", "one in three"]
    assert result.to_frame()["n_samples"].unique().tolist() == [400]


def test_the_answer_is_the_same_for_any_n_jobs(table):
    X, y, groups = table
    options = {"strategies": ["under"], "n_repeats": 1, "groups": groups, "random_state": 3}
    one, two = (
        compare_imbalance_strategies(LogisticRegression(), X, y, n_jobs=n, **options).to_frame()
        for n in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two)


def test_unknown_names_are_refused(table):
    X, y, _ = table
    with pytest.raises(InputError, match="strategies has 'smote'"):
        compare_imbalance_strategies(LogisticRegression(), X, y, strategies=["smote"])
