"""Every check names its pitfall in a table that has it, and not in one that does not.

Each table is audited once and the look of every check is kept; a report without a check is then
put together from the kept looks of the others.
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import healthml
from healthml._core._findings import CODES
from healthml.datasets import make_ehr_cohort
from healthml.reporting._audit import asking, assemble
from healthml.reporting._checks import CHECKS, Check
from healthml.reporting._checks.cohort import _merged
from healthml.resampling import PrevalenceAdjustedClassifier
from healthml.schema import Schema

FEW = ["age", "sex", "heart_rate", "resp_rate", "lactate", "albumin"]
SEED = {"random_state": 0, "n_repeats": 1}


@dataclass
class Audited:
    """A report, and what each check contributed to it."""

    report: object
    case: object
    looks: dict

    def without(self, check):
        """Return the report that is left when a check is removed."""
        kept = [_replay(name, look) for name, look in self.looks.items() if name != check]
        with pytest.MonkeyPatch.context() as patch:
            _ask(patch, kept)
            patch.setattr(assemble, "measure", lambda case, _: (case, {}))  # the kept one is
            return assemble.make_report(self.case, "procedure")

    def named(self, code):
        """Return all columns of the findings with a code; None if there is no such finding."""
        found = [f for f in self.report.findings if f.code == code]
        return {str(c) for f in found for c in f.columns} if found else None

    def finding(self, code):
        return next(f for f in self.report.findings if f.code == code)

    def severities(self, code):
        return {f.severity for f in self.report.findings if f.code == code}


def _replay(name, look):
    """Return a check that hands back the look that was kept."""
    return Check("", lambda case: look, (), name=name)


def _ask(patch, checks):
    """Let an audit ask these checks only."""
    for module in (assemble, asking):
        patch.setattr(module, "CHECKS", tuple(checks))


def audited(*args, **kwargs):
    """Run an audit and keep the look of every check."""
    looks, cases = {}, []

    def kept(check):
        def run(case):
            cases.append(case)
            return looks.setdefault(check.look.__name__, check.look(case))

        return replace(check, look=run)

    with pytest.MonkeyPatch.context() as patch:
        _ask(patch, [kept(check) for check in CHECKS])
        report = healthml.audit(*args, **{**SEED, **kwargs})
    return Audited(report, cases[-1], looks)  # the first checks run before the case is measured


def logistic(score, rng):
    return (rng.uniform(size=len(score)) < 1 / (1 + np.exp(-score))).astype(int)


def people(n, rng):
    """Return a small clean table of independent patients and its log-odds."""
    table = pd.DataFrame(
        {
            "age": rng.normal(65, 12, n).round(),
            "sex": rng.choice(["f", "m"], n),
            "marker": rng.normal(size=n).round(3),
            "second": rng.normal(size=n).round(3),
            "noise": rng.normal(size=n).round(3),
        }
    )
    score = 1.5 * table["marker"] + 0.8 * table["second"] + 0.02 * (table["age"] - 65) - 0.8
    return table, score.to_numpy()


# --- the tables ---------------------------------------------------------------------------------


def make_clean():
    """Everything declared, nothing wrong: the counter-example of nearly all checks."""
    rng = np.random.default_rng(1)
    cohort = make_ehr_cohort(
        1200, prevalence=0.3, auc=0.85, encounters_per_patient=1.3, random_state=1
    )
    table = cohort.to_frame()[["patient_id", "site", "year", *FEW, "icu_transfer"]]
    table["old_score"] = (0.2 + 0.1 * cohort.truth.risk + rng.normal(0, 0.1, 1200)).clip(0, 1)
    schema = Schema(
        outcome="icu_transfer",
        patient="patient_id",
        site="site",
        time="year",
        sensitive="sex",
        score="old_score",
        prediction_time="at admission",
        follow_up=None,
        eligibility="age >= 18",
    )
    return audited(None, table, schema=schema)


def make_dirty():
    """Sentinels, words for missing, impossible values, odd columns: what is in the columns."""
    rng = np.random.default_rng(2)
    cohort = make_ehr_cohort(
        900,
        prevalence=0.3,
        defects={"sentinels": 0.06, "missing_strings": 0.05, "future_count": 1.0},
        random_state=2,
    )
    X, n = cohort.X.drop(columns=["site", "year", "ethnicity", "spo2"]), 900
    # All different: one impossible value in many cells would be a code for missing (HM201).
    X.loc[rng.choice(n, 25, replace=False), "sbp"] = np.arange(800, 900, 4)
    X["nothing"] = 1
    X["crp"] = np.where(rng.uniform(size=n) < 0.1, "> 250", rng.uniform(1, 250, n).round(1))
    X["ward"] = rng.choice(["East", "east ", "West"], n)
    X["unit_code"] = rng.choice([3, 7, 12, 41], n)
    urine = rng.normal(2000, 500, n).round()
    X["urine"] = np.where(rng.uniform(size=n) < 0.15, 2502.0, urine)
    X["temperature_f"] = X["temperature"] * 1.8 + 32
    risk = cohort.truth.risk
    X["pred_mortality"] = (risk + rng.normal(0, 0.05, n)).clip(0.001, 0.999)
    X["record_id"] = rng.permutation(np.arange(500_000, 500_000 + 7 * n, 7))
    worried = rng.uniform(size=n) < np.where(risk > np.median(risk), 0.95, 0.1)
    X["troponin"] = np.where(worried, rng.lognormal(size=n).round(3), np.nan)
    place = np.arange(n) / n
    X["bnp"] = np.where(rng.uniform(size=n) < 0.1 + 0.8 * place, np.nan, rng.normal(size=n))
    return audited(None, X, cohort.y, groups=cohort.groups)


def make_copies():
    """Exact and near copies, the near ones under new patient numbers."""
    cohort = make_ehr_cohort(
        800, defects={"exact_duplicates": 0.05, "near_duplicates": 0.08}, random_state=3
    )
    return audited(None, cohort.X, cohort.y, groups=cohort.groups)


def make_answer():
    """The outcome under another name."""
    cohort = make_ehr_cohort(700, prevalence=0.3, preset="one:leak_perfect", random_state=4)
    return audited(None, cohort.X[[*FEW, "discharge_unit"]], cohort.y)


def make_later():
    """A column named for a later time, and one declared as known after."""
    cohort = make_ehr_cohort(
        700, prevalence=0.3, defects={"leak_noisy": 0.97, "leak_time": 0.87}, random_state=5
    )
    X = cohort.X[[*FEW, "alert_score", "hosp_los_hours"]]
    return audited(None, X, cohort.y, known_after=["alert_score"])


def make_useless():
    """Noise in many columns, few events, and a good score already in use."""
    rng = np.random.default_rng(6)
    n = 600
    X = pd.DataFrame(rng.normal(size=(n, 30)).round(3), columns=[f"lab{k}" for k in range(30)])
    X.insert(0, "age", rng.normal(60, 15, n).round())
    risk = 1 / (1 + np.exp(-(0.12 * (X["age"] - 60) - 2.5)))
    y = (rng.uniform(size=n) < risk).astype(int)
    return audited(None, X, y, score=np.asarray(risk), threshold_range=(0.4, 0.6))


def make_extreme():
    """A procedure whose risks are far too extreme, with events in plenty."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(7)
    X, score = people(900, rng)
    X = X.drop(columns="sex")
    forest = RandomForestClassifier(15, min_samples_leaf=1, random_state=0)
    return audited(forest, X, logistic(0.6 * score, rng))


