"""How much of the dirt in tables with known truth is found, and what real is touched.

Run with the shared data in reach: ``HEALTHML_SHARED=../shared python benchmarks/dirty_tables.py``.
It rewrites docs/dirty_tables.md and ends with 1 where a line is missed.

A cell counts as found when the record says that it cannot be right (severity "error") or when it
was changed; soft flags ("verify") are questions, not claims, and are counted apart. Declared
undetectable before scoring, by rule: a value that is wrong but lies where a right one could lie and
contradicts no other field (transposed digits within range; an age that fits the birth date).
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from healthml.cleaning import CategoryNormalizer, ClinicalCleaner, UnitHarmonizer, parse_lab_value
from healthml.schema import Schema

SHARED = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "data"
EHR = SHARED / "dirty_synthetic_ehr"
PAGE = Path(__file__).parent.parent / "docs" / "dirty_tables.md"


def read_text(path):
    """Read a table as a spreadsheet gives it: numbers where all cells are numbers."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], low_memory=False)


def declared(schema):
    """Return what somebody who knows the table would declare."""
    if not schema:
        return None
    units = {"height": "cm", "weight": "kg", "temperature": "Cel", "glucose": "mg/dL"}
    units |= {"creatinine": "mg/dL", "bilirubin": "mg/dL", "hemoglobin": "g/dL", "hba1c": "%"}
    units |= {"troponin_t": "ng/mL", "fio2": "%", "sodium": "mmol/L", "potassium": "mmol/L"}
    words = {"sex": ("female", "male"), "smoker": ("never", "former", "current")}
    variables = {name: {"unit": unit} for name, unit in units.items()}
    variables |= {name: {"vocabulary": levels} for name, levels in words.items()}
    return Schema(outcome="died", patient="patient_id", site="site", variables=variables)


def claims(record):
    """Return {(position, column): severity} of all cells that were changed or called wrong."""
    table = record.to_frame()
    wrong = (table["severity"] == "error") | (table["action"] != "flagged")
    table = table[wrong]
    return set(zip(table["position"], table["column"].astype(str), strict=True))


def score(name, record, expected):
    """Return precision, recall by kind, real extremes touched."""
    found = claims(record)
    truth = {(row, column): kind for row, column, kind, *_ in expected["cells"]}
    unscored = {(row, column) for row, column, *_ in expected.get("undetectable", [])}
    copies = {row for row, *_ in expected.get("rows", [])}
    judged = {cell for cell in found if cell not in unscored and cell[0] not in copies}
    right = sum(cell in truth for cell in judged)
    kinds = pd.Series({cell: cell in found for cell in truth}).groupby(truth).mean()
    kept = [(row, column) for row, column, *_ in expected.get("must_not_change", [])]
    touched = sum(cell in found for cell in kept)
    precision = right / len(judged) if judged else np.nan
    print(
        f"{name}: precision {precision:.4f} ({len(judged)} claims), recall "
        f"{np.mean([cell in found for cell in truth]) if truth else np.nan:.4f}, median kind "
        f"{kinds.median():.3f}, lowest {kinds.min() if len(kinds) else np.nan:.3f}, "
        f"real extremes touched {touched} of {len(kept)}"
    )
    wrong = pd.Series([f"{c}" for r, c in judged if (r, c) not in truth])
    return {
        "precision": precision,
        "kinds": kinds,
        "touched": touched,
        "claims": len(judged),
        "false": wrong.value_counts().to_dict(),
    }


def ehr(mode, schema):
    """Score the development table and its clean control."""
    frame = read_text(EHR / "dirty_ehr_dev.csv")
    expected = json.loads((EHR / "dirty_ehr_dev.expected.json").read_text(encoding="utf-8"))
    cleaner = ClinicalCleaner(declared(schema), by="site", mode=mode)
    clean = cleaner.fit_transform(frame)
    label = f"dirty_ehr_dev, mode {mode!r}, {'with' if schema else 'without'} a Schema"
    result = score(label, cleaner.record_, expected)
    result["restored"] = restored(clean, expected)
    control = read_text(EHR / "dirty_ehr_dev_clean_control.csv")
    again = ClinicalCleaner(declared(schema), by="site", mode=mode).fit(control)
    result["control"] = len(claims(again.record_))
    print(f"  clean control: {result['control']} claims; restored: {result['restored']}")
    return label, result


def restored(clean, expected):
    """Return the share of repairable cells that hold the true value again."""
    right = total = 0
    for row, column, kind, _, true in expected["cells"]:
        if kind not in ("unit_mixup", "decimal_comma", "unit_text", "decimal_shift"):
            continue
        total += 1
        value = pd.to_numeric(clean[column].iloc[row], errors="coerce")
        right += bool(abs(value - float(true)) <= 0.02 * abs(float(true)) + 0.06)
    return right / total


