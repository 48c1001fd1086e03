"""The accounts file: hashes alone, readable by its owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.core.errors import AiopsError
from aiops.web.access.accounts import Accounts, Reach

PASSWORD = "a sentence to remember"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts"


def test_a_password_proves_its_name_and_no_other(file: Path) -> None:
    made = Accounts()
    made.set_password("ann", PASSWORD)
    made.write(file)
    found = Accounts.read(file)
    assert found.by_password("ann", PASSWORD)
    assert not found.by_password("ann", PASSWORD + "x")
    assert not found.by_password("bob", PASSWORD)
    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_token_names_whose_it_is_and_is_not_kept(file: Path) -> None:
    made = Accounts()
    first, second = made.new_token("grafana"), made.new_token("ci")
    made.write(file)
    found = Accounts.read(file)
    assert [found.by_token(one) for one in (first, second, "x", "")] == ["grafana", "ci", None, None]
    assert first not in file.read_text()


def test_a_new_token_takes_the_place_of_the_old_one() -> None:
    made = Accounts()
    old, new = made.new_token("ci"), made.new_token("ci")
    assert (made.by_token(old), made.by_token(new)) == (None, "ci")


def test_who_is_dropped_proves_nothing() -> None:
    made = Accounts()
    token = made.new_token("ann")
    made.set_password("ann", PASSWORD)
    assert made.drop("ann")
    assert not made.drop("ann")
    assert made.by_token(token) is None
    assert not made.by_password("ann", PASSWORD)


@pytest.mark.parametrize("name", ["", "a:b", "a b", "x" * 64, "a\nb"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(AiopsError, match="is no name"):
        Accounts().new_token(name)


def test_a_short_password_is_refused() -> None:
    with pytest.raises(AiopsError, match="fewer than 12"):
        Accounts().set_password("ann", "short")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [("ann:password", 0o600, ":1: is no account"), ("# x\nann:key:1\n", 0o600, ":2: is no account"), ("", 0o644, "chmod 600")],
)
def test_a_file_that_cannot_be_trusted_is_refused(file: Path, content: str, mode: int, said: str) -> None:
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(AiopsError, match=said):
        Accounts.read(file)


@pytest.mark.parametrize("reach", [Reach("viewer"), Reach("responder", ("storage", "db-1"))])
def test_how_far_a_token_goes_is_kept(file: Path, reach: Reach) -> None:
    made = Accounts()
    token = made.new_token("ci", reach)
    made.new_token("grafana")
    made.write(file)
    found = Accounts.read(file)
    assert (found.by_token(token), found.reaches) == ("ci", {"ci": reach})


@pytest.mark.parametrize("reach", ["role=boss", "viewer", "role=viewer:team=a", "role=viewer:teams=", "role=viewer:teams=a b"])
def test_a_reach_that_is_none_is_refused_with_its_line(file: Path, reach: str) -> None:
    file.write_text(f"# head\nci:token:abc:{reach}\n")
    file.chmod(0o600)
    with pytest.raises(AiopsError, match=r":2: .* is no reach of a token"):
        Accounts.read(file)


def test_a_team_that_would_break_the_line_is_refused() -> None:
    with pytest.raises(AiopsError, match="the name of a team"):
        Accounts().new_token("ci", Reach("viewer", ("a:b",)))


def test_a_name_that_is_not_there_costs_as_much_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    made, checked, verify = Accounts(), list[str](), PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: str, password: str) -> bool:
        checked.append(hashed)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    made.set_password("ann", PASSWORD)
    assert not made.by_password("ann", "wrong")
    assert not made.by_password("nobody", "wrong")
    costs = [hashed.split("$")[1:4] for hashed in checked]
    assert len(costs) == 2
    assert costs[0] == costs[1]