def make_lower():
    """A procedure that lifts every risk as if the event were frequent."""
    rng = np.random.default_rng(13)
    X, score = people(900, rng)
    lifted = PrevalenceAdjustedClassifier(LogisticRegression(), prevalence=0.6)
    return audited(lifted, X.drop(columns="sex"), logistic(score - 1.5, rng))


def make_balanced():
    """A procedure whose class weights lift every risk."""
    rng = np.random.default_rng(13)
    X, score = people(900, rng)
    weighted = LogisticRegression(class_weight="balanced")
    return audited(weighted, X.drop(columns="sex"), logistic(score - 1.5, rng))


def make_places():
    """Sites with another outcome rate and other records; later years with many more events."""
    rng = np.random.default_rng(8)
    X, score = people(1200, rng)
    site = rng.choice(["a", "b", "c"], 1200)
    year = rng.integers(2015, 2021, 1200)
    y = logistic(score + np.where(site == "c", 2.0, -0.5) + np.where(year > 2018, 1.5, -0.3), rng)
    X.loc[(site == "c") & (rng.uniform(size=1200) < 0.7), "noise"] = np.nan
    stage = np.where(y == 0, "none", np.where(rng.uniform(size=1200) < 0.5, "mild", "severe"))
    stage = np.where((site == "a") & (stage == "severe"), "mild", stage)
    event = pd.Series(stage).map({"none": 0, "mild": 1, "severe": 2})
    X["smoker"] = np.where(rng.uniform(size=1200) < 0.3, "yes", "no")
    X["smoker"] = X["smoker"].mask(site == "b", X["smoker"].str[0].str.upper())
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, 1200), "D")
    X["seen_on"] = day.strftime("%d/%m/%Y")
    return audited(None, X, event, event=">0", site=site, time=year)


