"""Every file in tests/bad, and what `aiops check` says about it, word for word.

After a change of words: UPDATE_GOLDEN=1 pytest tests/config/test_bad_files.py, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aiops.cli.check import check, run_check

BAD = Path(__file__).parent.parent / "bad"
FILES = sorted(BAD.glob("*.yaml"))


def told(path: Path) -> str:
    code, lines = run_check([path], None)
    assert code == 1
    return "".join(line.replace(f"{path}:", f"{path.name}:", 1) + "\n" for line in lines)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.row("X4")
def test_a_bad_file_is_told_word_for_word(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)
    golden = path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told(path), encoding="utf-8")
    assert told(path) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_line_says_where(path: Path) -> None:
    for line in told(path).splitlines():
        name, row, column, message = line.split(":", 3)
        assert name == path.name
        assert int(row) >= 1
        assert int(column) >= 1
        assert message.startswith(" ")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_line_names_a_field_or_what_of_the_file_is_meant(path: Path) -> None:
    for one in check([path], None):
        assert one.field
        assert f": {one.field}: " in str(one)
        assert "\n" not in str(one)


def test_no_golden_text_is_left_without_its_file() -> None:
    assert {p.stem for p in BAD.glob("*.txt")} == {p.stem for p in FILES}
