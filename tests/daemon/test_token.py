"""The token: made once, readable by nobody else, replaced when it was, compared whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aiops.core.errors import AiopsError
from aiops.daemon.token import matches, token_of


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_at_the_first_start_and_stays(tmp_path: Path) -> None:
    token, new = token_of(tmp_path)
    assert new
    assert len(token) >= 32
    assert mode(tmp_path / "token") == 0o600
    assert token_of(tmp_path) == (token, False)


def test_the_umask_does_not_open_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        token_of(tmp_path)
    finally:
        os.umask(before)
    assert mode(tmp_path / "token") == 0o600


@pytest.mark.parametrize("opened", [0o640, 0o604, 0o660, 0o666])
def test_a_token_that_others_could_read_is_replaced(tmp_path: Path, opened: int) -> None:
    token, _ = token_of(tmp_path)
    (tmp_path / "token").chmod(opened)
    other, new = token_of(tmp_path)
    assert new
    assert other != token
    assert mode(tmp_path / "token") == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff\xfe" * 40, "é".encode() * 40])
def test_what_is_no_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    (tmp_path / "token").chmod(0o600)
    token, new = token_of(tmp_path)
    assert new
    assert token_of(tmp_path) == (token, False)


def test_a_leftover_of_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".token.part").write_text("half")
    assert token_of(tmp_path)[1]
    assert not (tmp_path / ".token.part").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(AiopsError, match="token cannot be kept"):
        token_of(tmp_path / "missing")


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("Bearer abc", True), ("bearer abc", True), ("Bearer  abc ", True), ("Bearer abcd", False), ("Bearer ab", False),
        ("Bearer", False), ("Basic abc", False), ("abc", False), ("", False), (None, False), ("Bearer \udcff", False),
    ],
)  # fmt: skip
def test_only_the_whole_token_after_bearer_matches(header: str | None, right: bool) -> None:
    assert matches(header, "abc") is right
