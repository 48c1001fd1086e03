"""The identity provider of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import FileError

WHOLE = """\
web:
  external_url: https://aiops.example
  oidc: {issuer: "https://id.example/realm", client_id: aiops, client_secret_file: secret, roles: {sre: responder}}
"""


def test_what_is_written_is_read_and_files_are_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text(WHOLE)
    web = load_settings(tmp_path / "aiops.yaml").web
    assert web.oidc is not None
    assert (web.oidc.client_secret_file, web.oidc.roles, web.guarded) == (tmp_path / "secret", {"sre": "responder"}, True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://id.example/realm", "http://id.example", "whoever stands on the way"),
        ("external_url: https://aiops.example", "open: false", "web.external_url: is missing"),
        ("roles: {sre: responder}", "roles: {}", "web.oidc.roles"),
        ("roles: {sre: responder}", "roles: {sre: boss}", "viewer, responder, author, admin"),
        ("client_id: aiops,", "client_id: aiops, scopes: [profile],", "openid is missing"),
        ("client_secret_file: secret", "client_secret: abc", "unknown key"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "aiops.yaml").write_text(WHOLE.replace(old, new))
    with pytest.raises(FileError, match=said):
        load_settings(tmp_path / "aiops.yaml")
