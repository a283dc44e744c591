import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import InputError
from healthml.schema import Schema
from healthml.validation._leakage import check as _check_leakage
from healthml.validation._leakage import inputs as _leak_inputs
from healthml.validation._leakage.check import check_leakage

N, P = 400, 8


def plain(seed=0, n=N, p=P):
    """Return columns, an outcome that three of them tell, and a generator."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)).round(3)).add_prefix("x")
    logit = X.iloc[:, :3].sum(axis=1) - 1
    return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-logit))).astype(int).to_numpy(), rng


def only(monkeypatch, *names):
    """Let only some of the looks run, for speed."""
    looks = tuple(look for look in _check_leakage._LOOKS if look.__name__ in names)
    assert len(looks) == len(names)
    monkeypatch.setattr(_check_leakage, "_LOOKS", looks)
    if "look_at_rows" not in names:
        monkeypatch.setattr(_leak_inputs, "row_copies", lambda frame, **options: None)


def row(result, code):
    found = result.table[result.table["code"] == code]
    assert len(found) == 1, result.table[["code", "verdict", "severity"]]
    return found.iloc[0]


@pytest.fixture(scope="module")
def quiet():
    X, y, _ = plain()
    return check_leakage(X, y, random_state=0)


def test_nothing_is_claimed_of_a_table_without_a_leak(quiet):
    assert not len(quiet.table)
    assert not len(quiet.above_note)
    assert set(quiet.not_assessed["code"]) == {"HM303", "HM304", "HM309"}
    assert "Nothing was found" in quiet.summary()


def test_the_answer_can_be_repeated_and_reads_polars(quiet):
    X, y, _ = plain()
    again = check_leakage(pl.from_pandas(X), y, random_state=0)
    pd.testing.assert_frame_equal(again.screen, quiet.screen)


# rows


@pytest.fixture(scope="module")
def drawn():
    X, y, rng = plain(1, 250)
    rows = rng.integers(0, 250, 500)
    return X.iloc[rows], y[rows], rows


def test_drawn_rows_are_a_leak_with_its_effect(drawn, monkeypatch):
    only(monkeypatch, "look_at_rows")
    X, y, rows = drawn
    result = check_leakage(X, y, random_state=0)
    found = row(result, "HM204")
    assert (found["verdict"], found["severity"]) == ("leak", "serious")
    assert f"{500 - len(np.unique(rows)):,} of 500 rows" in found["evidence"]
    assert found["lower"] > 0.02
    ax = result.plot()
    assert ax.get_yticklabels()[0].get_text() == found["title"]
    assert "leak, serious" in result.summary()
    assert '"verdict": "leak"' in result.to_json()


def test_rows_alike_by_chance_are_counted_apart_from_copies(monkeypatch):
    """Of rows without a rare value nobody knows whether they are copies; the others are."""
    only(monkeypatch, "look_at_rows")
    X, y, rng = plain(3, 600)
    X["grade"] = rng.integers(0, 3, 600)
    coarse = np.arange(600) >= 400
    X.loc[coarse, [c for c in X if c != "grade"]] = np.nan
    alike = int(X[coarse].duplicated().sum())
    rows = np.append(np.arange(600), np.arange(30))  # 30 true copies
    result = check_leakage(X.iloc[rows], y[rows], random_state=0)
    assert alike > 150
    assert row(result, "HM204")["evidence"].startswith("30 of 630 rows are exact copies")
    asked = result.not_assessed.set_index("code").loc["HM204", "reason"]
    assert asked.startswith(f"{alike} further of 630 rows repeat another")
    assert "HM204" not in set(check_leakage(X, y, random_state=0).table["code"])


def test_copies_within_one_patient_or_on_one_side_are_a_note(drawn, monkeypatch):
    only(monkeypatch, "look_at_rows")
    X, y, rows = drawn
    patients = check_leakage(X, y, groups=rows, random_state=0)
    assert row(patients, "HM204")["verdict"] == "note"
    assert "within one patient" in row(patients, "HM204")["evidence"]
    together = check_leakage(X, y, split=GroupKFold(4), groups=rows, random_state=0)
    assert set(together.table["severity"]) == {"note"}
    fold = rows % 4
    no_patient = check_leakage(X, y, split=fold, random_state=0)
    assert "keeps them together" in row(no_patient, "HM204")["evidence"]


def test_a_procedure_that_cannot_remember_rows_is_not_accused(drawn, monkeypatch):
    only(monkeypatch, "look_at_rows")
    X, y, _ = drawn
    line = check_leakage(X, y, estimator=LogisticRegression(C=0.001), random_state=0)
    assert row(line, "HM204")["severity"] == "note"
    tree = check_leakage(X, y, estimator=DecisionTreeClassifier(), random_state=0)
    assert row(tree, "HM204")["severity"] == "serious"
    assert "DecisionTreeClassifier" in tree.estimand


def test_copies_in_a_test_table(monkeypatch):
    only(monkeypatch, "look_at_rows")
    X, y, _ = plain(2, 500)
    test_rows = np.append(np.arange(350, 500), np.arange(150))
    test = (X.iloc[test_rows], y[test_rows])
    found = row(check_leakage(X.iloc[:350], y[:350], test=test, random_state=0), "HM204")
    assert (found["verdict"], found["severity"], found["n_samples"]) == ("leak", "serious", 650)


@pytest.fixture(scope="module")
def visits():
    """Return 100 patients with 5 visits each, hardly changing, who have their own risk."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(100), 5)
    X = rng.normal(size=(100, 8))[groups] + 0.1 * rng.normal(size=(500, 8))
    y = (rng.uniform(size=500) < (rng.uniform(size=100) < 0.4)[groups] * 0.8 + 0.1).astype(int)
    order = rng.permutation(500)
    return pd.DataFrame(X[order]).add_prefix("x"), y[order], groups[order]


