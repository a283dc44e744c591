"""Columns are suspected by what they do; honest strong ones and names alone are not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

import healthml
from healthml.validation._leakage import find_leaks, make_case
from healthml.validation._leakage.case import Screening
from healthml.validation._leakage.check import screen
from healthml.validation._leakage.columns.jumps import find_jump
from healthml.validation._leakage.columns.suspect_findings import look_at_suspects
from healthml.validation._leakage.columns.suspects import Suspect, _independent, _jump_of, _jumps
from healthml.validation._leakage.rows import made_rows
from healthml.validation._leakage.rows.alike_rows import acts_as_identifier, rows_alike
from healthml.validation._leakage.rows.made_rows import find_made_rows
from healthml.validation._leakage.rows.patient_numbers import look_at_numbers

N = 900


def expit(x):
    return 1 / (1 + np.exp(-x))


def honest(seed, n=N):
    """Return two honest columns, the outcome they tell, and a generator."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age": rng.normal(65, 10, n).round(), "lab": rng.normal(size=n).round(2)})
    risk = expit(0.05 * (X["age"] - 65) + X["lab"] - 1)
    return X, (rng.random(n) < risk).astype(int).to_numpy(), rng


def suspects(X, y, **roles):
    """Return the suspects of a table and their kinds."""
    case = make_case(X, y, seed=0, **roles)
    return {name: suspect.kind for name, suspect in screen(case).suspects.items()}


def follow_up(rng, n):
    """Return times to death or to the end of a study that takes patients in for ten years."""
    entry, death = rng.uniform(0, 3650, n), rng.exponential(3000, n)
    end = 4015 - entry
    return np.minimum(death, end), (death <= end).astype(int)


@pytest.mark.parametrize("seed", range(3))
def test_a_follow_up_time_jumps_where_nobody_was_followed_for_so_short(seed):
    time, y = follow_up(np.random.default_rng(seed), N)
    jump = find_jump(time, y)
    assert jump.event
    assert time[jump.rows].max() < 450
    assert abs(jump.rows.sum() - (time < 365).sum()) < 0.03 * N
    assert 0.35 < jump.expected < 0.8


@pytest.mark.parametrize(
    "curve",
    [
        lambda x: x - 1,
        lambda x: 2 * x - 2,
        lambda x: 4 * x,
        lambda x: 2 * x**2 - 2,
        lambda x: 2 * np.exp(x) - 3,
        lambda x: 3 * np.tanh(x) - 1,
    ],
)
def test_a_smooth_risk_however_steep_is_no_jump(curve):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=1500)
        assert find_jump(x, (rng.random(1500) < expit(curve(x))).astype(int)) is None


def test_rows_of_one_patient_with_one_value_are_one_measurement():
    """A join that tripled every row made three times the evidence of an honest column."""
    rng = np.random.default_rng(1)
    value = rng.normal(size=900)
    y = (rng.random(900) < np.where(value < 0, 0.02, 0.2)).astype(int)
    patient = np.repeat(np.arange(900), 3)
    assert find_jump(value[patient], y[patient]) is not None
    case = SimpleNamespace(likely_units=patient, y=y[patient])
    assert find_jump(value, y) is None
    assert _jump_of(case, value[patient]) is None


def test_a_score_of_zero_is_a_level_and_no_stretch():
    rng = np.random.default_rng(0)
    calcium = np.where(rng.random(2000) < 0.45, 0, np.exp(rng.normal(4, 1.5, 2000)).round())
    risk = np.where(calcium == 0, 0.002, expit(0.5 * np.log1p(calcium) - 3))
    y = (rng.random(2000) < risk).astype(int)
    assert find_jump(calcium, y) is None
    table = pd.DataFrame({"calcium": calcium, "age": rng.normal(60, 9, 2000).round()})
    assert suspects(table, y) == {}


def test_a_date_that_only_the_dead_have_is_suspected_by_being_there():
    X, y, rng = honest(1)
    there = (y == 1) & (rng.random(N) < 0.5)
    found = suspects(X.assign(note=np.where(there, rng.integers(1, 400, N), np.nan)), y)
    assert found == {"note": "always"}
    at_random = rng.random(N) < 0.3
    assert suspects(X.assign(note=np.where(at_random, rng.integers(1, 400, N), np.nan)), y) == {}


