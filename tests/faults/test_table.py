"""The table of faults and the tests agree: a row has a test that names it in the file it names, and no test lacks its row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "faults.md"
ROW = re.compile(r"^\| ([TS]\d+) \|.*\| `(test_\w+\.py)` \|$", re.MULTILINE)


NAMED = re.compile(r"^\| ([RXNA]\d+) \|.*\| `(tests/[\w/]+\.py)::(test_\w+)` \|$", re.MULTILINE)


def numbers(file: str) -> set[str]:
    """Rows that a file's tests name: `test_T01_T02_…` is of T1 and T2."""
    heads = re.findall(r"^def test_((?:[TS]\d+_)+)", (HERE / file).read_text("utf-8"), re.MULTILINE)
    return {f"{one[0]}{int(one[1:])}" for head in heads for one in head.strip("_").split("_")}


def test_every_row_has_a_test_in_the_file_it_names() -> None:
    rows = ROW.findall(TABLE.read_text("utf-8"))
    assert {row for row, _ in rows} >= {f"T{i}" for i in range(1, 28)}
    assert {(row, file) for row, file in rows if row not in numbers(file)} == set()


def test_every_row_of_what_people_and_receivers_meet_names_a_test_that_is_there() -> None:
    rows = NAMED.findall(TABLE.read_text("utf-8"))
    hostile = [f"X{i}" for i in range(1, 18) if i != 13]  # there is nothing of its kind
    receivers = [f"N{i}" for i in range(1, 14)]  # nobody writes templates, so none fails (N14)
    door = [f"A{i}" for i in range(1, 20)]
    assert [row for row, *_ in rows] == [*(f"R{i}" for i in range(1, 26)), *hostile, *receivers, *door]
    gone = [f"{row}: {file}::{name}" for row, file, name in rows if row not in marks(HERE.parents[1] / file).get(name, ())]
    assert gone == []


def test_every_test_that_names_a_row_names_one_of_the_table() -> None:
    known = {row for row, *_ in NAMED.findall(TABLE.read_text("utf-8"))}
    named = {row for path in HERE.parent.rglob("test_*.py") for rows in marks(path).values() for row in rows}
    assert named == known


def marks(path: Path) -> dict[str, set[str]]:
    """Which rows each test of a file says it is of: `@pytest.mark.row("N10")`."""
    found: dict[str, set[str]] = {}
    text = path.read_text("utf-8")
    if "mark.row(" not in text:
        return found
    for one in ast.parse(text).body:
        if isinstance(one, ast.FunctionDef):
            calls = [d for d in one.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "pytest.mark.row"]
            found[one.name] = {ast.literal_eval(argument) for call in calls for argument in call.args}
    return found


def test_every_test_of_a_row_stands_in_the_table() -> None:
    rows = {row for row, _ in ROW.findall(TABLE.read_text("utf-8"))}
    assert {row for file in HERE.glob("test_*.py") for row in numbers(file.name)} <= rows
