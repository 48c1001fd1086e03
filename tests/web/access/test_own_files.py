"""Certificate, key and accounts are tried before anything begins: by `aiops check` at their place, and by the daemon's start."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aiops.cli.check import check
from aiops.config.access import Tls
from aiops.config.settings import load_settings
from aiops.core.errors import AiopsError
from aiops.web.access.accounts import Accounts
from aiops.web.access.own_files import try_pair
from aiops.web.serve import run


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two certificates with their keys (a, b), and the key of `a` under a passphrase."""
    folder = tmp_path_factory.mktemp("pem")
    for name in "ab":
        made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
        subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True)
    locked = ["-aes128", "-passout", "pass:open sesame", "-out", str(folder / "locked.key")]
    subprocess.run(["openssl", "ec", "-in", str(folder / "a.key"), *locked], check=True, capture_output=True)
    return folder


def test_a_pair_that_fits_is_fine(pem: Path) -> None:
    try_pair(Tls(cert_file=pem / "a.crt", key_file=pem / "a.key"))


@pytest.mark.parametrize(
    ("cert", "key", "key_is_told", "why"),
    [
        ("a.key", "a.key", False, "a.key holds no certificate in PEM"),
        ("a.crt", "b.key", True, "b.key is not the key of"),
        ("a.crt", "a.crt", True, "a.crt holds no key in PEM"),
        ("a.crt", "locked.key", True, "locked.key holds no key in PEM without a passphrase"),
        ("none.crt", "a.key", False, "none.crt cannot be read: No such file or directory"),
        ("a.crt", "none.key", True, "none.key cannot be read: No such file or directory"),
    ],
)
def test_of_a_pair_that_does_not_fit_the_file_is_named_at_its_place_and_nothing_starts(
    pem: Path, tmp_path: Path, cert: str, key: str, key_is_told: bool, why: str
) -> None:
    config = tmp_path / "aiops.yaml"
    config.write_text(
        f"sources: {{host: {{kind: host}}}}\nweb:\n  tls:\n    cert_file: {pem / cert}\n    key_file: {pem / key}\n"
    )
    told = [str(one) for one in check([], config)]
    field = "key_file" if key_is_told else "cert_file"
    assert len(told) == 1
    assert told[0].startswith(f"{config}:{5 if key_is_told else 4}:")
    assert f"web.tls.{field}: " in told[0]
    assert why in told[0]
    with pytest.raises(AiopsError, match=why):
        run(lambda: load_settings(config, data_dir=tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_accounts_that_are_not_there_or_of_nobody_are_told_by_check(tmp_path: Path) -> None:
    config = tmp_path / "aiops.yaml"
    config.write_text(
        "sources: {host: {kind: host}}\nweb:\n  people: {ann: {role: viewer}}\n  accounts_file: accounts\n"
    )
    (told,) = [str(one) for one in check([], config)]
    accounts = tmp_path / "accounts"
    assert told.startswith(f"{config}:4:")
    assert f"web.accounts_file: {accounts} is not there; make it with `aiops accounts set NAME --file {accounts}`" in told
    known = Accounts()
    known.set_password("ann", "a sentence of some words")
    known.write(accounts)
    assert check([], config) == []
    known.set_password("bob", "a sentence of some words")
    known.write(accounts)
    (told,) = [str(one) for one in check([], config)]
    assert "web.accounts_file:" in told
    assert "bob: not under web.people" in told


def test_secrets_of_a_provider_and_of_what_is_written_elsewhere_are_looked_for(tmp_path: Path) -> None:
    config = tmp_path / "aiops.yaml"
    config.write_text(
        "sources: {host: {kind: host}}\n"
        "remote_write: {url: 'http://127.0.0.1:9/write', bearer_token_file: token}\n"
        "web:\n  external_url: https://aiops.example.net\n"
        "  oidc: {issuer: 'https://id.example.net', client_id: x, client_secret_file: secret, roles: {sre: responder}}\n"
    )
    told = {one.field: one.message for one in check([], config)}
    assert set(told) == {"remote_write.bearer_token_file", "web.oidc.client_secret_file"}
    assert all("cannot be read: No such file or directory" in one for one in told.values())