def test_the_later_of_two_dates_is_suspected_where_their_difference_tells():
    X, _, rng = honest(2)
    start = rng.integers(3000, 4000, N)
    stay = rng.exponential(60, N).round() + 1
    table = X.assign(first=start, second=start + stay)
    assert suspects(table, (stay < 30).astype(int)) == {"second": "difference"}
    honest_gap = X.assign(first=start, second=start + rng.exponential(60, N).round())
    assert suspects(honest_gap, (stay < 30).astype(int)) == {}


def test_leaks_do_not_mask_each_other():
    X, y, rng = honest(3)
    for k in range(4):
        X[f"panel_{k}"] = (4.2 * y + rng.normal(size=N)).round(2)
    assert set(suspects(X, y)) == {f"panel_{k}" for k in range(4)}


def test_a_strong_honest_column_is_no_suspect():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        grade = rng.integers(0, 4, 1500)
        y = (rng.random(1500) < np.array([0.01, 0.06, 0.3, 0.7])[grade]).astype(int)
        table = pd.DataFrame({"grade": grade, "lab": rng.normal(size=1500)})
        assert suspects(table, y) == {}


def test_a_safe_level_makes_an_honest_column_strong_and_no_suspect():
    for seed in range(3):
        X, _, rng = honest(seed, 1200)
        needed = rng.random(1200) < expit(X["lab"] - 1.6)
        y = (rng.random(1200) < np.where(needed, expit(X["lab"] + 0.5), 0.005)).astype(int)
        assert suspects(X.assign(support=needed.astype(int)), y) == {}
        marker = (3.2 * y + rng.normal(size=1200)).round(2)
        assert suspects(X.assign(marker=marker), y) == {"marker": "strong"}


def test_a_name_alone_suspects_nobody_but_helps():
    X, y, rng = honest(4)
    weak = X.assign(dnr1=np.where(rng.random(N) < 0.1 + 0.1 * y, 1, 0))
    assert suspects(weak, y) == {}
    found = find_leaks(make_case(weak, y, seed=0))
    named = [f for f in found.findings if f.code == "HM302"]
    assert [f.severity for f in named] == ["note"]
    strong = X.assign(hosp_los_hours=np.exp(1.9 * y + rng.normal(size=N)).round(1))
    assert suspects(strong, y) == {"hosp_los_hours": "named"}
    assert suspects(strong.rename(columns={"hosp_los_hours": "marker"}), y) == {}


def test_later_names_that_add_much_are_suspected_where_they_add():
    X, y, rng = honest(11, 1500)
    X["lab2"] = (1.6 * y + rng.normal(size=1500)).round(2)
    X["costs"] = rng.normal(size=1500).round(2)
    X["stay_days"] = rng.poisson(6, 1500)
    X["death_2y"] = np.where(rng.random(1500) < 0.05 + 0.6 * y, 1, 0)
    assert suspects(X, y) == {"death_2y": "named"}
    assert suspects(X.rename(columns={"death_2y": "sign"}), y) == {}


def test_the_size_is_the_harm_and_not_what_a_straight_line_can_use():
    X, y, rng = honest(5)
    outside = np.where(rng.random(N) < 0.5, rng.integers(1, 30, N), rng.integers(60, 90, N))
    days = np.where(y == 1, rng.integers(30, 60, N), outside)
    found = find_leaks(make_case(X.assign(days=days), y, seed=0))
    finding = next(f for f in found.findings if f.code == "HM301")
    assert finding.severity == "serious"
    assert finding.columns == ("days",)
    alone = find_leaks(make_case(X, y, seed=0)).case
    auc = alone.judge.score({"base": alone.base_risk}).get("base", "auroc")["estimate"]
    assert finding.effect.estimate == pytest.approx(1 - auc, abs=0.05)


