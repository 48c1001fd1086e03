"""The parts of a data directory: what is said of each, for people on one line whatever it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.cli.state_parts import Part, evidence, lines, not_needed, size_of, watches
from aiops.config.settings import Settings
from aiops.config.shipped import models_dir
from aiops.models.card import load_cards
from aiops.models.state_files import save_state


def test_a_line_is_one_line_whatever_a_name_holds() -> None:
    parts = [Part("watch", "a\n\x1b[2Jb@c", 2048, 60.0, {"series": 3}), Part("ledger", "aiops.db", why="row 2: gone\n")]
    first, second = lines(parts)
    assert first.startswith("watch       a\\n\\x1b[2Jb@c")
    assert first.endswith("2 KiB  until 1970-01-01T00:01:00Z  3 series")
    assert second.endswith("NOT WHOLE: row 2: gone\\n")
    assert (parts[0].as_json()["ok"], parts[1].as_json()["ok"]) == (True, False)


@pytest.mark.parametrize(
    ("content", "why"),
    [("{", "damaged"), ("[]", ""), ('{"version": 2, "sha256": "x", "meta": {}}', "damaged"), ('{"version": 1}', "version 1")],
)
def test_what_was_learnt_and_cannot_be_read_is_told_and_never_raised(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "state" / "a@b").mkdir(parents=True)
    (tmp_path / "state" / "a@b" / "learnt.json").write_text(content)
    (shallow,), (deep,) = watches(tmp_path, deep=False), watches(tmp_path, deep=True)
    assert why in deep.why != ""
    assert shallow.at_s is None


def test_evidence_that_is_whole_is_counted_and_what_is_not_is_named(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        save_state(tmp_path / "evidence", name, {"x": np.arange(4.0)}, {})
    next((tmp_path / "evidence").glob("bad.*.npz")).write_bytes(b"")
    (tmp_path / "evidence" / "no name.json").write_text("{}")
    whole, *broken = evidence(tmp_path, deep=True)
    assert whole.facts == {"warnings": 3}
    assert [one.name for one in broken] == ["bad", "no name"]
    assert all(one.why for one in broken)
    assert len(list(evidence(tmp_path, deep=False))) == 1


def test_folders_that_are_no_watch_are_left_alone(tmp_path: Path) -> None:
    for name in ("state/notes", "windows/disk_full@host", "windows/disk_full@prod", "windows/old@host"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "windows" / "old@host" / "fine.ring").write_bytes(b"x" * 10)
    cards = load_cards([models_dir()])
    found = {path.relative_to(tmp_path).as_posix(): path for path, _ in not_needed(Settings(), cards, tmp_path)}
    assert sorted(found) == ["windows/disk_full@prod", "windows/old@host"]
    assert size_of(found["windows/old@host"]) == 10
    assert list(not_needed(Settings(), [], tmp_path / "none")) == []