def traps():
    """Return restored share and false conversions of the unit traps."""
    frame = read_text(EHR / "dirty_unit_traps_dev.csv")
    expected = json.loads((EHR / "dirty_unit_traps_dev.expected.json").read_text(encoding="utf-8"))
    truth = {(row, column): float(true) for row, column, _, _, true in expected["cells"]}
    harmonizer = UnitHarmonizer(by="site", mode="apply")
    clean = harmonizer.fit_transform(frame)
    changed = {
        (row, column)
        for column in frame.columns
        if pd.api.types.is_numeric_dtype(frame[column])
        for row in np.flatnonzero(~np.isclose(frame[column], clean[column], equal_nan=True))
    }
    right = [
        abs(clean[column].iloc[row] - true) <= 0.02 * abs(true) + 0.6
        for (row, column), true in truth.items()
    ]
    false = len(changed - set(truth))
    print(f"unit traps: restored {np.mean(right):.3f}, false conversions {false}")
    return np.mean(right), false


def strings():
    """Return the share of laboratory strings read right, and how many silently wrong."""
    path = SHARED / "dirty_lab_strings" / "dirty_lab_strings_dev.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    right = silent = 0
    for raw, locale, kind, value, operator, unit, _ in rows:
        found = parse_lab_value(raw, locale=locale)
        same = found.kind == kind and (found.operator or "") == operator
        if kind == "number":
            same &= found.value is not None and np.isclose(found.value, value)
            same &= not unit or found.unit == unit
        right += same
        silent += kind in ("ambiguous", "unparseable", "missing") and found.kind == "number"
        silent += kind == "number" and found.kind == "number" and not np.isclose(found.value, value)
    print(f"lab strings: {right} of {len(rows)} right, {silent} silently wrong")
    return right / len(rows), silent


def hospital():
    """Return precision, recall and damage of typo repair on the hospital table."""
    folder = SHARED / "dirty_hospital"
    options = {"dtype": str, "keep_default_na": False}
    dirty = pd.read_csv(folder / "dirty_hospital.csv", **options)
    true = pd.read_csv(folder / "dirty_hospital_truth.csv", **options)
    clean = CategoryNormalizer(dependencies="learn").fit_transform(dirty)
    was_wrong, is_right = dirty.to_numpy() != true.to_numpy(), clean.to_numpy() == true.to_numpy()
    changed = clean.to_numpy() != dirty.to_numpy()
    damage = int((changed & ~was_wrong & ~is_right).sum())
    precision = (changed & is_right).sum() / changed.sum()
    recall = (was_wrong & is_right).sum() / was_wrong.sum()
    print(f"hospital: precision {precision:.3f}, recall {recall:.3f}, damage {damage}")
    return precision, recall, damage


def page(tables, trap, lab, typos):
    """Return the page of the documentation."""
    lines = [
        "# What cleaning finds in tables with known truth",
        "",
        "Written by `benchmarks/dirty_tables.py`. A claim is a cell that was changed or called an",
        "error; soft flags are questions and do not count. Nothing was scored that a rule declared",
        "undetectable beforehand (see the head of that file).",
        "",
        "| table | precision | claims | lowest kind | median kind | restored | real extremes "
        "touched | claims on the clean control |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label, r in tables:
        lines.append(
            f"| {label} | {r['precision']:.4f} | {r['claims']} | {r['kinds'].min():.2f} | "
            f"{r['kinds'].median():.2f} | {r['restored']:.3f} | {r['touched']} | {r['control']} |"
        )
    names = [label for label, _ in tables]
    lines += ["", "Recall by kind of defect:", "", "| kind | " + " | ".join(names) + " |"]
    lines.append("|---|" + "---|" * len(names))
    for kind in tables[0][1]["kinds"].index:
        cells = " | ".join(f"{r['kinds'][kind]:.3f}" for _, r in tables)
        lines.append(f"| `{kind}` | {cells} |")
    lines += [
        "",
        f"Unit traps: {trap[0]:.3f} restored, {trap[1]} false conversions. Laboratory strings: "
        f"{lab[0]:.3f} right, {lab[1]} silently wrong. Typos of the hospital table: precision "
        f"{typos[0]:.3f}, recall {typos[1]:.3f}, {typos[2]} clean cells damaged.",
        "",
    ]
    return "\n".join(lines)


def main():
    """Score everything, write the page, end with 1 where a line is missed."""
    if not SHARED.exists():
        print("HEALTHML_SHARED does not lead to the tables; nothing was scored.")
        return 0
    tables = [ehr(mode, schema) for mode in ("propose", "apply") for schema in (False, True)]
    trap, lab, typos = traps(), strings(), hospital()
    PAGE.write_text(page(tables, trap, lab, typos), encoding="utf-8")
    missed = [
        label
        for label, r in tables
        if r["precision"] < 0.98
        or r["kinds"].median() < 0.95
        or r["kinds"].min() < 0.80
        or r["touched"]
        or r["control"]
    ]
    missed += ["unit traps"] * (trap[0] < 0.9 or trap[1] > 0)
    missed += ["lab strings"] * (lab[0] < 0.95 or lab[1] > 0)
    missed += ["hospital"] * (typos[0] < 0.95 or typos[1] < 0.85 or typos[2] > 10)
    print("missed:", ", ".join(missed) or "nothing")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