def make_groups():
    """One group ranked at random and with wrong risks, one of eight people, some unknown."""
    rng = np.random.default_rng(9)
    X, score = people(1300, rng)
    origin = rng.choice(["A", "B"], 1300, p=[0.7, 0.3]).astype(object)
    origin[rng.choice(1300, 8, replace=False)] = "tiny"
    score = np.where(origin == "B", 1.0, score - 0.8)
    y = logistic(score, rng)
    return audited(None, X, y, sensitive_features=pd.DataFrame({"origin": origin}))


def make_cohort():
    """Missing outcomes, patients who cannot have the outcome, stays in several rows."""
    rng = np.random.default_rng(10)
    patients, X, y, stays = [], [], [], []
    stay = 0
    for patient in range(350):
        for _ in range(rng.integers(1, 4)):
            rows = 1 + (rng.uniform() < 0.3)
            table, score = people(rows, rng)
            outcome = int(logistic(score[:1], rng)[0])
            table["unit_weight"] = rng.normal(80, 10, rows).round(1)
            X.append(table)
            y += [outcome] * rows
            patients += [patient] * rows
            stays += [stay] * rows
            stay += 1
    X, y = pd.concat(X, ignore_index=True), np.array(y, dtype=float)
    X["stay"] = np.array([f"S{k:05d}" for k in rng.permutation(stay)])[stays]
    comfort = np.isin(stays, rng.choice(stay, stay // 8, replace=False))
    X["code_status"] = np.where(comfort, "comfort care", "full")
    y[comfort] = 0
    y[rng.choice(len(y), 30, replace=False)] = np.nan
    return audited(None, X, y, groups=np.array(patients))


def make_wrong():
    """Units, slips, swapped pressures, a renamed level: what the cleaning room repairs."""
    defects = {"unit_mixup": 1, "decimal_slips": 0.02, "swaps": 0.03, "coding_change": 1}
    cohort = make_ehr_cohort(1200, prevalence=0.3, defects=defects, random_state=11)
    X = cohort.X.drop(columns=["ethnicity", "admission_source"])
    return audited(None, X, cohort.y, groups=cohort.groups, site="site", time="year")


def make_mislabelled():
    """Outcomes that follow from the columns almost surely, and every twentieth wrong."""
    rng = np.random.default_rng(12)
    X, score = people(900, rng)
    y = logistic(8 * score, rng)
    wrong = rng.uniform(size=900) < 0.05
    return audited(None, X, np.where(wrong, 1 - y, y))


MADE = {}


def table(name):
    """Return an audited table, made once."""
    if name not in MADE:
        MADE[name] = globals()[f"make_{name}"]()
    return MADE[name]


@pytest.fixture(scope="module", autouse=True)
def _forget():
    yield
    MADE.clear()


# --- which check names what, where, and where not ------------------------------------------------

# (code, check, table that has it, columns that must be named, table that does not have it)
PLAN = [
    ("HM101", "check_flow", "cohort", None, "clean"),
    ("HM102", "check_performance", "useless", None, "clean"),
    ("HM103", "check_eligibility", "cohort", {"code_status"}, "clean"),
    ("HM105", "check_outcome_by_site", "places", None, "clean"),
    ("HM106", "check_shared_outcome", "cohort", {"stay"}, "clean"),
    ("HM107", "check_site_words", "places", {"smoker"}, "clean"),
    ("HM201", "check_missing_codes", "dirty", {"glucose", "hemoglobin"}, "clean"),
    ("HM202", "check_missing_codes", "dirty", {"admission_source"}, "clean"),
    ("HM203", "check_impossible", "dirty", {"sbp"}, "clean"),
    ("HM204", "check_repeated_rows", "copies", None, "clean"),
    ("HM206", "check_columns", "dirty", {"nothing"}, "clean"),
    ("HM207", "check_columns", "dirty", {"crp"}, "clean"),
    ("HM208", "check_columns", "dirty", {"unit_code"}, "clean"),
    ("HM209", "check_missingness", "dirty", {"troponin", "bnp"}, "clean"),
    ("HM210", "check_missingness", "dirty", None, "clean"),
    ("HM211", "check_missingness", "places", {"noise"}, "clean"),
    ("HM212", "check_redundancy", "dirty", {"temperature_f"}, "clean"),
    ("HM213", "check_row_order", "dirty", {"bnp"}, "clean"),
    ("HM214", "check_columns", "dirty", {"urine"}, "clean"),
    ("HM215", "check_units", "wrong", {"creatinine", "glucose", "hemoglobin"}, "clean"),
    ("HM216", "check_decimal_slips", "wrong", {"temperature", "potassium"}, "clean"),
    ("HM217", "check_fields", "wrong", {"sbp", "dbp"}, "clean"),
    ("HM218", "check_level_names", "wrong", {"admission_type"}, "clean"),
    ("HM219", "check_labels", "mislabelled", None, "clean"),
    ("HM301", "check_leaks", "answer", {"discharge_unit"}, "clean"),
    ("HM302", "check_leaks", "later", {"hosp_los_hours"}, "clean"),
    ("HM303", "check_known_after", "later", {"alert_score"}, "clean"),
    ("HM304", "check_rows_against_patients", "clean", None, "places"),
    ("HM305", "check_repeated_rows", "copies", None, "clean"),
    ("HM306", "check_numbering", "dirty", {"encounter_count"}, "clean"),
    ("HM307", "check_not_features", "dirty", {"pred_mortality"}, "clean"),
    ("HM308", "check_numbering", "dirty", {"record_id"}, "clean"),
    ("HM401", "check_performance", "useless", None, "clean"),
    ("HM402", "check_performance", "extreme", None, "clean"),
    ("HM403", "check_performance", "useless", None, "clean"),
    ("HM404", "check_sites", "places", None, "useless"),
    ("HM405", "check_later", "places", None, "useless"),
    ("HM406", "check_performance", "useless", None, "clean"),
    ("HM407", "check_drivers", "clean", {"lactate"}, None),
    ("HM408", "check_performance", "lower", None, "balanced"),
    ("HM409", "check_performance", "balanced", None, "lower"),
    ("HM501", "check_groups_performance", "groups", None, "clean"),
    ("HM502", "check_groups_performance", "groups", None, "clean"),
    ("HM503", "check_groups_performance", "groups", {"origin"}, "clean"),
]
CODE_OF_ABSENCE = "HM104"  # says only that something was not declared: never a finding
CODE_OF_A_SPLIT = "HM309"  # said by check_leakage, of a split and its steps


def test_every_code_and_every_check_has_a_test():
    planned = {code for code, *_ in PLAN} | {CODE_OF_ABSENCE, CODE_OF_A_SPLIT}
    assert planned == set(CODES), "PLAN here and CODES of _core/_findings.py differ"
    tried = {check for _, check, *_ in PLAN} | {"check_task", "check_text_dates"}
    listed = {check.look.__name__ for check in CHECKS if not check.deep}
    assert tried == listed, "PLAN here and CHECKS of reporting/_checks/table.py differ"


@pytest.mark.parametrize(
    ("code", "check", "where", "columns", "elsewhere"), PLAN, ids=[p[0] for p in PLAN]
)
def test_named_where_it_is_and_only_by_its_check(code, check, where, columns, elsewhere):
    found = table(where)
    assert found.named(code) is not None
    if columns is not None:
        assert columns <= found.named(code)
    assert code not in found.without(check).codes()


@pytest.mark.slow
@pytest.mark.parametrize(("check", "where"), sorted({(p[1], p[2]) for p in PLAN}))
def test_an_audit_without_the_check_names_nothing_of_it(check, where, monkeypatch):
    """The same as above, with the check truly left out and the table audited again."""
    _ask(monkeypatch, [c for c in CHECKS if c.look.__name__ != check])
    lost = {code for code, of, *_ in PLAN if of == check}
    assert lost.isdisjoint(globals()[f"make_{where}"]().report.codes())


@pytest.mark.parametrize(
    ("code", "elsewhere"), [(p[0], p[4]) for p in PLAN if p[4]], ids=[p[0] for p in PLAN if p[4]]
)
def test_not_named_where_it_is_not(code, elsewhere):
    assert table(elsewhere).named(code) is None


def test_dates_written_as_text_are_named():
    assert table("places").named("HM207") == {"seen_on"}


# --- what the findings say -----------------------------------------------------------------------


def test_clean_table_shows_nothing_above_a_note():
    assert table("clean").report.codes("serious", "moderate", "not assessable") == []
    assert table("clean").report.exit_code == 0
    assert table("clean").report.must_settle == ()


def test_nothing_is_said_of_the_task_only_where_it_was_declared():
    said = {m.topic for m in table("clean").report.not_assessed if m.code == CODE_OF_ABSENCE}
    assert said == {"How far ahead does the prediction look, and was everybody followed so long?"}
    undeclared = [m for m in table("answer").report.not_assessed if m.code == CODE_OF_ABSENCE]
    assert len(undeclared) == 3
    gone = table("answer").without("check_task").not_assessed
    assert not [m for m in gone if m.code == CODE_OF_ABSENCE]


def test_merged_levels_of_the_outcome_are_counted():
    reasons = [m.reason for m in table("places").report.not_assessed if m.code == CODE_OF_ABSENCE]
    assert not any("count as no event" in r for r in reasons)  # mild and severe are the event
    stage = pd.Series([0, 1, 2, None] * 10)
    case = SimpleNamespace(raw_outcome=stage, y=np.array([0, 0, 1] * 10))
    assert _merged(case, "horizon").startswith("; 2 levels of the outcome count as no event")


@pytest.mark.parametrize("code", ["HM404", "HM405"])
def test_places_and_periods_are_serious_only_where_the_risks_are_wrong(code):
    assert "serious" in table("places").severities(code)
    assert "serious" not in table("clean").severities(code)


def test_risks_at_another_site_are_measured_in_the_right_direction():
    worst = next(
        f for f in table("places").report.findings if f.code == "HM404" and f.severity == "serious"
    )
    assert "site c" in worst.effect.meaning
    assert worst.effect.lower > 1.25


def test_a_column_that_repeats_the_outcome_is_serious_and_the_headline_says_so():
    found = table("answer")
    assert found.finding("HM301").severity == "serious"
    assert found.finding("HM301").effect.lower > 0.02
    assert "without the 1 suspect column" in found.report.headline
    assert found.named("HM302") is None


def test_a_column_of_a_later_time_is_at_most_moderate():
    found = table("later")
    assert found.finding("HM302").severity == "moderate"
    assert found.named("HM301") is None
    assert "hosp_los_hours" in found.report.section("leaks").lead


def test_what_is_known_after_is_left_out_and_measured():
    found = table("later")
    assert "alert_score" not in found.case.model_columns
    assert found.finding("HM303").effect.lower > 0


def test_copies_are_counted_and_kept_on_one_side():
    found = table("copies")
    exact, near = found.finding("HM204"), found.finding("HM305")
    assert exact.evidence.startswith("40 of 904 rows are exact copies")
    assert int(near.evidence.split(" of ")[0]) >= 0.9 * 64
    assert near.effect.estimate > 0
    for copy in np.unique(found.case.duplicates.near_id):
        rows = found.case.duplicates.near_id == copy
        assert len(np.unique(found.case.judge.folds[0][rows])) == 1


def test_who_cannot_have_the_outcome_is_counted():
    found = table("cohort").finding("HM103")
    assert found.title.startswith("The outcome never happens in")
    assert " 0 events" in found.evidence
    shown = table("cohort").report.section("strata").tables[0][1]
    assert shown.loc[0, "level"] == "comfort care"
    assert shown.loc[0, "n_events"] == 0 < shown.loc[0, "expected_by_others"]


def test_a_stratum_that_the_other_columns_explain_is_not_named():
    rng = np.random.default_rng(11)
    X, score = people(900, rng)
    X["severity"] = np.digitize(X["marker"], [-1.5, 0.0, 1.5])
    report = healthml.audit(None, X, logistic(3 * score - 1, rng), **SEED)
    assert "HM103" not in report.codes()


def test_rows_left_out_are_counted():
    assert "30 rows" in table("cohort").finding("HM101").title
    flow = table("cohort").report.section("flow").tables[0][1]
    assert flow["n_samples"].iloc[-1] == len(table("cohort").case.y)


def test_effects_that_cannot_help_an_honest_model_stay_notes():
    for code in ("HM201", "HM203", "HM306", "HM307", "HM308"):
        effect = table("dirty").finding(code).effect
        assert effect.lower <= effect.estimate <= effect.upper
        assert effect.n_samples == 900


def test_noise_is_not_better_than_age_and_the_score_in_use():
    for code in ("HM401", "HM406"):
        finding = table("useless").finding(code)
        assert finding.effect.estimate > 0  # how much the simpler one is better
        assert finding in table("useless").report.must_settle


def test_overfitting_is_measured_by_the_slope():
    assert table("extreme").finding("HM402").effect.upper < 0.8
    assert table("extreme").finding("HM402").severity == "serious"
    assert "too extreme" in table("extreme").finding("HM402").title
    assert table("useless").finding("HM102").effect.estimate < 1


def test_groups_are_judged_and_small_ones_are_hidden():
    report = table("groups").report
    assert table("groups").finding("HM501").effect.meaning.endswith("origin: B")
    assert table("groups").finding("HM502").effect.lower > 0.02
    assert "spread of risk allows" in table("groups").finding("HM502").effect.meaning
    kept = report.section("groups").tables[0][1].set_index("group")
    assert kept.loc["tiny", "n_patients"] == 8  # in memory, for who holds the rows
    released = report.released(as_text=True).section("groups").tables[0][1].set_index("group")
    assert set(released.index) == {"A", "B", "(small groups)"}
    assert released.loc["(small groups)", "n_patients"] == "<11"
    assert released.loc["B", "n_patients"].str.startswith("~").all()
    assert "tiny" not in report.to_json() + report.summary() + report.to_html()
    asked = [m.topic for m in report.not_assessed]
    assert "Is the outcome recorded equally well in every group?" in asked


def test_label_bias_is_never_said_to_be_absent():
    cohort = make_ehr_cohort(900, preset="one:label_bias", random_state=0)
    report = healthml.audit(
        None,
        cohort.X[["age", "lactate", "ethnicity"]],
        cohort.y,
        sensitive_features=["ethnicity"],
        **SEED,
    )
    assert any("recorded equally well" in m.topic for m in report.not_assessed)


def test_a_flexible_model_is_probed_where_patients_repeat():
    rng = np.random.default_rng(12)
    patient = np.repeat(np.arange(200), 4)
    X = pd.DataFrame(rng.normal(size=(200, 4)).round(3)[patient], columns=list("abcd"))
    X["a"] += rng.normal(0, 0.01, 800)
    y = logistic(rng.normal(0, 3, 200), rng)[patient]
    report = healthml.audit(None, X, y, groups=patient, **SEED)
    probe = report.section("rows_patients").tables[0][1].set_index("model")
    assert probe.loc["given", "estimate"] > probe.loc["kept together", "estimate"] + 0.2
    assert probe.loc["kept together", "estimate"] < 0.65


def test_an_undeclared_patient_number_is_measured():
    cohort = make_ehr_cohort(700, encounters_per_patient=3, random_state=13)
    X = cohort.X[["age", "lactate", "albumin"]].assign(patient_id=cohort.groups)
    report = healthml.audit(None, X, cohort.y, **SEED)
    found = next(f for f in report.findings if f.code == "HM304")
    assert found.columns == ("patient_id",)
    assert found.effect is not None
    assert not [m for m in report.not_assessed if m.code == "HM304"]
