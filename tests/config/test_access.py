"""Where the daemon serves, and to whom: files are found beside the config, what cannot be is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.access import ROLES, WebSettings
from aiops.config.settings import load_settings
from aiops.core.errors import FileError

WHOLE = """\
web:
  accounts_file: accounts
  tls: {cert_file: tls.crt, key_file: /etc/tls.key}
  people: {ann: {role: responder, groups: [storage]}, root: {role: admin}}
  session: 1d
"""


def test_files_are_relative_to_the_config(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text(WHOLE)
    web = load_settings(tmp_path / "aiops.yaml").web
    assert web.accounts_file == tmp_path / "accounts"
    assert web.tls is not None
    assert (web.tls.cert_file, web.tls.key_file) == (tmp_path / "tls.crt", Path("/etc/tls.key"))
    assert (web.people["ann"].role, web.people["ann"].groups, web.session) == ("responder", ["storage"], 86400.0)


def test_by_default_this_machine_alone_is_served() -> None:
    web = WebSettings()
    assert (web.listen, web.open, web.people, web.tls) == ("127.0.0.1:9464", False, {}, None)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("web: {people: {ann: {role: boss}}, accounts_file: x}", "web.people.ann.role: must be one of"),
        ("web: {tls: {cert_file: x}}", "web.tls.key_file: is missing"),
        ("web: {listen: nowhere}", "is no HOST:PORT"),
        ("web: {session: 1s}", "web.session: "),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "aiops.yaml").write_text(written)
    with pytest.raises(FileError) as told:
        load_settings(tmp_path / "aiops.yaml")
    assert said in str(told.value)


def test_roles_are_named_from_the_least_on() -> None:
    assert ROLES[0] == "viewer"
    assert ROLES[-1] == "admin"