def test_rows_between_two_of_their_class_are_found_and_visits_are_not():
    rng = np.random.default_rng(6)
    X, y = pd.DataFrame(rng.normal(size=(400, 5))).add_prefix("x"), rng.random(400) < 0.15
    more, labels = SMOTE(random_state=0).fit_resample(X, y.astype(int))
    made = find_made_rows(more, np.asarray(labels), np.arange(len(more)))
    assert made.rows[400:].mean() > 0.85
    assert not made.rows[:400].any()
    assert find_made_rows(X, y.astype(int), np.arange(400)) is None
    # a patient's visits, each the mean of the two beside it
    first, last = rng.normal(size=(200, 5)), rng.normal(size=(200, 5))
    visits = pd.DataFrame(np.vstack([first, (first + last) / 2, last])).add_prefix("x")
    patient, died = np.tile(np.arange(200), 3), np.tile(rng.random(200) < 0.3, 3).astype(int)
    assert find_made_rows(visits, died, patient) is None
    assert find_made_rows(visits, died, np.arange(600)) is None


def test_all_made_rows_are_counted_although_only_a_part_is_looked_at_first(monkeypatch):
    rng = np.random.default_rng(6)
    X, y = pd.DataFrame(rng.normal(size=(400, 5))).add_prefix("x"), rng.random(400) < 0.15
    more, labels = SMOTE(random_state=0).fit_resample(X, y.astype(int))
    whole = find_made_rows(more, np.asarray(labels), np.arange(len(more)))
    monkeypatch.setattr(made_rows, "_MOST_ROWS", 60)
    part = find_made_rows(more, np.asarray(labels), np.arange(len(more)))
    np.testing.assert_array_equal(part.rows, whole.rows)
    assert part.share == whole.share == whole.rows.sum() / np.sum(np.asarray(labels) == 1)


def test_made_rows_are_measured():
    rng = np.random.default_rng(7)
    X, y = pd.DataFrame(rng.normal(size=(400, 6))).add_prefix("x"), (rng.random(400) < 0.15)
    more, labels = SMOTE(random_state=0).fit_resample(X, y.astype(int))
    found = find_leaks(make_case(more, np.asarray(labels), seed=0))
    finding = next(f for f in found.findings if "synthetic" in f.title)
    assert finding.severity == "serious"
    assert finding.effect.estimate > 0.2


def test_nobody_is_left_out_for_a_low_step_of_a_scale():
    rng = np.random.default_rng(8)
    grade = rng.integers(0, 4, 1200)
    y = (rng.random(1200) < np.array([0.0, 0.05, 0.2, 0.6])[grade]).astype(int)
    table = pd.DataFrame({"nyha": np.array(["I", "II", "III", "IV"])[grade]})
    table["lab"] = rng.normal(size=1200)
    assert "HM103" not in {f.code for f in find_leaks(make_case(table, y, seed=0)).findings}
    dead = rng.random(1200) < 0.15
    unit = np.where(dead, "closed", rng.choice(["east", "west"], 1200))
    found = find_leaks(make_case(table.assign(unit=unit), np.where(dead, 0, y), seed=0))
    finding = next(f for f in found.findings if f.code == "HM103")
    assert finding.columns == ("unit",)
    assert f"0 events in {int(dead.sum()):,} rows" in finding.evidence


def visits(seed, n=400):
    """Return visits of patients with constant and changing columns, outcome and patients."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n), 1 + rng.poisson(2.5, n))
    size, frailty = len(patient), rng.normal(0, 2, n)
    constant = {
        "sex": rng.choice(["F", "M"], n),
        "born": rng.integers(1930, 1990, n),
        "height": rng.normal(170, 9, n).round(),
        "diabetes": rng.integers(0, 2, n),
    }
    X = pd.DataFrame({name: values[patient] for name, values in constant.items()})
    X["creatinine"] = (rng.normal(size=n)[patient] + 0.5 * rng.normal(size=size)).round(2)
    X["sbp"] = (rng.normal(130, 12, n)[patient] + rng.normal(0, 12, size)).round()
    y = (rng.random(size) < expit(frailty[patient] - 1)).astype(int)
    return X, y, patient


def test_rows_alike_as_visits_are_found_and_measured():
    X, y, patient = visits(9)
    found = find_leaks(make_case(X, y, seed=0))
    finding = next(f for f in found.findings if f.code == "HM304")
    assert set(finding.columns) == {"sex", "born", "height", "diabetes"}
    assert finding.severity == "moderate"
    declared = find_leaks(make_case(X, y, groups=patient, seed=0))
    truth = next(f for f in declared.findings if f.code == "HM304").effect.estimate
    assert finding.effect.estimate == pytest.approx(truth, rel=0.25)


def test_a_column_that_acts_as_an_identifier_is_found_under_any_name():
    X, _, patient = visits(10)
    code = np.random.default_rng(0).permutation(9_999)[patient]
    alike = acts_as_identifier(X.assign(zq=code))
    assert alike.columns == ("zq",)
    np.testing.assert_array_equal(alike.codes, pd.factorize(patient)[0])
    assert acts_as_identifier(X) is None


def test_empty_cells_of_a_date_name_no_patient():
    """A third never had the operation: no date, and no donor's values, which are missing alike."""
    rng = np.random.default_rng(0)
    n, had = 300, np.arange(300) % 3 > 0
    X = pd.DataFrame({"age": rng.normal(60, 9, n).round(1)})
    day = pd.Timestamp("2001-01-01") + pd.to_timedelta(rng.permutation(4000)[:n], "D")
    X["operated_on"] = np.where(had, pd.Series(day).dt.strftime("%Y-%m-%d"), None)
    for name in ("donor_age", "donor_weight", "match"):
        X[name] = np.where(had, rng.normal(size=n).round(2), np.nan)
    assert acts_as_identifier(X) is None
    found = find_leaks(make_case(X, (rng.random(n) < 0.3).astype(int), seed=0))
    assert "HM304" not in {f.code for f in found.findings}