def test_a_split_by_rows_is_a_leak_and_one_by_patients_is_not(visits, monkeypatch):
    only(monkeypatch, "look_at_rows")
    X, y, groups = visits
    by_rows = np.random.default_rng(0).integers(0, 5, 500)
    found = row(check_leakage(X, y, groups=groups, split=by_rows, random_state=0), "HM304")
    assert (found["verdict"], found["severity"]) == ("leak", "serious")
    fine = row(check_leakage(X, y, groups=groups, split=GroupKFold(5), random_state=0), "HM304")
    assert (fine["verdict"], fine["severity"]) == ("note", "note")
    assert np.isnan(fine["estimate"])
    nothing = row(check_leakage(X, y, groups=groups, random_state=0), "HM304")
    assert nothing["verdict"] == "note"
    assert nothing["estimate"] == pytest.approx(found["estimate"], abs=0.15)


def test_a_column_that_looks_like_the_patient_is_asked_about(visits, monkeypatch):
    only(monkeypatch, "look_at_rows")
    X, y, groups = visits
    result = check_leakage(X.assign(patient_id=1000 + groups), y, random_state=0)
    found = row(result, "HM304")
    assert (found["verdict"], found["severity"]) == ("ask", "moderate")
    assert found["columns"] == ("patient_id",)


# columns


def test_declared_columns_are_a_leak_and_strong_ones_a_question(monkeypatch):
    only(monkeypatch, "look_at_columns", "look_at_suspects")
    X, y, rng = plain(4)
    X["panel"] = y + 0.35 * rng.normal(size=N)
    asked = row(check_leakage(X, y, random_state=0), "HM301")
    assert (asked["verdict"], asked["severity"], asked["columns"]) == (
        "ask",
        "serious",
        ("panel",),
    )
    said = check_leakage(X, y, known_after="panel", random_state=0)
    assert said.table["code"].tolist() == ["HM303"]
    assert (row(said, "HM303")["verdict"], row(said, "HM303")["severity"]) == ("leak", "serious")
    assert row(said, "HM303")["estimate"] == pytest.approx(asked["estimate"], abs=0.01)
    lenient = check_leakage(
        X, y, known_after="panel", severity_rules={"auroc": 0.5}, random_state=0
    )
    assert row(lenient, "HM303")["severity"] == "note"


def test_the_outcome_itself_is_asked_about_and_never_called_a_leak(monkeypatch):
    only(monkeypatch, "look_at_columns", "look_at_suspects")
    X, y, _ = plain(5)
    result = check_leakage(X.assign(lane=np.where(y == 1, "p", "q")), y, random_state=0)
    found = row(result, "HM301")
    assert (found["verdict"], found["severity"]) == ("ask", "serious")
    only_it = check_leakage(pd.DataFrame({"lane": np.where(y == 1, "p", "q")}), y, random_state=0)
    assert "no other column is left" in row(only_it, "HM301")["meaning"]


@pytest.mark.parametrize("written", ["date", "text"])
def test_dates_after_the_prediction_are_a_leak_by_observation(written, monkeypatch):
    only(monkeypatch, "look_at_columns")
    X, y, rng = plain(6)
    time = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, N), "D"))
    moved = (time + pd.Timedelta("2D")).where(rng.uniform(size=N) < 0.1 + 0.7 * y)
    before = time - pd.Timedelta("30D")
    if written == "text":
        time, moved, before = (d.dt.strftime("%Y-%m-%d") for d in (time, moved, before))
    X = X.assign(moved=moved, before=before)
    result = check_leakage(X, y, time=time, random_state=0)
    found = row(result, "HM303")
    assert (found["verdict"], found["severity"], found["columns"]) == (
        "leak",
        "serious",
        ("moved",),
    )
    assert not (check_leakage(X, y, random_state=0).table["verdict"] == "leak").any()


