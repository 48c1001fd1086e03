"""The files of a configuration are read together: a mistake in one hides none in another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import FileError
from aiops.daemon.loading import load_all


def test_mistakes_of_cards_runbooks_and_policy_are_told_together(tmp_path: Path) -> None:
    for name in ("card.yaml", "runbook.yaml", "policy.yaml"):
        (tmp_path / name).write_text("apiVersion: aiops/v1\nkind: Nothing\n")
    (tmp_path / "aiops.yaml").write_text(
        json.dumps({"cards": ["card.yaml"], "runbooks": ["runbook.yaml"], "policy": "policy.yaml", "data_dir": str(tmp_path)})
    )
    with pytest.raises(FileError) as found:
        load_all(load_settings(tmp_path / "aiops.yaml"))
    assert {Path(one.path).name for one in found.value.mistakes} == {"card.yaml", "runbook.yaml", "policy.yaml"}


def test_where_none_is_named_those_that_are_shipped_are_loaded(tmp_path: Path) -> None:
    cards, runbooks = load_all(load_settings(None, data_dir=tmp_path))
    assert "disk_full" in {card.name for card in cards}
    assert runbooks