def test_an_empty_patient_number_is_no_patient():
    rng = np.random.default_rng(1)
    number = np.arange(400.0)
    number[:60] = np.nan
    X = pd.DataFrame({"patient_id": number, "age": rng.normal(60, 9, 400).round(1)})
    found = find_leaks(make_case(X, (rng.random(400) < 0.3).astype(int), seed=0))
    assert not any("patient_id" in f.columns for f in found.findings if f.code == "HM304")


def test_people_alike_in_a_few_coarse_columns_are_not_one_patient():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        frailty = rng.normal(size=1500)
        X = pd.DataFrame(rng.integers(0, 4, (1500, 4))).add_prefix("coarse_")
        for k in range(6):
            X[f"disease_{k}"] = (frailty + rng.normal(size=1500) > 0.8).astype(int)
        X["age"] = (60 + 8 * frailty + 8 * rng.normal(size=1500)).round()
        X["lab"] = (frailty + rng.normal(size=1500)).round(2)
        assert rows_alike(X) is None
        assert acts_as_identifier(X) is None
    topics = [u.topic for u in find_leaks(make_case(X, frailty > 1, seed=0)).unknown]
    assert "Is one row one patient?" in topics


def strong_column(seed, auc, n=N):
    """Return honest columns beside one made from the outcome with a given AUC alone."""
    X, y, rng = honest(seed, n)
    X["panel"] = (np.sqrt(2) * norm.ppf(auc) * y + rng.normal(size=n)).round(3)
    return X, y


@pytest.mark.parametrize(("auc", "severity"), [(0.94, "moderate"), (0.96, "serious")])
def test_the_severity_of_a_strong_column_has_no_step_at_perfection(auc, severity):
    """One code at any strength; serious where its AUC alone is surely beyond honest columns."""
    X, y = strong_column(1, auc)
    found = find_leaks(make_case(X, y, seed=0))
    panel = [f for f in found.findings if "panel" in f.columns]
    assert [(f.code, f.severity) for f in panel] == [("HM301", severity)]
    assert "bent lines" in panel[0].evidence
    assert panel[0].effect.lower > 0.02


def test_as_strong_as_honest_columns_is_too_close_to_call():
    X, y = strong_column(1, 0.91)
    found = find_leaks(make_case(X, y, seed=0))
    panel = [f for f in found.findings if "panel" in f.columns]
    assert [(f.code, f.severity) for f in panel] == [("HM302", "note")]
    assert "Too close to call" in panel[0].evidence


def test_a_curved_risk_of_the_others_is_not_counted_to_a_suspect():
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"dose": rng.normal(size=2000), "lab": rng.normal(size=2000)})
    odds = 2 * X["dose"] ** 2 - 2.5
    y = (rng.random(2000) < expit(odds)).astype(int).to_numpy()
    X["panel"] = np.sqrt(2) * norm.ppf(0.97) * y + rng.normal(size=2000)
    finding = next(f for f in find_leaks(make_case(X, y, seed=0)).findings if f.code == "HM301")
    truth = roc_auc_score(y, odds + np.sqrt(2) * norm.ppf(0.97) * X["panel"])
    assert finding.effect.estimate == pytest.approx(truth - roc_auc_score(y, odds), abs=0.02)