# encodings and other steps


def test_encodings_by_their_own_outcomes_are_a_leak(monkeypatch):
    only(monkeypatch, "look_at_encoded")
    X, y, rng = plain(7)
    level = rng.integers(0, 100, N)
    rate = np.bincount(level, y) / np.maximum(np.bincount(level), 1)
    found = row(check_leakage(X.assign(ward=rate[level]), y, random_state=0), "HM309")
    assert (found["verdict"], found["severity"], found["columns"]) == ("leak", "serious", ("ward",))
    table = X.assign(ward=rate[level], ward_name=[f"w{k}" for k in level])
    source = row(check_leakage(table, y, random_state=0), "HM309")
    assert "the same encoding learnt from training rows" in source["meaning"]
    assert source["lower"] > 0.02


def test_scaling_over_all_rows_is_named_and_costs_nothing(monkeypatch):
    only(monkeypatch, "look_at_prepared")
    X, y, _ = plain(8)
    X["x0"] = (X["x0"] - X["x0"].mean()) / X["x0"].std()
    X["x1"] = X["x1"].where(np.arange(N) % 5 > 0, X["x1"][np.arange(N) % 5 > 0].mean())
    found = row(check_leakage(X, y, random_state=0), "HM309")
    assert (found["verdict"], found["severity"]) == ("note", "note")
    assert found["columns"] == ("x0", "x1")
    assert abs(found["estimate"]) < 0.01


def test_a_fitted_step_is_compared_with_the_training_rows(monkeypatch):
    only(monkeypatch, "look_at_prepared")
    rng = np.random.default_rng(9)
    X, y = pd.DataFrame(rng.normal(size=(120, 40))).add_prefix("m"), rng.integers(0, 2, 120)
    train, test = np.arange(60), np.arange(60, 120)
    chosen = SelectKBest(f_classif, k=4)
    given = {"split": (train, test), "random_state": 0}
    seen = row(check_leakage(X, y, transformer=chosen.fit(X, y), **given), "HM309")
    assert seen["n_samples"] == 60
    assert seen["estimate"] > 0.05
    fine = check_leakage(X, y, transformer=chosen.fit(X.iloc[train], y[train]), **given)
    assert not len(fine.table)
    other = check_leakage(X, y, transformer=chosen.fit(X.iloc[:50], y[:50]), **given)
    assert "neither" in other.not_assessed.set_index("code").loc["HM309", "reason"]
    no_split = check_leakage(X, y, transformer=chosen, random_state=0)
    assert "split" in no_split.not_assessed.set_index("code").loc["HM309", "reason"]
    scaled = check_leakage(X, y, transformer=StandardScaler().fit(X), **given)
    assert row(scaled, "HM309")["severity"] != "serious"


# order, eligibility, gaps


