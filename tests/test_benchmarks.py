"""`python -m benchmarks`: every room has an entry, the page keeps the rooms that were not run."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)


def module(name):
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name.strip('_')}", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


MAIN, RATIOS = module("__main__"), module("ratios")


@pytest.mark.parametrize("room", MAIN.ROOMS)
def test_a_room_has_one_entry_that_yields_rows_and_may_be_quick(room):
    source = (ROOT / "benchmarks" / f"{room}.py").read_text(encoding="utf-8")
    functions = {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
    entry = functions["compare"]
    assert "quick" in {arg.arg for arg in entry.args.kwonlyargs}
    assert any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(entry))


def test_what_is_wanted_is_held_against_the_ratio(capsys):
    assert RATIOS.made("a / b", 0.04, "<= 0.1").holds == "yes"
    assert RATIOS.made("a / b", 0.4, "<= 0.1").holds == "NO"
    assert RATIOS.made("jobs", 1.87, ">= 1.7").holds == "yes"
    assert RATIOS.left_out("rms", "Rscript is absent").holds == ""
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "| rms | left out |  |  | Rscript is absent |"


def test_a_page_keeps_the_rooms_that_were_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr(MAIN, "ROOMS", {"a": ("numpy",), "b": ("no-such-package",)})
    page = tmp_path / "table.md"
    first = {room: MAIN.section(room, [{"line": f"| {room} 1 |"}], quick=True) for room in "ab"}
    MAIN.write(first, page)
    MAIN.write({"a": MAIN.section("a", [{"line": "| a 2 |"}], quick=False)}, page)
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- room: a -->") == text.count("<!-- room: b -->") == 1
    assert "| a 2 |" in text
    assert "| a 1 |" not in text
    assert "| b 1 |" in text


def test_versions_say_what_is_absent():
    assert MAIN.version("numpy").startswith("numpy ")
    assert MAIN.version("no-such-package") == "no-such-package absent"