def test_bands_of_an_age_do_not_make_it_a_patient_number():
    rng = np.random.default_rng(0)
    age = rng.normal(62, 12, 1500).round()
    X = pd.DataFrame({"age": age, "decile": pd.qcut(pd.Series(age).rank(method="first"), 10)})
    X["decile"] = X["decile"].astype(str)
    X["old"], X["band"] = (age > 65).astype(int), (age // 15).astype(int)
    assert acts_as_identifier(X) is None
    number = rng.integers(0, 400, 1500)
    born, town = rng.integers(1930, 1985, 400), rng.integers(0, 9, 400)
    X = pd.DataFrame({"number": number, "born": born[number], "town": town[number], "age": age})
    assert acts_as_identifier(X).columns == ("number",)


def numbered_visits(seed, share=0.0):
    """Return visits with constant columns, the numbers with some patients under two, and sites."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(700), 2)
    site = rng.integers(0, 4, 700)[patient]
    X = pd.DataFrame({"birth_day": rng.integers(0, 15_000, 700)[patient]})
    X["height"] = rng.normal(170, 9, 700).round()[patient]
    X["sex"] = rng.choice(["F", "M"], 700)[patient]
    X["lab"] = rng.normal(size=1400).round(2)
    second = (rng.random(700) < share)[patient] & (np.arange(1400) % 2 == 1)
    y = (rng.random(1400) < expit(X["lab"] - 1)).astype(int).to_numpy()
    return X, y, np.where(second, patient + 10_000, patient), site


def numbers(X, y, groups, site=None):
    return list(look_at_numbers(make_case(X, y, groups=groups, site=site, seed=0)))


def test_patients_under_two_numbers_are_named_with_their_count():
    X, y, groups, _ = numbered_visits(0, share=0.04)
    (leak,) = numbers(X, y, groups)
    pairs = len(np.unique(groups)) - 700
    assert leak.finding.title == "Some patients may stand under two numbers"
    assert f"{pairs} pairs of the {700 + pairs} patients' numbers" in leak.finding.evidence
    assert numbers(*numbered_visits(0)[:3]) == []
    coarse = X.assign(birth_day=X["birth_day"] // 3000)
    (unknown,) = numbers(coarse, y, groups)
    assert "pairs of patients agree" in unknown.reason
    (unknown,) = numbers(X[["sex", "lab"]], y, groups)
    assert unknown.topic.startswith("Has each patient one number")


def test_numbers_that_differ_in_typing_only_are_named_with_their_count():
    X, y, groups, _ = numbered_visits(2)
    typed = np.array([f"P{number:05d}" for number in groups], dtype=object)
    assert numbers(X, y, typed) == []
    typed[1:9:2] += " "
    typed[21] = typed[21].lower()
    leak = numbers(X, y, typed)[0]
    assert leak.finding.title == "Some patients' numbers differ only in how they were typed"
    assert leak.finding.severity == "note"
    assert "10 of the 705 patients' numbers, in 10 rows, are 5 once" in leak.finding.evidence
    report = healthml.audit(None, X, y, groups=typed, only=["HM304"], random_state=0)
    assert leak.finding.title in [finding.title for finding in report.findings]
    known = np.where([str(number).endswith(" ") for number in typed], np.nan, y.astype(float))
    known[21] = np.nan  # what was typed otherwise has no outcome and is left out
    report = healthml.audit(None, X, known, groups=typed, only=["HM304"], random_state=0)
    assert leak.finding.title not in [finding.title for finding in report.findings]


def test_numbers_that_start_again_at_each_site_are_named():
    X, y, groups, site = numbered_visits(1)
    local = np.zeros(len(X), dtype=int)
    for k in range(4):
        local[site == k] = np.unique(groups[site == k], return_inverse=True)[1]
    (leak,) = numbers(X, y, local, site)
    several = (pd.Series(site).groupby(local).nunique() > 1).sum()
    assert leak.finding.title.startswith("One number seems to stand for different patients")
    assert f"{several} of {local.max() + 1} patients' numbers" in leak.finding.evidence
    assert numbers(X, y, groups, site) == []
    moved = np.where((np.arange(len(X)) % 2 == 1) & (groups < 200), (site + 1) % 4, site)
    assert numbers(X, y, groups, moved) == []


def test_counts_are_suspected_by_what_they_add_or_listed_as_not_assessed():
    X, y, rng = honest(2)
    followed = np.where(y == 1, rng.exponential(0.7, N), rng.uniform(1, 5, N))
    grown = 1 + rng.poisson(2 * followed)
    on_file = find_leaks(make_case(X.assign(**{"visits on file": grown}), y, seed=0))
    finding = next(f for f in on_file.findings if f.columns == ("visits on file",))
    assert (finding.code, finding.severity) == ("HM302", "moderate")
    listed = find_leaks(make_case(X.assign(n_visits=grown), y, seed=0))
    unknown = next(u for u in listed.unknown if u.code == "HM306")
    assert "n_visits is named as" in unknown.reason
    before = find_leaks(make_case(X.assign(prior_visits=grown), y, seed=0))
    assert not [u for u in before.unknown if u.code == "HM306"]


def test_whole_numbers_lie_on_lines_by_chance_and_are_not_called_made():
    rng = np.random.default_rng(2)
    n = 1000
    spread = {"age": (62, 12), "sodium": (139, 3), "pressure": (130, 18), "pulse": (80, 14)}
    X = pd.DataFrame({c: rng.normal(m, s, n).round() for c, (m, s) in spread.items()})
    y = (rng.random(n) < expit(0.05 * (X["age"] - 62) - 2)).astype(int).to_numpy()
    standard = (X - X.mean()) / X.std()
    for table in (X, standard):
        assert find_made_rows(table, y, np.arange(n)) is None
        filled, outcome = SMOTE(random_state=0).fit_resample(table, y)
        made = find_made_rows(filled, outcome, np.arange(len(filled)))
        assert made.event == 1
        assert made.rows[n:].mean() > 0.6
        assert made.rows[:n].mean() < 0.1


def test_made_rows_are_sought_in_suspects_too(monkeypatch):
    """An age of 61.37 among whole ones is suspected for just what shows the made rows."""
    X, y, _ = honest(0)
    tables = []
    monkeypatch.setattr(made_rows, "find_made_rows", lambda table, *_: tables.append(list(table)))
    case = make_case(X, y, seed=0)
    age = Screening(suspects={"age": Suspect("a stretch", None, "jump")})
    assert list(made_rows.look_at_made_rows(replace(case, screening=age))) == []
    assert tables == [["age", "lab"]]


def sick_scale(X):
    return (0.05 * (X["age"] - 65) + X["lab"] - 1).to_numpy()


@pytest.mark.parametrize("share", [0.12, 0.06])
def test_a_level_of_the_sick_without_events_is_asked_about_above_a_note(share):
    """Moved there by their risk: the AUC owes little to six per cent of the rows."""
    X, y, rng = honest(3)
    key = sick_scale(X) + rng.normal(size=len(y))
    off = key > np.quantile(key, 1 - share)
    unit = np.where(off, "annex", rng.choice(["east", "west"], len(y)))
    found = find_leaks(make_case(X.assign(unit=unit), np.where(off, 0, y), seed=0)).findings
    (finding,) = [f for f in found if f.code == "HM103"]
    assert finding.severity in ("moderate", "serious")
    assert finding.columns == ("unit",)
    assert f"0 events in {off.sum()} rows" in finding.evidence


def test_a_reference_level_without_events_leaves_nobody_out():
    X, y, rng = honest(4)
    support = np.where(rng.random(len(y)) < 0.4, "none", rng.choice(["low", "high"], len(y)))
    found = find_leaks(make_case(X.assign(support=support), y * (support != "none"), seed=0))
    assert "HM103" not in {f.code for f in found.findings}


def test_the_last_step_of_a_strong_scale_is_no_leak_and_a_flag_of_the_dead_is():
    """Stages with 10, 40, 80 and 99% events: each step is as far from the one before."""
    rng = np.random.default_rng(0)
    severity = rng.normal(size=1500)
    stage = np.digitize(severity, [-0.8, 0, 1])
    y = (rng.random(1500) < np.array([0.1, 0.4, 0.8, 0.992])[stage]).astype(int)
    X = pd.DataFrame(
        {"stage": np.array(list("ABCD"))[stage], "lab": severity + rng.normal(size=1500)}
    )
    X["age"] = (60 + 8 * severity + rng.normal(0, 8, 1500)).round()
    assert y[stage == 3].mean() > 0.98
    assert suspects(X, y) == {}
    flag = y * (rng.random(1500) < 0.3)
    assert suspects(X.assign(flag=flag), y) == {"flag": "always"}


@pytest.mark.parametrize("leaks", [False, True])
def test_a_model_too_good_by_a_safe_level_is_not_asked_about_and_by_leaks_it_is(leaks):
    """Nobody without an organ support dies; among the others the risk is an ordinary one."""
    rng = np.random.default_rng(1)
    lab = rng.normal(size=2000)
    support = rng.random(2000) < 0.1
    y = (rng.random(2000) < np.where(support, expit(1.5 * lab), 0.0005)).astype(int)
    X = pd.DataFrame({"lab": lab, "support": support.astype(int)})
    if leaks:
        X = X.assign(**{f"p{k}": 0.8 * y + rng.normal(size=2000) for k in range(9)})
    found = find_leaks(make_case(X, y, seed=0))
    headline = found.case.judge.score({"base": found.case.base_risk}).get("base", "auroc")
    assert headline["lower"] > 0.95
    titles = {f.title for f in found.findings if f.severity == "moderate"}
    assert ("The AUC is higher than clinical models reach" in titles) == leaks


def test_a_value_with_decimals_that_a_patient_repeats_is_no_stretch_but_a_patient():
    """Ages to the day at entry, on every visit: some old patients' visits all have the event."""
    rng = np.random.default_rng(2)
    age = rng.normal(55, 10, 250).round(4)
    patient = np.repeat(np.arange(250), rng.integers(2, 9, 250))
    n = len(patient)
    died = (rng.random(250) < 0.4).astype(int)
    died[np.argsort(age)[-14:]] = 1
    X = pd.DataFrame({"age": age[patient], "arm": rng.integers(0, 2, 250)[patient]})
    X["lab"] = (0.8 * died[patient] + rng.normal(size=n)).round(2)
    y = died[patient]
    found = find_leaks(make_case(X, y, seed=0))
    assert not found.suspects
    finding = next(f for f in found.findings if f.code == "HM304")
    assert finding.columns == ("age", "arm")
    assert "Rows with the same age nearly always agree in arm and the outcome" in finding.evidence
    assert f"{X['age'].nunique()} of their combinations" in finding.evidence
    assert _jumps(make_case(X, y, seed=0), ["age"])  # what counting rows as patients would say


def test_visits_told_apart_by_their_month_only_are_found():
    rng = np.random.default_rng(6)
    X = pd.DataFrame({"centre": rng.integers(0, 2, 120), "arm": rng.integers(0, 2, 120)})
    X["age"], X["before"] = rng.integers(15, 70, 120), rng.integers(0, 2, 120)
    visits = X.loc[np.repeat(X.index, 4)].assign(month=np.tile([1, 2, 3, 4], 120))
    alike = rows_alike(visits.reset_index(drop=True))
    assert alike.columns == ("centre", "arm", "age", "before")
    assert "hardly ever agree in month as well" in alike.reason
    anybody = X.sample(480, replace=True, random_state=0).reset_index(drop=True)
    assert rows_alike(anybody.assign(month=rng.integers(1, 5, 480))) is None


def test_columns_that_follow_from_each_other_make_no_patients():
    """Weight, height and their index in whole numbers: three columns agree wherever two do."""
    rng = np.random.default_rng(7)
    height = rng.normal(170, 8, 1500).round()
    weight = (0.9 * height - 75 + rng.normal(0, 6, 1500)).round()
    X = pd.DataFrame({"height": height, "weight": weight})
    X["bmi"] = (weight / (height / 100) ** 2).round(3)
    X["waist"] = (weight + rng.normal(0, 5, 1500)).round()
    assert rows_alike(X) is None


def small_study(seed, name, n=250):
    """Deaths and censored times of a small study, with an honest marker beside."""
    rng = np.random.default_rng(seed)
    marker = rng.normal(size=n)
    death, end = rng.exponential(900 * np.exp(-0.5 * marker)), rng.uniform(300, 2500, n)
    y = (death <= end).astype(int)
    X = pd.DataFrame({"marker": marker, "age": rng.normal(60, 9, n), name: np.minimum(death, end)})
    return X.round(1), y


@pytest.mark.parametrize(("seed", "name"), [(0, "days"), (1, "pg.time"), (2, "rfstime")])
def test_a_bare_time_that_adds_to_all_the_others_is_asked_about(seed, name):
    found = find_leaks(make_case(*small_study(seed, name), seed=0))
    hits = [f for f in found.findings if name in f.columns and f.code in ("HM301", "HM302")]
    assert hits[0].severity in ("moderate", "serious")
    assert f"'{name.replace('.', '')}'" in hits[0].evidence or hits[0].code == "HM301"


def test_a_bare_time_that_adds_nothing_is_noted_at_most():
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"marker": rng.normal(size=600), "time": rng.exponential(90, 600).round()})
    y = (rng.random(600) < expit(X["marker"])).astype(int)
    found = find_leaks(make_case(X, y, seed=0))
    assert {f.severity for f in found.findings if "time" in f.columns} == {"note"}


