"""What `cards show` and `warnings show` say of masks, from what a daemon read last."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.store import Store
from tests.outcomes.made import warning

NOW = int(time.time())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    swap = Span(NOW - 60, NOW + 3600, (Matcher.make("instance", "=", "a"),), "silence s by ann: swap")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "am.json").write_text(json.dumps({"read_s": NOW, "spans": [swap.as_json()]}))
    (tmp_path / "aiops.yaml").write_text('masks: {am: {kind: silences, url: "http://127.0.0.1:9"}}\n')
    store = Store.open("", tmp_path)
    with store.transaction() as tx:
        for name in "ab":
            tx.put_warning(warning(NOW - 600, id=name, fingerprint=name, entity={"instance": name}, labels={"instance": name}))
    store.close()
    return tmp_path


def aiops(data: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--config", str(data / "aiops.yaml"), "--data-dir", str(data)])


def test_a_warning_is_shown_with_what_masks_it(data: Path) -> None:
    shown = aiops(data, "warnings", "show", "a").stdout
    assert ', am: silence s by ann: swap where instance="a"\n' in shown
    assert "  masked     " not in aiops(data, "warnings", "show", "b").stdout
    (line,) = aiops(data, "warnings", "show", "a", "-o", "json").stdout.splitlines()
    assert [one["mask"] for one in json.loads(line)["masked"]] == ["am"]


def test_a_card_is_shown_with_what_masks_it(data: Path) -> None:
    shown = aiops(data, "cards", "show", "disk_full").stdout
    assert "disk_full masked now " in shown
    assert "mask am: read at " in shown
    assert "cpu" not in shown
    assert "every card masked now " in aiops(data, "cards", "show").stdout
