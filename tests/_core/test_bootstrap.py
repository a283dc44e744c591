import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from healthml._core._bootstrap import bootstrap, resample_indices
from healthml.exceptions import DegenerateResampleWarning, InputError, OutcomeError

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "core_reference.json").read_text()
)
R, LAB = REFERENCE["bootstrap"], np.array(REFERENCE["logistic"]["X"])[:, 1]
PATIENT = np.array(["b", "a", "b", "c", "a", "b", "d", "e", "e", "d"])


def ratio(rows):
    return LAB[rows].mean() / LAB[rows].std(ddof=1)


class Mean:
    def __init__(self, values):
        self.values = np.asarray(values, dtype=float)

    def __call__(self, rows):
        return {"mean": self.values[rows].mean(), "largest": self.values[rows].max()}


def test_given_resamples_reproduce_r():
    result = bootstrap(
        ratio, n_samples=240, resamples=(np.array(d) for d in R["draws"]), confidence_level=0.9
    )
    np.testing.assert_allclose(result.draws["statistic"], R["stat"], rtol=1e-12)
    np.testing.assert_allclose(result.interval(), R["percentile"], rtol=1e-12)
    np.testing.assert_allclose(result.interval(method="basic"), R["basic"], rtol=1e-12)
    assert result.standard_error() == pytest.approx(R["se"])
    assert result.estimate["statistic"] == pytest.approx(R["estimate"])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_answer_does_not_depend_on_n_jobs(n_jobs):
    values = np.random.RandomState(0).normal(size=30)
    arguments = {"n_samples": 30, "groups": np.arange(30) // 3, "resamples": 25, "random_state": 7}
    one = bootstrap(Mean(values), n_jobs=1, **arguments)
    other = bootstrap(Mean(values), n_jobs=n_jobs, **arguments)
    assert one.draws.equals(other.draws)
    again = [values[rows].mean() for rows in resample_indices(30, np.arange(30) // 3, None, 25, 7)]
    assert one.draws["mean"].tolist() == again


def test_whole_patients_are_drawn():
    for rows in resample_indices(10, PATIENT, None, 50, 0):
        times = np.bincount(rows, minlength=10)
        drawn = 0
        for name in "abcde":
            of_patient = times[name == PATIENT]
            assert len(set(of_patient)) == 1
            drawn += of_patient[0]
        assert drawn == 5


def test_every_patient_is_drawn_equally_often_whatever_its_rows():
    counts = sum(np.bincount(r, minlength=10) for r in resample_indices(10, PATIENT, None, 4000, 1))
    np.testing.assert_allclose(counts / 4000, 1, atol=0.07)


def test_strata_keep_their_number_of_patients():
    stratum = np.isin(PATIENT, ["a", "b"])
    for rows in resample_indices(10, PATIENT, stratum, 50, 0):
        drawn = {n: np.bincount(rows, minlength=10)[n == PATIENT][0] for n in "abcde"}
        assert drawn["a"] + drawn["b"] == 2
        assert drawn["c"] + drawn["d"] + drawn["e"] == 3
    for rows in resample_indices(10, None, stratum, 50, 0):
        assert stratum[rows].sum() == stratum.sum()


def test_strata_that_differ_in_a_patient_are_refused_with_their_place():
    with pytest.raises(InputError, match=r"1 of 5 patients, first at position [78]"):
        next(resample_indices(10, PATIENT, np.arange(10) == 8, 5, 0))


def test_patients_widen_the_interval_of_repeated_rows():
    values = np.repeat(np.random.RandomState(0).normal(size=40), 10)
    patient = np.repeat(np.arange(40), 10)
    rows = bootstrap(Mean(values), n_samples=400, resamples=300, random_state=0)
    patients = bootstrap(Mean(values), n_samples=400, groups=patient, resamples=300, random_state=0)
    ratio = patients.standard_error("mean") / rows.standard_error("mean")
    assert ratio == pytest.approx(np.sqrt(10), rel=0.15)


def test_failures_are_counted_with_reasons_and_warned_about():
    y = np.array([1, 0, 0, 0, 0])

    def statistic(rows):
        n_events = y[rows].sum()
        if n_events == 0:
            raise OutcomeError(f"Only one class in {len(rows)} rows.")
        return {"rate": n_events / len(rows), "odd": np.nan if n_events == 1 else np.inf}

    draws = [[1, 2, 3], [0, 1, 2], [0, 0, 2, 3], [4, 4], [0, 2]]
    with pytest.warns(DegenerateResampleWarning, match="5 of 5 resamples"):
        result = bootstrap(statistic, n_samples=5, resamples=draws)
    assert (result.n_asked, result.n_used, result.n_failed) == (5, 0, 5)
    assert result.failures == {
        "OutcomeError: Only one class in # rows.": 2,
        "odd: not a number": 2,
        "odd: infinite": 1,
    }
    assert result.draws.index.tolist() == [1, 2, 4]
    assert result.draws["rate"].tolist() == [1 / 3, 0.5, 0.5]
    table = result.to_frame().set_index("statistic")
    assert table["resamples_used"].to_dict() == {"rate": 3, "odd": 0}
    assert table["resamples_failed"].to_dict() == {"rate": 2, "odd": 5}
    assert table.loc["odd", ["lower", "upper", "se", "mcse"]].isna().all()
    assert table.loc["rate", "upper"] == pytest.approx(0.5)


def test_no_warning_when_nothing_failed_and_other_errors_are_raised():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = bootstrap(Mean([1, 2, 3]), n_samples=3, resamples=20, random_state=0)
    assert result.n_failed == 0
    assert result.failures == {}

    def broken(rows):
        raise ValueError("a mistake in the statistic")

    with pytest.raises(ValueError, match="a mistake in the statistic"):
        bootstrap(broken, n_samples=3, resamples=5)


def test_monte_carlo_error_is_the_spread_of_the_ends_over_runs():
    values = np.random.RandomState(0).exponential(size=60)
    runs = [
        bootstrap(Mean(values), n_samples=60, resamples=200, random_state=seed)
        for seed in range(60)
    ]
    spread = np.std([run.interval("mean") for run in runs], axis=0, ddof=1)
    stated = np.mean([run.monte_carlo_error("mean") for run in runs], axis=0)
    np.testing.assert_allclose(stated, spread, rtol=0.35)


def test_percentile_interval_covers_the_mean():
    random, inside = np.random.RandomState(11), 0
    for seed in range(120):
        values = random.normal(size=50)
        low, high = bootstrap(
            Mean(values), n_samples=50, resamples=150, confidence_level=0.9, random_state=seed
        ).interval("mean")
        inside += low <= 0 <= high
    assert 0.82 <= inside / 120 <= 0.95


@pytest.mark.parametrize(
    "answer", [lambda r: 1.5, lambda r: np.array([1.5, 2]), lambda r: {"a": 1}]
)
def test_a_statistic_may_return_a_number_an_array_or_names(answer):
    result = bootstrap(answer, n_samples=4, resamples=3, random_state=0)
    assert list(result.estimate) == list(result.draws)
    assert next(iter(result.estimate)) in {"statistic", "statistic_0", "a"}


def test_progress_goes_to_stderr_only_when_asked(capsys):
    bootstrap(Mean([1, 2, 3]), n_samples=3, resamples=40, random_state=0)
    assert capsys.readouterr() == ("", "")
    bootstrap(Mean([1, 2, 3]), n_samples=3, resamples=40, verbose=1, random_state=0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "bootstrap, batches: 20 of 20" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resamples": 0}, "at least 1"),
        ({"resamples": []}, "empty"),
        ({"resamples": [[0, 1], [0, 3]]}, r"resamples\[1\] has positions outside 0 to 2"),
        ({"resamples": [[0.5, 1]]}, r"resamples\[0\] is not"),
        ({"interval": "bca"}, "choose one of percentile, basic"),
        ({"confidence_level": 95}, "confidence_level is 95"),
        ({"n_samples": 0}, "n_samples is 0"),
        ({"groups": [1, 1]}, "groups has 2 values for 3 rows"),
    ],
)
def test_unusable_arguments_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        bootstrap(**{"statistic": Mean([1, 2, 3]), "n_samples": 3, **change})
