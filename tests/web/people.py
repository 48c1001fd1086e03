"""People at the door: who is configured, their proofs, and a client that stands before it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.web.access.accounts import Accounts
from aiops.web.app import make_app
from tests.daemon.rig import Rig, calm, card

BASE, PASSWORD = "http://127.0.0.1:9464", "a sentence to remember"
PEOPLE: dict[str, Any] = {
    "ann": {"role": "responder"}, "vic": {"role": "viewer"}, "root": {"role": "admin"}, "bot": {"role": "responder"},
    "sue": {"role": "author"}, "aud": {"role": "viewer", "auditor": True},
}  # fmt: skip


@cache
def known() -> tuple[Accounts, dict[str, str]]:
    """Accounts of everybody, the token of each. ann has a password too, the hash of which is slow to make."""
    accounts = Accounts()
    made = {name: accounts.new_token(name) for name in PEOPLE}
    accounts.set_password("ann", PASSWORD)
    return accounts, made


@pytest.fixture
def tokens(rig: Rig, tmp_path: Path) -> dict[str, str]:
    """A daemon with people; the token of each."""
    accounts, made = known()
    accounts.write(tmp_path / "accounts")
    rig.more["web"] = {"people": PEOPLE, "accounts_file": str(tmp_path / "accounts")}
    rig.world.add("free", {"instance": "a"}, calm())
    rig.start(card())
    return dict(made)


@pytest.fixture
def client(rig: Rig, tokens: dict[str, str]) -> Iterator[TestClient]:
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url=BASE, client=("127.0.0.1", 50000), follow_redirects=False) as found:
        yield found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def entered(client: TestClient, password: str = PASSWORD, to: str = "/") -> Any:
    return client.post("/login", data={"name": "ann", "password": password, "to": to})
