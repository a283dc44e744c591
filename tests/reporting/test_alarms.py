"""What a finding says is true of what was computed, and nothing is said where nothing is wrong."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import healthml
from healthml._core._findings import NOT_ASSESSABLE, NOTE, Effect, check_rules
from healthml.reporting._checks.performance import _no_gain
from healthml.reporting._checks.transport import _held, _worst_place
from healthml.reporting._page.first import _too_good
from healthml.resampling import ResampledClassifier
from healthml.validation._scoring import Evaluator
from healthml.validation._transport import leave_site_out, ranking_at_new_sites

ONCE = {"random_state": 0, "n_repeats": 1}
N = 2400


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def patients(seed=0, n=N):
    """Rising risk with age, an ordinal grade, three sites of other case mix; true risks known."""
    rng = np.random.default_rng([seed, 11])
    site = rng.choice(["north", "south", "west"], n)
    age = (rng.normal(62, 13, n) + 5 * (site == "west")).round()
    grade = rng.choice(["I", "II", "III", "IV"], n, p=[0.4, 0.3, 0.2, 0.1])
    odds = -3 + 0.05 * (age - 62) + pd.Series(grade).map({"I": 0, "II": 1, "III": 2, "IV": 3})
    risk = 1 / (1 + np.exp(-odds.to_numpy()))
    sex = rng.choice(["F", "M"], n)
    X = pd.DataFrame({"age": age, "sex": sex, "nyha": grade, "hospital": site})
    return X, (rng.uniform(size=n) < risk).astype(int), risk


def finding(report, code):
    return next(f for f in report.findings if f.code == code)


def judged(risk, y, X=None, **options):
    return healthml.audit_predictions(y, risk, X=X, random_state=0, **options)


def test_a_true_risk_is_left_alone_whatever_is_declared():
    for seed in range(3):
        X, y, risk = patients(seed)
        report = judged(risk, y, X, sensitive_features=["age", "sex"], site="hospital")
        assert report.codes("serious", "moderate") == []
        assert "observed / expected events" in report.headline


@pytest.mark.parametrize(("factor", "way"), [(0.3, "low"), (2.5, "high")])
def test_the_mean_risk_is_judged_with_its_numbers(factor, way):
    _, y, risk = patients()
    odds = factor * risk / (1 - risk)
    wrong = odds / (1 + odds)
    report = judged(wrong, y)
    found = finding(report, "HM408")
    assert found.severity == "serious"
    assert found.title == f"Risks are too {way} overall"
    assert found.effect.estimate == pytest.approx(y.sum() / wrong.sum())
    expected = f"{y.sum():,} events happened where the risks let {wrong.sum():,.0f} be expected."
    assert found.evidence == expected
    assert f"{y.sum() / wrong.sum():.2f} (" in report.headline
    assert report.exit_code == 1


def test_a_procedure_that_lifts_every_risk_is_named():
    X, y, _ = patients()
    X = X[["age"]]
    weighted = healthml.audit(LogisticRegression(class_weight="balanced"), X, y, **ONCE)
    plain = healthml.audit(LogisticRegression(), X, y, **ONCE)
    found = finding(weighted, "HM409")
    assert found.title == "Class weights moved the risks, and nothing brought them back"
    assert found.severity == "serious"
    assert found.evidence.startswith("Observed over expected events of the same model without it: ")
    assert "HM408" not in weighted.codes()
    assert {"HM408", "HM409"}.isdisjoint(plain.codes())


def test_weights_whose_risks_are_brought_back_are_no_finding():
    X, y, _ = patients()
    mended = ResampledClassifier(LogisticRegression(), "class_weight", random_state=0)
    assert {"HM408", "HM409"}.isdisjoint(healthml.audit(mended, X[["age"]], y, **ONCE).codes())


@pytest.mark.parametrize("slope", [0.4, 2.0])
def test_a_wrong_slope_says_which_way(slope):
    _, y, risk = patients(n=4000)
    odds = np.log(risk / (1 - risk)) / slope
    shift = np.log(y.mean() / (1 - y.mean()))
    found = finding(judged(1 / (1 + np.exp(-(odds - odds.mean() + shift))), y), "HM402")
    assert found.effect.estimate == pytest.approx(slope, rel=0.15)
    extreme = slope < 1
    assert found.title == ("Risks are too extreme" if extreme else "Risks are too cautious")
    assert ("Shrink" in found.remedy) == extreme
    assert ("below 1" in found.evidence) == extreme
    assert ("above 1" in found.evidence) != extreme


@pytest.mark.parametrize(("noise", "nearly"), [(0.2, True), (1.5, False)])
def test_cautious_risks_of_an_auc_near_1_are_first_a_question_of_leaks(noise, nearly):
    rng = np.random.default_rng(2)
    cause = rng.normal(size=1500)
    y = (cause + noise * rng.normal(size=1500) > 0.8).astype(int)
    found = finding(judged(1 / (1 + np.exp(1 - 0.4 * cause)), y), "HM402")
    assert found.title == "Risks are too cautious"
    assert ("First ask whether a column gives the outcome away" in found.evidence) == nearly


def test_a_score_wrong_at_one_site_is_named_with_its_size():
    X, y, risk = patients()
    rng = np.random.default_rng(1)
    west = (X["hospital"] == "west").to_numpy()
    other = (rng.uniform(size=N) < np.minimum(2.5 * risk, 0.95)).astype(int)
    found = finding(judged(risk, np.where(west, other, y), X, site="hospital"), "HM404")
    assert found.severity == "serious"
    assert found.effect.estimate == pytest.approx(other[west].sum() / risk[west].sum())
    assert "west" in found.effect.meaning
    assert found.effect.n_samples == west.sum()


def test_the_columns_that_the_risk_leans_on_cost_something():
    X, y, _ = patients()
    X = X.assign(constant=1, noise=np.random.default_rng(2).normal(size=N))
    report = healthml.audit(None, X, y, **ONCE)
    found = finding(report, "HM407")
    assert {"age", "nyha"} <= set(found.columns)
    assert "constant" not in found.columns
    assert found.severity == NOTE
    table = report.section("drivers").tables[0][1].set_index("column")
    assert (table.loc[list(found.columns), "lower"] > 0).all()
    assert f"{table.iloc[0]['estimate']:.3f} (" in found.evidence


def measured_by_worry(site_matters, seed=0):
    """Who is worried about is measured; at one site nearly everybody is."""
    rng = np.random.default_rng([seed, 12])
    x, worry, site = rng.normal(size=N), rng.normal(size=N), rng.choice(list("abc"), N)
    y = (rng.uniform(size=N) < 1 / (1 + np.exp(1.2 - 0.5 * x - worry))).astype(int)
    odds = 2 * worry + (np.where(site == "c", 2, -1) if site_matters else 0)
    seen = rng.uniform(size=N) < 1 / (1 + np.exp(-odds))
    X = pd.DataFrame({"x": x.round(2), "lactate": np.where(seen, rng.normal(size=N), np.nan)})
    return X, y, site


def test_missingness_that_carries_the_model_is_above_a_note_where_it_differs_by_site():
    X, y, site = measured_by_worry(True)
    found = finding(healthml.audit(None, X, y, site=site, **ONCE), "HM210")
    assert found.severity == "moderate"
    assert found.effect.lower > 0.02
    assert f"Beside the values they add {found.effect.estimate:.3f} (" in found.evidence
    assert "Who is measured differs by site" in found.evidence
    X, y, site = measured_by_worry(False)
    found = finding(healthml.audit(None, X, y, site=site, **ONCE), "HM210")
    assert found.severity == NOTE


def test_only_what_was_declared_is_said_of_new_patients():
    X, y, _ = patients(n=600)
    report = healthml.audit(None, X, y, site="hospital", **ONCE)
    assert "of the same sites." in report.statement
    assert "years" not in report.statement
    plain = healthml.audit(None, X.drop(columns="hospital"), y, **ONCE)
    assert "like those of this table." in plain.statement
    one = healthml.audit(None, X.assign(hospital="west"), y, site="hospital", **ONCE)
    assert "of the same site." in one.statement


@pytest.mark.parametrize(
    ("upper", "words"),
    [(-0.01, "lies below 0: it is worse"), (0.0, "holds 0."), (0.02, "holds 0.")],
)
def test_what_was_not_gained_is_said_by_where_the_interval_lies(upper, words):
    assert words in _no_gain("AUC", upper)


@pytest.mark.parametrize(
    ("severity", "words"),
    [
        (
            "serious",
            "Too good to be true: it rests on a suspect column. Without it the AUC is 0.812",
        ),
        ("moderate", "Perhaps too good: it rests on a suspect column."),
        ("note", "It holds a suspect column, not shown to matter. Without it the AUC is 0.812"),
    ],
)
def test_an_auc_is_said_to_rest_only_on_what_was_shown_to_matter(severity, words):
    headline = "AUC 0.990 (0.980 to 0.995); without the 1 suspect column (leak screening) 0.812 "
    headline += "(0.790 to 0.834)."
    found = SimpleNamespace(code="HM301", severity=severity, effect=None)
    report = SimpleNamespace(headline=headline, findings=(found,))
    assert _too_good(report).startswith(words)


@pytest.mark.parametrize(
    ("ends", "severity", "title"),
    [
        ((1.61, 1.21, 2.14), NOTE, "Risks are somewhat too low at a site, not shown to be beyond"),
        ((0.8, 0.7, 0.95), NOTE, "Risks are somewhat too high at a site"),
        ((1.1, 0.9, 1.3), NOTE, "No site was shown to have wrong risks"),
        ((1.5, 0.5, 5.0), NOT_ASSESSABLE, "Too few events to judge a new site"),
    ],
)
def test_the_furthest_site_is_called_what_it_was_shown_to_be(ends, severity, title):
    effect = Effect("oe_ratio", *ends, "O:E", 300, 40)
    made = healthml._core._findings.Finding("HM404", severity, "", "", "", effect)
    assert _held(made, 4, "site").title.startswith(title)


def test_a_single_site_is_not_called_one_of_several():
    effect = Effect("oe_ratio", 1.1, 0.9, 1.3, "O:E", 300, 40)
    made = healthml._core._findings.Finding("HM404", NOTE, "", "", "", effect)
    alone, several = _held(made, 1, "site"), _held(made, 3, "site")
    assert alone.title == "The site was not shown to have wrong risks"
    assert alone.evidence.startswith("One site alone has enough rows and events")
    assert several.evidence.startswith("3 sites compared; the furthest")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("site", "judged by itself. Its risks are wrong beyond the cut-off."),
        ("period", "are judged together: all are new, or all were seen before. Their risks are"),
    ],
)
def test_one_place_with_wrong_risks_is_spoken_of_alone(what, words):
    rows = [("all", "oe_ratio", 1.0, 0.9, 1.1, 900, 200)] * (what == "site")
    rows += [("a", "oe_ratio", 2.1, 1.8, 2.5, 500, 120)]
    names = ["place", "measure", "estimate", "lower", "upper", "n_samples", "n_events"]
    result = SimpleNamespace(table=pd.DataFrame(rows, columns=names), n_compared=1)
    case = SimpleNamespace(rules=check_rules(None))
    (found,) = _worst_place(case, result, "HM404", what)
    assert found.severity == "serious"
    assert words in found.evidence
    assert "1 of 1" not in found.evidence


def test_a_large_site_costs_no_ranking_by_the_rows_that_it_takes_away():
    """Two alike sites, many columns: half of the rows rank worse, at any place."""
    rng = np.random.default_rng(4)
    n, site = 500, np.repeat(["a", "b"], [350, 150])
    X = pd.DataFrame(rng.normal(size=(n, 60)))
    y = (rng.random(n) < 1 / (1 + np.exp(-X.to_numpy()[:, :20] @ np.full(20, 0.4)))).astype(int)
    judge, model = Evaluator(y, n_repeats=1, random_state=0), LogisticRegression(C=1e3)
    left_out = leave_site_out(judge, model, X, site)
    risk = judge.risks(model, X)
    loss, known, new = ranking_at_new_sites(judge, model, X, risk, left_out, site)
    a = site == "a"
    plain = roc_auc_score(y[a], risk[0][a]) - roc_auc_score(y[a], left_out.risk[a])
    assert plain > 0.03  # what a comparison with models of more rows would call a loss
    assert abs(loss[0]) < plain / 2
    assert loss[1] < 0 < loss[2]
    assert known["estimate"] - new["estimate"] == pytest.approx(loss[0])


def test_a_site_that_is_sometimes_empty_is_not_missing_by_site():
    rng = np.random.default_rng(5)
    X, y, _ = patients()
    X = X.assign(hospital=X["hospital"].where(rng.random(N) > 0.05))
    X["lab"] = np.where((X["hospital"] == "west") & (rng.random(N) < 0.4), np.nan, rng.random(N))
    found = finding(healthml.audit(None, X, y, site="hospital", **ONCE), "HM211")
    assert found.columns == ("lab",)
    shares = X["lab"].isna().groupby(X["hospital"]).mean()
    low, high = (f"{100 * share:.0f}%" for share in (shares.min(), shares.max()))
    assert f"(lab from {low} to {high})" in found.evidence


def test_every_check_is_listed_with_what_it_found():
    _, y, risk = patients(n=600)
    report = judged(risk, y)
    found = report.checks.set_index("codes")["found"]
    assert found["HM107"] == "not asked: only risks were given"
    assert found["HM105"] == "nothing"
    listed = {code for codes in report.checks["codes"] for code in codes.split(", ")}
    assert {f.code for f in report.findings} <= listed


def test_another_seed_or_order_names_the_same_or_says_that_it_is_close():
    X, y, _ = patients(5, n=700)
    X = X.assign(**{f"noise{k}": np.random.default_rng(k).normal(size=700) for k in range(12)})
    order = np.random.default_rng(9).permutation(700)
    runs = [healthml.audit(None, X, y, random_state=seed, n_repeats=3) for seed in (0, 1)]
    runs.append(healthml.audit(None, X.iloc[order], y[order], random_state=0, n_repeats=3))
    above = [set(r.codes("serious", "moderate")) for r in runs]
    close = {f.code for r in runs for f in r.findings if "Too close to call" in f.evidence}
    assert set.union(*above) - set.intersection(*above) <= close
    assert check_rules()["auroc"].harm == 0.02