def test_the_strength_of_a_difference_is_not_called_that_of_its_column():
    rng = np.random.default_rng(5)
    first, stay = rng.integers(2_000, 3_000, 600), rng.exponential(60, 600).round() + 1
    X = pd.DataFrame({"entry": first, "last": first + stay, "age": rng.normal(60, 9, 600).round()})
    y = (stay < 30).astype(int)
    found = find_leaks(make_case(X, y, seed=0))
    words = next(f.evidence for f in found.findings if f.columns == ("last",))
    shown = float(words.rsplit("that difference of last alone ", 1)[1][:5])
    assert shown > 0.97
    assert found.case.screening.alone.table.set_index("column").loc["last", "estimate"] < 0.7


def test_what_stands_out_and_adds_nothing_is_not_accused():
    X, y, rng = honest(8)
    X["day"] = rng.normal(size=N)
    case = make_case(X, y, seed=0)
    found = {"day": Suspect("day: in a stretch", rng.random(N), "jump")}
    case = replace(case, screening=replace(screen(case), suspects=found))
    (leak,) = [leak for leak in look_at_suspects(case) if leak.finding.code == "HM301"]
    assert leak.finding.severity == "note"
    assert leak.finding.title.startswith("day stands out, and was not shown to add")


def test_columns_that_reach_as_much_together_are_named_where_the_model_is_too_good():
    rng = np.random.default_rng(4)
    cause = rng.normal(size=800)
    y = (cause + 0.1 * rng.normal(size=800) > 0.5).astype(int)
    X = pd.DataFrame({f"m{k}": cause + 0.12 * rng.normal(size=800) for k in range(2)})
    X = X.assign(**{f"w{k}": cause + 0.9 * rng.normal(size=800) for k in range(40)})
    found = find_leaks(make_case(X, y, seed=0))
    finding = next(f for f in found.findings if f.code == "HM302" and f.severity == "moderate")
    alone = found.case.screening.alone.table.set_index("column")["estimate"]
    for name in ("m0", "m1"):
        assert f"{name} {alone[name]:.3f}" in finding.evidence
    assert "No column is suspected by what it does alone" not in finding.evidence


def test_rows_that_share_one_outcome_count_as_one_patient():
    """Two carried-forward visits add nothing to what a patient's first one says of a stretch."""
    rng = np.random.default_rng(1)
    grade = np.sort(4 * rng.random(400))
    y = (rng.random(400) < np.where(grade < 1.6, 0.03, 0.25)).astype(int)
    patient = np.tile(np.arange(400), 3)
    visits = np.concatenate([grade + rng.normal(0, 0.004, 400) for _ in range(3)])
    once, thrice = find_jump(grade, y), find_jump(visits, y[patient])
    assert once is None
    assert thrice is not None  # taken as 1,200 patients, they are a jump
    weight = _independent(y[patient], patient)
    np.testing.assert_allclose(weight, 1 / 3)
    assert find_jump(visits, y[patient], weight) is None
    fresh = _independent((rng.random(1200) < 0.2).astype(int), patient)
    assert fresh.min() > 0.85
    np.testing.assert_array_equal(_independent(y, np.arange(400)), np.ones(400))
