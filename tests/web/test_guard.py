"""What holds for every answer is tested with the application (test_app.py); here is what a Host header names."""

from __future__ import annotations

import pytest

from aiops.web.guard import host_of
from aiops.web.sight import is_loopback


@pytest.mark.parametrize(
    ("header", "ours"),
    [("127.0.0.1:9464", True), ("[::1]:1", True), ("localhost", True), ("evil.example:1", False), ("[::2]", False), ("", False)],
)
def test_a_host_header_names_this_machine_or_not(header: str, ours: bool) -> None:
    assert is_loopback(host_of(header)) is ours
