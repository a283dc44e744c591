"""The pictures of the house in the pages are those that `test_arrows.py` enforces.

`python tests/test_architecture_page.py` draws them anew.
"""

import ast
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "healthml"
HOUSE = runpy.run_path(str(ROOT / "tests" / "test_arrows.py"))
LEAVES = ("datasets", "privacy", "records", "interop")  # rooms that stand aside
FLOORS_OF = re.compile(r"^### (\w+)$", re.MULTILINE)


def stands(room):
    return (PACKAGE / room / "__init__.py").exists()


def first_sentence(path):
    """Return the first line of a file's docstring, or of a folder's door."""
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]


def draw_rooms():
    """Draw the levels from the top down, then the rooms that stand aside."""
    rows = [" | ".join(filter(stands, level)) for level in reversed(HOUSE["LEVELS"])]
    rows = [row for row in rows if row]
    wide = max(map(len, rows))
    lines = [row.center(wide).rstrip() for row in rows]
    picture = f"\n{'|'.center(wide).rstrip()}\n{'v'.center(wide).rstrip()}\n".join(lines)
    aside = []
    for room in filter(stands, LEAVES):
        below = HOUSE["MAY_IMPORT"][room] - {"exceptions", "_version"}
        aside.append(f"{room} -> {', '.join(sorted(below))}")
    return "\n".join(["```text", picture, "", *aside, "```"])


def draw_floors():
    """Draw each room as a table of its entries, the highest floor first."""
    order = [room for level in HOUSE["LEVELS"] for room in level] + list(LEAVES)
    parts = []
    for room in filter(stands, order):
        lines = [f"### {room}", "", first_sentence(PACKAGE / room), ""]
        lines += ["| floor | entry | what it is for |", "| --- | --- | --- |"]
        for floor, entries in reversed(list(enumerate(HOUSE["FLOORS"][room]))):
            for entry in sorted(entries):
                path = PACKAGE / room / entry
                if path.is_dir() or path.with_suffix(".py").exists():
                    name = f"{entry}/" if path.is_dir() else f"{entry}.py"
                    lines.append(f"| {floor} | `{name}` | {first_sentence(path)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


DRAWN = {
    ("CONTRIBUTING.md", "rooms"): draw_rooms,
    ("docs/architecture.md", "rooms"): draw_rooms,
    ("docs/architecture.md", "floors"): draw_floors,
}


def between(name):
    start, end = re.escape(f"<!-- drawn: {name} -->\n"), re.escape("\n<!-- end drawn -->")
    return re.compile(f"(?<={start}).*?(?={end})", re.DOTALL)


@pytest.mark.parametrize(("page", "name"), DRAWN)
def test_a_picture_is_that_of_the_arrows(page, name):
    drawn = between(name).findall((ROOT / page).read_text(encoding="utf-8"))
    assert drawn == [DRAWN[page, name]()], "run: python tests/test_architecture_page.py"


def test_every_room_of_the_package_is_drawn():
    rooms = {path.name for path in PACKAGE.iterdir() if stands(path.name)}
    for drawn in (set(re.findall(r"[a-z_]+", draw_rooms())), FLOORS_OF.findall(draw_floors())):
        missing = rooms - set(drawn)
        assert not missing, f"{sorted(missing)}: in LEVELS of tests/test_arrows.py, or LEAVES here?"


def write():
    for (page, name), draw in DRAWN.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        drawn = draw()
        (ROOT / page).write_text(between(name).sub(lambda _: drawn, text), encoding="utf-8")  # noqa: B023


if __name__ == "__main__":
    write()
