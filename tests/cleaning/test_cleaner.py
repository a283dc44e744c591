"""The composition: order, one record, undo, what it cost, and what it leaves alone."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from healthml.cleaning import ClinicalCleaner, PlausibleRange
from healthml.cleaning._cleaner import ORDER
from healthml.datasets import make_ehr_cohort
from healthml.exceptions import CostOfCleaningWarning, InputError
from healthml.schema import Schema

SHARED = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "data" / "dirty_synthetic_ehr"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="HEALTHML_SHARED is not there")


def ward(n=400, seed=0):
    """Return a plain table of adults at two sites."""
    rng = np.random.default_rng(seed)
    height = rng.normal(170, 9, n).round(1)
    sbp = rng.normal(128, 18, n).round()
    return pd.DataFrame(
        {
            "site": rng.choice(["north", "south"], n),
            "sex": rng.choice(["female", "male"], n),
            "height": height,
            "weight": (rng.normal(26, 4, n) * (height / 100) ** 2).round(1),
            "sbp": sbp,
            "dbp": (sbp - rng.normal(48, 9, n)).clip(30).round(),
            "sodium": rng.normal(138, 4, n).round(),
            "creatinine": np.exp(rng.normal(-0.1, 0.4, n)).round(2),
            "temperature": rng.normal(36.9, 0.5, n).round(1),
        }
    )


def dirty(n=400, seed=0):
    """Return the same with one mistake of each kind, and where they are."""
    frame = ward(n, seed).astype(object)
    place = {
        "missing": (5, "sodium", "not done"),
        "comma": (6, "creatinine", f"{frame['creatinine'].iloc[6]}".replace(".", ",")),
        "unit": (7, "temperature", f"{frame['temperature'].iloc[7]} °C"),
        "spelling": (8, "sex", " Male "),
        "impossible": (9, "sodium", 940.0),
        "slip": (10, "height", frame["height"].iloc[10] * 10),
    }
    for row, column, value in place.values():
        frame.loc[row, column] = value
    return frame, place


def test_each_kind_of_mistake_is_found_and_nothing_else():
    frame, place = dirty()
    cleaner = ClinicalCleaner(by="site")
    clean = cleaner.fit_transform(frame)
    record = cleaner.record_.to_frame()
    wrong = record[(record["severity"] == "error") | (record["action"] != "flagged")]
    found = set(zip(wrong["position"], wrong["column"], strict=True))
    assert found == {(row, column) for row, column, _ in place.values()}
    assert pd.isna(clean["sodium"].iloc[5])
    assert clean["creatinine"].iloc[6] == ward()["creatinine"].iloc[6]
    assert clean["temperature"].iloc[7] == ward()["temperature"].iloc[7]
    assert clean["sex"].iloc[8] == "male"
    assert clean["height"].iloc[10] == frame["height"].iloc[10]  # only proposed


def test_apply_repairs_what_propose_flags():
    frame, _ = dirty()
    clean = ClinicalCleaner(by="site", mode="apply").fit_transform(frame)
    assert clean["height"].iloc[10] == pytest.approx(ward()["height"].iloc[10])


def test_looking_and_acting_find_the_same_cells():
    """A cell explained as another unit is not judged again by later steps, in either mode."""
    rng = np.random.default_rng(4)
    n = 800
    site = rng.choice(["A", "B"], n)
    true = np.clip(rng.normal(1.0, 0.3, n), 0.4, 3).round(2)
    frame = pd.DataFrame(
        {"site": site, "creatinine": np.where(site == "B", (true * 88.42).round(), true)}
    )
    counts = {}
    for mode in ("propose", "apply"):
        cleaner = ClinicalCleaner(by="site", mode=mode)
        clean = cleaner.fit_transform(frame)
        counts[mode] = cleaner.record_.counts().groupby(["column", "rule"])["n_cells"].sum()
        if mode == "propose":
            pd.testing.assert_frame_equal(clean, frame)
            cells = cleaner.record_.to_frame().set_index("position")["proposed"].astype(float)
            assert np.abs(cells - true[cells.index]).max() < 0.01
    pd.testing.assert_series_equal(counts["propose"], counts["apply"])
    assert counts["apply"]["creatinine", "unit_mixup"] == (site == "B").sum()


def test_a_clean_table_is_left_as_it_is():
    frame = ward()
    cleaner = ClinicalCleaner(by="site", mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(frame), frame)
    record = cleaner.record_.to_frame()
    assert not (record["severity"] == "error").any()


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_cohort_gets_no_error(seed):
    cohort = make_ehr_cohort(1500, random_state=seed)
    cleaner = ClinicalCleaner(cohort.schema, mode="apply").fit(cohort.X)
    record = cleaner.record_.to_frame()
    assert not (record["severity"] == "error").any()
    assert (record["action"] == "flagged").all()


def test_undo_restores_the_table_and_parts_of_it():
    frame, place = dirty()
    cleaner = ClinicalCleaner(by="site", mode="apply")
    clean = cleaner.fit_transform(frame)
    pd.testing.assert_frame_equal(cleaner.undo(clean), frame)
    rules = cleaner.record_.to_frame()
    rule = rules.loc[rules["position"].eq(8) & rules["column"].eq("sex"), "rule"].iloc[0]
    part = cleaner.undo(clean, rules=rule)
    assert part["sex"].iloc[8] == place["spelling"][2]
    assert part["creatinine"].equals(clean["creatinine"])


def test_one_row_is_cleaned_as_in_the_batch_and_a_surprise_is_recorded():
    frame, _ = dirty()
    cleaner = ClinicalCleaner(by="site", mode="apply").fit(frame)
    clean = cleaner.transform(frame)
    for k in (0, 5, 6, 7, 8, 9, 10):
        pd.testing.assert_frame_equal(cleaner.transform(frame.iloc[[k]]), clean.iloc[[k]])
    new = frame.iloc[[0]].copy()
    new["sodium"], new["sex"] = "<120", "divers"
    cleaner.transform(new)
    said = set(cleaner.record_.to_frame()["column"])
    assert {"sodium", "sex"} <= said


def test_a_unit_written_in_the_cell_decides():
    frame, _ = dirty()
    for row in range(20, 60):
        frame.loc[row, "temperature"] = f"{frame['temperature'].iloc[row] * 1.8 + 32:.1f} F"
    cleaner = ClinicalCleaner(by="site", mode="apply")
    clean = cleaner.fit_transform(frame)
    assert list(clean.columns) == list(frame.columns)
    assert list(cleaner.get_feature_names_out()) == list(frame.columns)
    truth = ward()["temperature"].iloc[20:60]
    assert np.abs(clean["temperature"].iloc[20:60].astype(float) - truth).max() < 0.06
    pd.testing.assert_frame_equal(cleaner.undo(clean), frame)


def test_cleaning_twice_changes_nothing_more():
    frame, _ = dirty()
    once = ClinicalCleaner(by="site", mode="apply").fit_transform(frame)
    twice = ClinicalCleaner(by="site", mode="apply")
    pd.testing.assert_frame_equal(twice.fit_transform(once), once)


def test_steps_can_be_replaced_or_left_out():
    frame, _ = dirty()
    replace = {"plausible_range": PlausibleRange(hard="flag"), "categories": None}
    cleaner = ClinicalCleaner(by="site", replace=replace).fit(frame)
    assert list(cleaner.steps_) == [name for name in ORDER if name != "categories"]
    assert cleaner.transform(frame)["sex"].iloc[8] == " Male "
    with pytest.raises(InputError, match="the steps are"):
        ClinicalCleaner(replace={"sorcery": None}).fit(frame)
    with pytest.raises(InputError, match="mode="):
        ClinicalCleaner(mode="guess").fit(frame)
    with pytest.raises(InputError, match="by="):
        ClinicalCleaner(by="planet").fit(frame)


def test_learnt_on_the_training_rows_only_inside_a_pipeline():
    cohort = make_ehr_cohort(600, preset="one:sentinels", random_state=1)
    columns = ["glucose", "hemoglobin", "sodium", "creatinine", "age"]
    from healthml.imputation import ChainedImputer

    pipe = make_pipeline(
        ClinicalCleaner(), ChainedImputer(m=1, n_iter=2, random_state=0), LogisticRegression()
    )
    scores = cross_val_score(pipe, cohort.X[columns], cohort.y, cv=3, scoring="roc_auc")
    assert np.isfinite(scores).all()


def test_summary_counts_by_group_and_outcome():
    frame, _ = dirty()
    cleaner = ClinicalCleaner(by="site").fit(frame)
    y = np.arange(len(frame)) % 2
    table = cleaner.summary(y)
    row = table[table["rule"].str.startswith("missing_code")].iloc[0]
    assert (row["n_cells"], row["n_samples"], row["n_events"]) == (1, 400, 1)
    assert row["lower"] < row["share"] < row["upper"]
    by_site = cleaner.summary(y, by=frame["site"])
    assert by_site.groupby(["column", "rule"])["n_cells"].sum().max() == 1
    assert set(by_site["group"]) == {"north", "south"}
    with pytest.raises(InputError, match="values"):
        cleaner.summary(y[:3])


def sick_and_well(n=4000, effect=0.0, seed=0):
    """Return a table whose high creatinine is real, and an outcome that may go with it."""
    rng = np.random.default_rng(seed)
    creatinine = np.exp(rng.normal(0, 0.4, n)).round(2)
    dialysis = rng.random(n) < 0.08
    creatinine[dialysis] = rng.uniform(6.5, 12, dialysis.sum()).round(2)
    y = (rng.random(n) < 0.2 + effect * dialysis).astype(int)
    return pd.DataFrame({"creatinine": creatinine}), y, dialysis


def tight():
    """Return a cleaner that deletes the sickest, as a cap that is too tight does."""
    step = PlausibleRange(limits={"creatinine": (0, 5)})
    return ClinicalCleaner(replace={"plausible_range": step})


def test_cost_warns_when_the_sick_are_deleted():
    frame, y, dialysis = sick_and_well(effect=0.3)
    cleaner = tight().fit(frame)
    with pytest.warns(CostOfCleaningWarning, match="creatinine"):
        cost = cleaner.cost_of_cleaning(y)
    row = cost.table.iloc[0]
    assert row["n_touched"] == dialysis.sum()
    assert row["estimate"] == pytest.approx(y[dialysis].mean() - y[~dialysis].mean())
    assert row["lower"] > 0.02
    ax = cost.plot()
    assert "rest" in ax.get_xlabel()


def test_cost_is_silent_when_chance_decides():
    with warnings.catch_warnings():
        warnings.simplefilter("error", CostOfCleaningWarning)
        for seed in range(40):
            frame, y, _ = sick_and_well(n=1500, seed=seed)
            tight().fit(frame).cost_of_cleaning(y, sensitive_features=np.arange(len(y)) % 3)


def test_cost_sees_a_group_and_repeated_patients():
    frame, y, dialysis = sick_and_well(effect=0.0)
    cleaner = tight().fit(frame)
    group = np.where(dialysis, "a", np.where(np.arange(len(y)) % 2, "a", "b"))
    with pytest.warns(CostOfCleaningWarning, match="group"):
        cost = cleaner.cost_of_cleaning(y, sensitive_features=group)
    wide = cleaner.cost_of_cleaning(y, groups=np.arange(len(y)) // 40).table.iloc[0]
    narrow = cost.table.iloc[0]
    assert wide["estimate"] == pytest.approx(narrow["estimate"])
    with pytest.raises(InputError, match="rows"):
        cleaner.cost_of_cleaning(y[:10])


def test_missing_codes_cost_nothing():
    frame, y, dialysis = sick_and_well(effect=0.3)
    frame["creatinine"] = frame["creatinine"].astype(object)
    frame.loc[dialysis, "creatinine"] = "not done"
    cleaner = ClinicalCleaner().fit(frame)
    assert len(cleaner.cost_of_cleaning(y).table) == 0


def test_schema_takes_the_place_of_the_facts():
    frame = ward()
    frame.loc[3, "sodium"] = 150.0
    schema = Schema(variables={"sodium": {"hard": (100, 149), "missing_codes": [138]}})
    cleaner = ClinicalCleaner(schema).fit(frame)
    rows = cleaner.record_.to_frame()
    assert ((rows["position"] == 3) & (rows["action"] == "blanked")).any()
    assert cleaner.transform(frame)["sodium"].ne(138).all()


@needs_shared
@pytest.mark.parametrize("mode", ["propose", "apply"])
def test_development_table(mode):
    from collections import defaultdict

    expected = json.loads((SHARED / "dirty_ehr_dev.expected.json").read_text(encoding="utf-8"))
    frame = pd.read_csv(SHARED / "dirty_ehr_dev.csv", keep_default_na=False, na_values=[""])
    cleaner = ClinicalCleaner(by="site", mode=mode).fit(frame)
    rows = cleaner.record_.to_frame()
    rows = rows[(rows["severity"] == "error") | (rows["action"] != "flagged")]
    found = set(zip(rows["position"], rows["column"], strict=True))
    kinds = defaultdict(list)
    for row, column, kind, *_ in expected["cells"]:
        kinds[kind].append((row, column) in found)
    recall = {kind: np.mean(hits) for kind, hits in kinds.items()}
    assert min(recall.values()) >= 0.80, recall
    assert np.median(list(recall.values())) >= 0.95
    truth = {(row, column) for row, column, *_ in expected["cells"]}
    judged = {cell for cell in found if cell[0] < 2000}
    assert len(judged & truth) / len(judged) >= 0.98
    assert not {(row, column) for row, column, *_ in expected["must_not_change"]} & found


@needs_shared
def test_clean_control():
    frame = pd.read_csv(SHARED / "dirty_ehr_dev_clean_control.csv")
    cleaner = ClinicalCleaner(by="site", mode="apply").fit(frame)
    rows = cleaner.record_.to_frame()
    assert (rows["action"] == "flagged").all()
    assert not (rows["severity"] == "error").any()
