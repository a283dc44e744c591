"""The report of one patient: what it says, what it leaves out, and that it escapes."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from healthml.exceptions import InputError
from healthml.explanation import explain, patient_report, stability
from healthml.explanation._report.points import mean_slope, row_points
from healthml.explanation._report.words import ENGLISH, GERMAN
from healthml.explanation._stability import size_ranks


def cohort(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["lactate", "noise", "<b>age</b>"])
    risk = 1 / (1 + np.exp(-(2 * X["lactate"] + X["<b>age</b>"] - 1)))
    return X, (rng.random(n) < risk).astype(int).to_numpy()


@pytest.fixture(scope="module")
def result():
    X, y = cohort()
    model = LogisticRegression().fit(X, y)
    rows = pd.DataFrame(
        {"lactate": [1.5, -1.0, 9.0], "noise": [0.8, 0.1, 0.0], "<b>age</b>": [-1.0, 1.0, 0.0]}
    )
    return explain(model, rows, background=X, train=(X, y), n_refits=40, random_state=0)


def test_points_add_up_to_the_change_of_risk(result):
    for row in range(3):
        points = row_points(result, row)
        assert points.end == pytest.approx(result.probabilities[row])
        assert points.values.sum() == pytest.approx(100 * (points.end - points.base))
        assert (np.sign(points.values) == np.sign(result.values[row])).all()
    assert mean_slope(1.0, 1.0 + 1e-12) == pytest.approx(mean_slope(1.0, 1.0001), rel=1e-3)


def test_a_reason_is_worded_only_if_its_sign_holds(result):
    text = patient_report(result).summary()
    raises = text.index("Raises the prediction")
    lowers, unstable = text.index("Lowers the prediction"), text.index("Not stable")
    assert raises < text.index("lactate 1.5, measured") < lowers
    assert lowers < text.index("<b>age</b>", lowers) < unstable
    assert "noise" in text[unstable:]
    assert "noise" not in text[:unstable]


def test_what_a_reader_needs_stands_in_it(result):
    lines = patient_report(result).lines
    assert "95% interval over 40 refits" in lines[0]
    assert "Mean prediction of the 400 patients" in lines[1]
    assert lines[2].startswith("Events in the training data: ")
    assert any(line.startswith("Comparable patients: ") for line in lines)
    assert "not causes" in lines[-1]


def test_beyond_the_background_is_marked(result):
    assert "read with care" in patient_report(result, row=2).summary()
    assert "read with care" not in patient_report(result, row=0).summary()


def test_few_comparable_patients_are_not_counted_out(result):
    assert "<11 of 400" in patient_report(result, row=2).summary() or "0 of 400" in patient_report(
        result, row=2
    ).summary().replace("~", "")


def test_without_refits_it_says_what_is_not_known():
    X, y = cohort()
    found = explain(LogisticRegression().fit(X, y), X[:1], background=X, random_state=0)
    text = patient_report(found).summary()
    assert "was not refitted" in text
    assert "is not known" in text


def test_html_is_escaped_and_stands_alone(result, tmp_path):
    page = tmp_path / "report.html"
    html = patient_report(result).to_html(page)
    assert "<b>age</b>" not in html.replace("&lt;b&gt;age&lt;/b&gt;", "")
    assert "&lt;b&gt;age&lt;/b&gt;" in html
    assert "<svg" in html
    assert "http" not in html
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_another_language_has_every_sentence(result):
    assert set(GERMAN) == set(ENGLISH)
    fields = [{part.split("}")[0] for part in text.split("{")[1:]} for text in ENGLISH.values()]
    german = [{p.split("}")[0] for p in GERMAN[key].split("{")[1:]} for key in ENGLISH]
    assert german == fields
    assert "keine Ursachen" in patient_report(result, language="de").summary()
    own = ENGLISH | {"no_causes": "Model, not cause."}
    assert patient_report(result, language=own).lines[-1] == "Model, not cause."
    with pytest.raises(InputError, match="no sentence for title"):
        patient_report(result, language={k: v for k, v in ENGLISH.items() if k != "title"})
    with pytest.raises(InputError, match="language is 'fr'"):
        patient_report(result, language="fr")
    with pytest.raises(InputError, match="row 9"):
        patient_report(result, row=9)


def test_a_number_is_reported_on_its_own_scale():
    X, _ = cohort()
    found = explain(lambda t: 10 * t["lactate"] + t["noise"], X[:1], background=X, random_state=0)
    report = patient_report(found)
    assert report.axis == "prediction"
    assert "%" not in report.lines[0]


def column_model(names, weights, n_refits=0, flips=()):
    """Explain one row under weights of columns; refits in `flips` turn the first weight round."""
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(60, len(names))), columns=names)
    row = pd.DataFrame([[2.0] * len(names)], columns=names)

    def of(w):
        return lambda t: t.to_numpy() @ np.asarray(w, dtype=float)

    turned = [-weights[0], *weights[1:]]
    refits = [of(turned if k in flips else weights) for k in range(n_refits)] or None
    return explain(of(weights), row, background=X, refits=refits, random_state=0)


def test_nothing_is_said_of_columns_that_are_not_shown():
    found = column_model(["a", "b", "c"], [-3, -2, 1])
    assert "Raises the prediction: nothing among the 2 largest." in (
        patient_report(found, most=2).lines
    )
    assert "Raises the prediction: nothing." in (
        patient_report(column_model(["a", "b"], [-3, -2]), most=1).lines
    )
    stable = column_model(["a", "b", "c"], [-3, -2, 1], n_refits=50)
    text = patient_report(stable, most=2).summary()
    assert "Raises the prediction: nothing stable among the 2 largest." in text


def test_few_refits_are_no_change_of_direction():
    found = column_model(["a", "b", "c"], [3, 2, 1], n_refits=10, flips=(0, 1, 2))
    text = patient_report(found).summary()
    assert "the direction does not hold in enough refits: a; together" in text
    assert "10 refits are too few to say so: b, c; together" in text


def test_an_own_visit_is_no_other_patient():
    X, y = cohort(60)
    model = LogisticRegression().fit(X, y)
    patient = np.arange(60)
    found = explain(
        model, X[:1], background=X, groups=[0], background_groups=patient, random_state=0
    )
    risk = model.predict_proba(X[1:])[:, 1]
    lines = patient_report(found).lines
    assert f"Mean prediction of the 59 patients compared with: {100 * risk.mean():.1f}%." in lines
    assert any(" of 59 have" in line for line in lines)


def test_a_bar_of_no_value_says_so_once_in_the_language_of_the_report():
    X = pd.DataFrame({"crp": [1.0, 2.0, np.nan, 4.0] * 20, "age": np.arange(80.0)})
    found = explain(lambda t: t["crp"].fillna(9) + t["age"], X[2:3], background=X, random_state=0)
    assert "crp (nicht gemessen)" in patient_report(found, language="de").labels
    assert "crp (not measured)" in patient_report(found).labels
    labels = [text.get_text() for text in found.plot().get_yticklabels()]
    assert "crp (missing)" in labels
    assert "age = 2" in labels


def test_the_page_names_its_language(result, tmp_path):
    for language in ("en", "de"):
        patient_report(result, language=language).to_html(tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert f'<html lang="{language}">' in page


def test_what_is_no_result_or_position_is_refused(result):
    for ask in (patient_report, stability):
        with pytest.raises(InputError, match="result is a LogisticRegression"):
            ask(LogisticRegression())
    with pytest.raises(InputError, match="row is a str"):
        patient_report(result, "a")
    with pytest.raises(InputError, match="most is 0"):
        patient_report(result, most=0)


# --- stability


def test_ranks_count_from_the_largest_size():
    assert size_ranks(np.array([[0.1, -3.0, 2.0], [0.0, 0.0, 1.0]])).tolist() == [
        [3, 1, 2],
        [2, 3, 1],
    ]


def test_agreement_is_counted_over_refits(result):
    found = stability(result, k=1)
    leads = np.abs(result.refit_values).argmax(axis=2)
    own = np.abs(result.values).argmax(axis=1)
    np.testing.assert_allclose(found.rows["same_top"], (leads == own).mean(axis=0))
    shares = found.table.groupby("row")["top_share"].sum()
    np.testing.assert_allclose(shares, 1.0)
    assert (found.table["rank_lower"] <= found.table["rank_upper"]).all()
    assert "refits the same 1 columns lead" in repr(found)


def test_stability_needs_refits_and_a_number_of_players(result):
    X, y = cohort()
    alone = explain(LogisticRegression().fit(X, y), X[:1], background=X, random_state=0)
    with pytest.raises(InputError, match="no refits"):
        stability(alone)
    with pytest.raises(InputError, match="k is 4"):
        stability(result, k=4)


# --- pictures


@pytest.mark.parametrize("kind", ["waterfall", "bars", "beeswarm", "dependence"])
def test_every_picture_is_drawn(result, kind):
    import matplotlib.pyplot as plt

    ax = result.plot(kind=kind)
    assert ax.get_xlabel()
    plt.close(ax.figure)
    with pytest.raises(InputError, match="kind is"):
        result.plot(kind="pie")


def test_the_waterfall_says_the_sign_without_colour_and_hollows_imputed_cells(mixed, encode):
    import matplotlib.pyplot as plt
    from sklearn.pipeline import make_pipeline

    X, y = mixed
    model = make_pipeline(encode(), LogisticRegression()).fit(X, y)
    gap = int(X["lactate"].isna().to_numpy().argmax())
    found = explain(model, X.iloc[[gap]], background=X.iloc[gap + 1 :], random_state=0)
    ax = found.plot(most=3)
    texts = [text.get_text() for text in ax.texts]
    assert len(texts) == 4  # three players and the rest
    assert all(text[0] in "+\N{MINUS SIGN}0" for text in texts)
    hollow = [bar for bar in found.plot().patches if bar.get_linestyle() == "--"]
    assert len(hollow) == (found.table["status"] == "imputed").sum() == 1
    signs = [bar.get_hatch() for bar in ax.patches if bar.get_width() < 0 and bar.get_hatch()]
    assert len(signs) == sum(text[0] == "\N{MINUS SIGN}" for text in texts)
    plt.close("all")


def test_the_report_and_the_ranks_are_drawn(result):
    import matplotlib.pyplot as plt

    assert patient_report(result).plot().get_xlabel() == "probability points"
    assert "Rank" in stability(result).plot().get_xlabel()
    plt.close("all")


def test_points_of_reasons_that_are_not_stable_add_up_with_the_others():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(80, 4)), columns=list("abcd"))
    y = (X["a"] + rng.normal(size=80) > 0).astype(int).to_numpy()
    model = LogisticRegression().fit(X, y)
    found = explain(model, X[:1], background=X, train=(X, y), n_refits=20, random_state=0)
    lines = patient_report(found).lines
    shown = [line for line in lines if "points:" in line or "together" in line]
    points = [re.search(r"([+\N{MINUS SIGN}][\d.]+) points", line)[1] for line in shown]
    total = sum(float(p.replace("\N{MINUS SIGN}", "-")) for p in points)
    base, risk = (float(v) for v in re.findall(r"([\d.]+)%", next(x for x in lines if "lead" in x)))
    assert any(line.startswith("Not stable") for line in lines)
    assert total == pytest.approx(risk - base, abs=0.11 * len(points))
    assert "<li>" in patient_report(found).to_html()


def test_rounding_is_no_reason():
    X = pd.DataFrame({"a": [1.0, 2.0, 4.0] * 9, "b": np.arange(27.0)})
    report = patient_report(explain(lambda t: 0.1 * t["a"], X[:1], background=X))
    assert len(report.table) == 1
    assert "Raises the prediction: nothing." in report.lines