def test_a_sorted_file_and_its_row_number_are_asked_about(monkeypatch):
    only(monkeypatch, "look_at_order")
    X, y, rng = plain(10)
    order = np.argsort(rng.normal(size=N) + 2.5 * y)
    X, y = X.iloc[order], y[order]
    found = row(check_leakage(X, y, random_state=0), "HM213")
    assert (found["verdict"], found["severity"]) == ("ask", "moderate")
    known = check_leakage(X, y, time=np.arange(N) // 20, random_state=0)
    assert row(known, "HM213")["severity"] == "note"
    numbered = row(check_leakage(X.assign(line=np.arange(N)), y, random_state=0), "HM308")
    assert (numbered["verdict"], numbered["columns"]) == ("ask", ("line",))
    assert numbered["severity"] == "moderate"


def test_a_count_of_later_rows_is_a_leak_by_observation(visits, monkeypatch):
    only(monkeypatch, "look_at_order")
    X, y, groups = visits
    keep = np.random.default_rng(0).uniform(size=500) < 0.6
    X, y, groups = X[keep], y[keep], groups[keep]
    counted = X.assign(stays=np.bincount(groups)[groups])
    found = row(check_leakage(counted, y, groups=groups, random_state=0), "HM306")
    assert (found["verdict"], found["columns"]) == ("leak", ("stays",))


def test_a_stratum_without_events_is_asked_about(monkeypatch):
    only(monkeypatch, "look_at_eligibility", "look_at_suspects")
    X, y, rng = plain(11)
    dead = X["x0"] + X["x1"] + rng.normal(size=N) > 1.8
    X["ward"] = np.where(dead, "d", rng.choice(["a", "b"], N))
    y = np.where(dead, 0, y)
    result = check_leakage(X, y, random_state=0)
    found = row(result, "HM103")
    assert (found["verdict"], found["columns"]) == ("ask", ("ward",))
    assert f"1 level of ward: 0 events in {dead.sum()} rows" in found["evidence"]
    # a flag of what became of the patients is no question of who is eligible
    named = check_leakage(X.rename(columns={"ward": "status"}), y, random_state=0)
    found = row(named, "HM302")
    assert (found["verdict"], found["columns"]) == ("ask", ("status",))
    assert "HM103" not in set(named.table["code"])


def test_gaps_that_tell_the_outcome_are_a_note(monkeypatch):
    only(monkeypatch, "look_at_missingness")
    X, y, rng = plain(12)
    X.loc[rng.uniform(size=N) < 0.2 + 0.4 * y, "x5"] = np.nan
    found = row(check_leakage(X, y, random_state=0), "HM210")
    assert (found["verdict"], found["severity"]) == ("note", "note")
    assert found["meaning"] == "AUC with missing indicators minus AUC without"
    assert found["lower"] > 0.02
    site = np.where(X["x5"].isna() & (rng.uniform(size=N) < 0.6), "a", "b")
    asked = row(check_leakage(X, y, site=site, random_state=0), "HM210")
    assert (asked["verdict"], asked["severity"]) == ("ask", "moderate")


# what is handed in


def test_a_schema_declares_the_roles(visits, monkeypatch):
    only(monkeypatch, "look_at_columns", "look_at_rows")
    X, y, groups = visits
    rng = np.random.default_rng(1)
    table = X.assign(who=groups, died=y, late=y + 0.3 * rng.normal(size=500))
    schema = Schema(outcome="died", patient="who", known_after="late")
    result = check_leakage(table, schema=schema, random_state=0)
    assert row(result, "HM303")["columns"] == ("late",)
    assert row(result, "HM304")["verdict"] == "note"
    names = check_leakage(table, "died", groups="who", known_after="late", random_state=0)
    assert row(names, "HM303")["estimate"] == row(result, "HM303")["estimate"]


def test_a_procedure_that_needs_the_suspects_falls_back_to_the_default(monkeypatch):
    only(monkeypatch, "look_at_columns", "look_at_suspects")
    X, y, rng = plain(13)
    X["panel"] = y + 0.35 * rng.normal(size=N)

    class Needs(LogisticRegression):
        def fit(self, X, y):
            assert "panel" in X
            return super().fit(X, y)

    result = check_leakage(X, y, estimator=Needs(), random_state=0)
    assert "could not be refitted on fewer columns" in result.estimand
    assert row(result, "HM301")["severity"] == "serious"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"y": None}, "y is missing"),
        ({"known_after": "zz"}, "known_after names 'zz'"),
        ({"groups": "zz"}, "groups names a column that X does not have"),
        ({"split": np.full(N, 0.5)}, "number of a fold"),
        ({"split": ([0, 1], [N])}, "outside 0 to"),
        ({"split": [([0], [1], [2])]}, r"\(train, test\)"),
        ({"test": 3}, "test must be"),
        ({"test": (1, 2), "split": [([0], [1])]}, "not both"),
        ({"random_state": "x"}, "random_state"),
    ],
)
def test_mistakes_are_named(call, words):
    X, y, _ = plain(14)
    call = {"y": y, **call}
    with pytest.raises(InputError, match=words):
        check_leakage(X, call.pop("y"), **call)


def test_tables_that_do_not_fit_together_are_refused():
    X, y, _ = plain(15)
    with pytest.raises(InputError, match="different columns"):
        check_leakage(X, y, test=(X.iloc[:, :3], y))
    with pytest.raises(InputError, match="both tables"):
        check_leakage(X, y, test=(X, y, np.arange(N)))
    with pytest.raises(InputError, match="one for each row"):
        check_leakage(X, y[:10])


def test_no_message_holds_a_cell(drawn, monkeypatch):
    only(monkeypatch, "look_at_rows", "look_at_columns")
    X, y, _ = drawn
    X = X.assign(name=[f"secret {k % 40}" for k in range(len(X))])
    result = check_leakage(X, y, estimator=make_pipeline(_NumbersOnly(), LogisticRegression()))
    assert "secret" not in result.summary() + str(result.table.to_dict())


class _NumbersOnly(StandardScaler):
    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X.select_dtypes("number"))

    def transform(self, X, copy=None):
        return super().transform(X.select_dtypes("number"))
