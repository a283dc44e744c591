"""What an audit is about: roles taken out, rows aligned, patients joined, thresholds checked."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import healthml
from healthml._core._fingerprints.duplicates import duplicate_clusters
from healthml.exceptions import InputError
from healthml.reporting._audit.inputs import take_inputs
from healthml.reporting._case import Roles, build_case, take_roles, threshold_grid
from healthml.schema import Schema
from healthml.validation import check_leakage
from healthml.validation._leakage import join_units
from healthml.validation._reference_models import default_model

N = 240
NONE = {"groups": None, "site": None, "time": None, "sensitive_features": None, "score": None}


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(N, 3)).round(3), columns=["a", "b", "c"])
    X["pid"] = [f"p{k // 2}" for k in range(N)]
    X["hospital"] = np.where(np.arange(N) % 3 == 0, "north", "south")
    X["year"] = 2000 + np.arange(N) % 5
    X["sex"] = np.where(np.arange(N) % 2, "f", "m")
    X["old"] = rng.uniform(size=N)
    X["died"] = (X["a"] + rng.normal(size=N) > 0.5).astype(int)
    return X


X = table()
NAMES = {
    "groups": "pid",
    "site": "hospital",
    "time": "year",
    "sensitive_features": ["sex"],
    "score": "old",
}


def case_of(X=X, y="died", model=None, refit=True, event=None, options=None, **roles):
    frame, outcome, taken = take_roles(X, y, **{**NONE, **roles})
    options = {"n_repeats": 1, "seed": 0, **(options or {})}
    return build_case(frame, outcome, taken, model=model, refit=refit, event=event, options=options)


# --- roles ---------------------------------------------------------------------------------------


def test_named_roles_are_taken_out_and_aligned():
    frame, y, roles = take_roles(X, "died", **NAMES)
    assert list(frame.columns) == ["a", "b", "c", "hospital", "year", "sex"]
    np.testing.assert_array_equal(y, X["died"])
    np.testing.assert_array_equal(roles.groups, np.arange(N) // 2)
    assert roles.site.tolist() == X["hospital"].tolist()
    assert roles.time.tolist() == X["year"].tolist()
    assert list(roles.sensitive.columns) == ["sex"]
    assert roles.score.tolist() == X["old"].tolist()
    assert list(X.columns) == list(table().columns)  # the user's table is untouched


def test_arrays_say_the_same_as_names():
    _, _, named = take_roles(X, "died", **NAMES)
    arrays = {k: X[v] for k, v in NAMES.items()}
    _, _, given = take_roles(X[["a", "b", "c"]], X["died"].tolist(), **arrays)
    for name in ("groups", "site", "time", "score"):
        np.testing.assert_array_equal(getattr(given, name), getattr(named, name))
    assert given.sensitive.equals(named.sensitive)


def test_polars_roles_become_the_same():
    _, _, named = take_roles(X, "died", **NAMES)
    frame, y, roles, _ = take_inputs(
        pl.from_pandas(X), "died", schema=None, known_after=None, **NAMES
    )
    assert isinstance(frame, pd.DataFrame)
    np.testing.assert_array_equal(y, X["died"])
    for name in ("groups", "site", "time", "score"):
        np.testing.assert_array_equal(getattr(roles, name), getattr(named, name))


def test_sites_are_texts_and_unknown_sites_are_one_of_them():
    site = np.array([1.0, 2.0, np.nan, 1.0])
    _, _, roles = take_roles(X[["a"]].head(4), [0, 1, 0, 1], **{**NONE, "site": site})
    assert roles.site.tolist() == ["1", "2", "missing", "1"]


@pytest.mark.parametrize(
    ("role", "value", "words"),
    [
        ("groups", "who", "groups names a column that X does not have"),
        ("site", X["hospital"][:5], "site has 5 values for 240 rows"),
        ("time", np.ones((N, 2)), "time has 2 dimensions"),
        ("score", "apache", "score names a column that X does not have"),
        ("sensitive_features", ["sex", "race"], "names 'race', which is no column"),
        ("groups", [None] * N, "groups has 240 missing identifiers"),
    ],
)
def test_a_role_that_does_not_fit_meets_one_sentence(role, value, words):
    with pytest.raises(InputError, match=words):
        take_roles(X, "died", **{**NONE, role: value})


# --- the case ------------------------------------------------------------------------------------


def test_rows_with_a_missing_outcome_leave_everywhere():
    outcome = X["died"].astype(float)
    outcome[:30] = np.nan
    case = case_of(X.assign(died=outcome), **NAMES)
    assert len(case.X) == len(case.y) == len(case.table) == case.judge.folds.shape[1] == N - 30
    for name in ("groups", "site", "time", "sensitive", "score"):
        assert len(getattr(case.roles, name)) == N - 30
    assert case.roles.groups.tolist() == (np.arange(N - 30) // 2).tolist()  # numbered anew
    assert case.X["a"].tolist() == X["a"].tolist()[30:]
    assert case.flow["n_left_out"].tolist() == [0, 30, 0]
    assert case.flow["n_samples"].tolist() == [N, N - 30, N - 30]


def test_risks_given_lose_the_same_rows():
    outcome = X["died"].astype(float)
    outcome[::10] = np.nan
    risk = np.linspace(0, 1, N)
    case = case_of(X.assign(died=outcome), refit=False, options={"risk": risk})
    np.testing.assert_array_equal(case.risk[0], risk[outcome.notna()])
    assert case.model is None
    assert case.is_default  # no procedure of the user's


def test_the_audits_own_model_gets_sensitive_features_and_no_site_or_time():
    case = case_of(**NAMES)
    assert case.model_columns == ["a", "b", "c", "sex"]
    assert case.left_out == {"hospital": "declared as site", "year": "declared as time"}
    assert list(case.X.columns) == ["a", "b", "c", "hospital", "year", "sex"]
    users = case_of(model=default_model(), **NAMES)
    assert users.model_columns == list(users.X.columns)
    assert users.table is users.X  # a user's model reads the table as it is


def test_a_site_given_as_an_array_is_recognised_among_the_columns():
    site = X["hospital"].to_numpy()
    case = case_of(X.assign(again=X["hospital"]), site=site, time=X["year"].astype(float))
    assert not {"hospital", "again", "year"} & set(case.model_columns)
    other = case_of(site=site[::-1])
    assert "hospital" in other.model_columns
    almost = site.copy()
    almost[-3:] = almost[-3:][::-1]  # the same levels, first met in the same order
    assert set(almost[-3:]) == set(site)
    assert "hospital" in case_of(site=almost).model_columns


def test_a_declared_site_is_left_out_by_its_name():
    case = case_of(site=X["hospital"], options={"schema": Schema(outcome="died", site="sex")})
    assert "sex" not in case.model_columns
    assert "hospital" in case.model_columns


def test_texts_and_code_like_numbers_are_categories_for_the_audits_own_model():
    codes = np.random.default_rng(1).choice([3, 7, 12, 41], N)
    own = case_of(X.assign(unit_code=codes)[["a", "b", "unit_code", "sex", "died"]])
    looks = own.quality.select("looks_like_code")["column"].tolist()
    assert looks == ["unit_code"]
    assert own.table["unit_code"].dtype != own.X["unit_code"].dtype
    assert own.X["unit_code"].dtype.kind == "i"


def test_rows_of_a_patient_and_copies_of_rows_stay_together():
    wide = pd.DataFrame(np.random.default_rng(2).normal(size=(N, 8)).round(4)).add_prefix("v")
    wide.iloc[100] = wide.iloc[7]
    case = case_of(wide, X["died"], groups=X["pid"], options={"n_repeats": 3})
    assert case.units[7] == case.units[100]
    assert len(np.unique(case.units)) == N // 2 - 1
    for fold in case.judge.folds:
        assert len({*fold[[6, 7, 100, 101]]}) == 1
        for unit in np.unique(case.units):
            assert len(set(fold[case.units == unit])) == 1


def test_the_splits_depend_on_the_seed_alone():
    folds = [case_of(options={"seed": seed}).judge.folds for seed in (0, 0, 1)]
    np.testing.assert_array_equal(folds[0], folds[1])
    assert not np.array_equal(folds[0], folds[2])


def test_the_event_is_named_and_known():
    words = np.where(X["died"] == 1, "Died", "Home")
    case = case_of(X.drop(columns="died"), words, event="Died")
    assert case.event_label == "Died"
    np.testing.assert_array_equal(case.y, X["died"])
    assert set(case.raw_outcome) == {"Died", "Home"}


def test_site_and_time_alone_leave_no_model():
    with pytest.raises(InputError, match="No feature is left for the model"):
        case_of(X[["hospital", "died"]], site="hospital")


# --- patients joined with copies of rows ---------------------------------------------------------


def test_no_copies_leave_the_patients_as_they_are():
    groups = np.array([0, 0, 1, 2])
    assert join_units(groups, None) is groups
    assert join_units(None, None) is None
    plain = duplicate_clusters(pd.DataFrame(np.random.default_rng(0).normal(size=(N, 6))))
    assert join_units(None, plain) is None


class Copies:
    """Rows that are copies of each other, by number."""

    n_near, n_exact = 1, 0

    def __init__(self, near_id):
        self.near_id = np.asarray(near_id)


def test_patients_that_share_a_copy_become_one_unit_through_any_chain():
    # rows 1 and 2 are copies (patients 0, 1), rows 3 and 4 too (patients 1, 2): all one unit
    joined = join_units(np.array([0, 0, 1, 1, 2, 3]), Copies([10, 11, 11, 13, 13, 15]))
    assert joined.tolist() == [0, 0, 0, 0, 0, 1]
    assert join_units(None, Copies([4, 9, 4, 7])).tolist() == [0, 2, 0, 1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=14))
def test_units_are_the_connected_rows(pairs):
    groups = np.unique([g for g, _ in pairs], return_inverse=True)[1]
    copies = np.array([c for _, c in pairs])
    label = list(range(len(pairs)))  # join two rows whenever they share a patient or a copy
    for i in range(len(pairs)):
        for j in range(i):
            if groups[i] == groups[j] or copies[i] == copies[j]:
                old, new = label[i], label[j]
                label = [new if k == old else k for k in label]
    joined = join_units(groups, Copies(copies))
    same = np.equal.outer(joined, joined)
    np.testing.assert_array_equal(same, np.equal.outer(np.array(label), np.array(label)))


# --- thresholds ----------------------------------------------------------------------------------


def test_thresholds_are_the_users_or_half_to_twice_the_prevalence():
    grid, declared = threshold_grid((0.05, 0.2), 0.3)
    assert declared
    np.testing.assert_allclose(grid, np.linspace(0.05, 0.2, 21))
    grid, declared = threshold_grid(None, 0.1)
    assert not declared
    assert grid[[0, -1]].tolist() == [0.05, 0.2]
    assert threshold_grid(None, 0.8)[0][-1] == 0.95
    assert threshold_grid((0.2, 0.2), 0.3)[0].tolist() == [0.2] * 21


@pytest.mark.parametrize(
    "wrong", [(0.3, 0.2), (0, 0.5), (0.1, 1.0), (-0.1, 0.5), (float("nan"), 0.5)]
)
def test_thresholds_out_of_order_are_refused(wrong):
    with pytest.raises(InputError, match="give two risks with 0 < low <= high < 1"):
        threshold_grid(wrong, 0.3)


@pytest.mark.parametrize("wrong", [0.3, (0.1,), (0.1, 0.2, 0.3), "0.1", ("a", "b")])
def test_what_is_no_pair_of_thresholds_is_refused(wrong):
    with pytest.raises(InputError, match="threshold_range must be two risks"):
        threshold_grid(wrong, 0.3)


def test_roles_are_empty_unless_given():
    assert not any(vars(Roles()).values())


@pytest.mark.parametrize("model", [None, LogisticRegression()])
def test_names_of_several_types_are_one_clear_mistake(model):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=[0, "a", 2.5])
    y = (X["a"] > 0).to_numpy(int)
    with pytest.raises(InputError, match=r"named by text, but for 2, the first at position 0"):
        healthml.audit(model, X, y, random_state=0)
    with pytest.raises(InputError, match=r"X\.columns\.map\(str\)"):
        check_leakage(X, y, estimator=model, random_state=0)


def test_an_empty_column_is_listed_as_left_out_and_not_as_used():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300), "gap": np.nan})
    y = (rng.random(300) < 1 / (1 + np.exp(-X["a"]))).astype(int).to_numpy()
    report = healthml.audit(None, X, y, random_state=0, n_repeats=1)
    assert report.columns == "Columns used (2): a, b. Left out: gap (empty)."
    missing = next(f for f in report.findings if f.code == "HM209")
    assert missing.title == "1 column has missing values, up to 100.0%"
    assert report.not_assessed[0].topic == "Is one row one patient?"


def test_an_audit_counts_no_cells_by_site_that_it_does_not_show(monkeypatch):
    """To hide small counts of a hundred sites took most of the time of a wide table's audit."""
    from healthml.cleaning._quality import eager

    def refuse(*_):
        raise AssertionError("cells were counted by site")

    monkeypatch.setattr(eager, "count_by_group", refuse)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(30, 90, 200), "lab": rng.normal(size=200).round(1)})
    X.loc[:9, "lab"] = -999.0
    roles = Roles(site=np.repeat(np.arange(20), 10))
    case = build_case(
        X, rng.integers(0, 2, 200), roles, model=None, refit=True, event=None, options={}
    )
    assert "missing_code_number" in set(case.quality.table["rule"])


@pytest.mark.parametrize("n_patients", [1, 2, 4])
def test_a_handful_of_patients_is_refused_with_what_it_may_be(n_patients):
    X = pd.DataFrame({"age": np.arange(60.0)})
    y, ward = np.arange(60) % 2, np.arange(60) % n_patients
    with pytest.raises(InputError, match=f"groups names {n_patients} patients for 60 rows.*site"):
        healthml.audit(None, X, y, groups=ward)
