"""What a browser keeps of a login."""

from __future__ import annotations

import pytest

from aiops.web.access.session import LONGEST, Login, opened, seal, sealed, unseal

ANN = Login("ann", "password", 1000, 2000)
EVE = Login("eve", "oidc", 1000, 2000, "responder", True, ("storage",), ("storage-sre",))


@pytest.mark.parametrize("login", [ANN, EVE, Login("b", "key", 1, 2, teams=())])
def test_what_was_sealed_is_opened(login: Login) -> None:
    assert opened(sealed(login, "k"), lambda one: "k") == login


def test_the_key_may_depend_on_whose_it_is() -> None:
    keys = {"ann": "a", "eve": "e"}
    assert opened(sealed(EVE, "e"), lambda one: keys[one.name]) == EVE
    assert opened(sealed(EVE, "a"), lambda one: keys[one.name]) is None


@pytest.mark.parametrize("at", range(0, len(sealed(EVE, "k")), 7))
def test_every_changed_letter_is_seen(at: int) -> None:
    whole = sealed(EVE, "k")
    other = "A" if whole[at] != "A" else "B"
    assert opened(whole[:at] + other + whole[at + 1 :], lambda one: "k") in (None, EVE)
    assert opened(whole[:at], lambda one: "k") is None


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"name": 1}', b'{"name": "a", "by": "x", "since_s": 1, "ends_s": 2}'])
def test_what_is_no_login_is_none_under_any_seal(body: bytes) -> None:
    assert opened(seal(body, "k"), lambda one: "k") is None


@pytest.mark.parametrize("cookie", ["", ".", "x.y", "\u00e4", "A" * (LONGEST + 1)])
def test_what_nobody_sealed_is_nothing(cookie: str) -> None:
    assert opened(cookie, lambda one: "k") is None
    assert unseal(cookie, "k") is None
