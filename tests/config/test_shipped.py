"""Where the shipped cards and runbooks are."""

from __future__ import annotations

from aiops.config.shipped import models_dir, runbooks_dir


def test_cards_and_runbooks_are_where_they_are_said_to_be() -> None:
    assert (models_dir() / "disk_full.yaml").is_file()
    assert (runbooks_dir() / "disk-filling-up.yaml").is_file()
