"""Jobs side by side: the same answers, warnings where they belong, filters as they were."""

import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest

from healthml import audit
from healthml._core._parallel import jobs, recorded, run_branches, run_in_threads, run_parallel


def warn_of(number):
    time.sleep(0.02 * (number % 2))
    warnings.warn(f"number {number}", RuntimeWarning, stacklevel=1)
    return number**2


def test_answers_and_warnings_of_threads_come_in_the_order_of_the_tasks():
    filters, show = list(warnings.filters), warnings.showwarning
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        answers = run_parallel(warn_of, range(6), n_jobs=2, prefer="threads")
    assert answers == [0, 1, 4, 9, 16, 25]
    assert [str(warning.message) for warning in seen] == [f"number {k}" for k in range(6)]
    assert list(warnings.filters) == filters
    assert warnings.showwarning is show


def test_filters_hold_for_what_threads_warn_of():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "number [0-4]", RuntimeWarning)
        run_parallel(warn_of, range(6), n_jobs=2, prefer="threads")
    assert [str(warning.message) for warning in seen] == ["number 5"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(RuntimeWarning, match="number 0"):
            run_parallel(warn_of, range(6), n_jobs=2, prefer="threads")
        with pytest.raises(RuntimeWarning, match="look"), recorded():
            run_in_a_thread(lambda: warnings.warn("look", RuntimeWarning, stacklevel=1))


def run_in_a_thread(function):
    """Call a function in a thread that records nothing, and raise what it raised."""
    with joblib.parallel_config("threading"):
        return joblib.Parallel(n_jobs=2)(joblib.delayed(function)() for _ in range(2))


def test_warnings_of_nested_threads_reach_who_records_them():
    def inner(number):
        return run_parallel(warn_of, [number, number + 1], n_jobs=2, prefer="threads")

    with recorded() as caught:
        run_parallel(inner, [0, 2], n_jobs=2, prefer="threads")
    assert [str(warning.message) for warning in caught] == [f"number {k}" for k in range(4)]


def test_branches_of_a_large_table_share_memory_and_leave_other_backends_alone():
    seen = {}

    def note(name, value):
        seen[name] = value
        return value

    calls = [(note, "a", 1), (note, "b", 2)]
    assert run_branches(calls, n_rows=jobs.LARGE, n_jobs=2) == [1, 2]
    with joblib.parallel_config(backend="loky", n_jobs=2):  # by one process: what is noted counts
        assert run_in_threads(seen.pop, ["a", "b"], n_rows=jobs.LARGE) == [1, 2]
    assert seen == {}


def test_a_small_table_is_worked_on_by_one_thread_after_the_other():
    order = []
    calls = [(order.append, k) for k in range(5)]
    run_branches(calls, n_rows=jobs.LARGE - 1, n_jobs=2)
    assert order == list(range(5))
    assert jobs.table_jobs(jobs.LARGE - 1, 2)["prefer"] is None
    assert np.all([jobs.table_jobs(jobs.LARGE, 2)["prefer"] == "threads"])


def test_an_audit_is_the_same_in_threads_and_leaves_the_filters(monkeypatch):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(240, 4)).round(2), columns=list("abcd"))
    y = (X["a"] + rng.normal(size=240) > 0.8).astype(int)
    options = {"groups": np.arange(240) // 2, "n_repeats": 1, "random_state": 0}
    alone = audit(None, X, y, **options)
    monkeypatch.setattr(jobs, "LARGE", 100)
    filters, show = list(warnings.filters), warnings.showwarning
    shared = audit(None, X, y, n_jobs=2, **options)
    assert shared.to_json() == alone.to_json()
    assert list(warnings.filters) == filters
    assert warnings.showwarning is show
