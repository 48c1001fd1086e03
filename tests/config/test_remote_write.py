"""Where scores are written, as it is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import FileError


def test_it_is_nowhere_unless_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("log_level: info\n")
    assert load_settings(tmp_path / "aiops.yaml").remote_write is None
    (tmp_path / "aiops.yaml").write_text("remote_write: {url: http://127.0.0.1:9090/api/v1/write, bearer_token_file: token}\n")
    found = load_settings(tmp_path / "aiops.yaml").remote_write
    assert found is not None
    assert (found.bearer_token_file, found.every) == (tmp_path / "token", 60.0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("username: a", "belong together"), ("username: a, password_file: p, bearer_token_file: t", "exclude each other"),
        ("labels: {a-b: c}", "no name of a label"), ("every: 1s", "at least"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, more: str, said: str) -> None:
    (tmp_path / "aiops.yaml").write_text(f"remote_write: {{url: http://a/api/v1/write, {more}}}\n")
    with pytest.raises(FileError, match=said):
        load_settings(tmp_path / "aiops.yaml")
