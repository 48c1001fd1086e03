"""The files that a door rests on, tried as the daemon will use them: its certificate with its key, and its accounts."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from aiops.config.access import Tls, WebSettings
from aiops.core.errors import AiopsError
from aiops.web.access.accounts import Accounts


def accounts_of(web: WebSettings) -> Accounts:
    """The accounts of its file, none where it names none. Raises AiopsError: unreadable, or of somebody not under `people`."""
    if web.accounts_file is None:
        return Accounts()
    if not web.accounts_file.exists():
        raise AiopsError(f"{web.accounts_file} is not there; make it with `aiops accounts set NAME --file {web.accounts_file}`")
    accounts = Accounts.read(web.accounts_file)
    unknown = {name for name, _ in accounts.hashes} - set(web.people)
    if unknown:
        who = ", ".join(sorted(unknown))
        raise AiopsError(f"{web.accounts_file}: {who}: not under web.people; add them there or `aiops accounts drop` them")
    return accounts


def try_pair(tls: Tls) -> None:
    """Raises AiopsError where HTTPS cannot be served with this certificate and key, and says which of the two is why."""
    for key, said in _pair(tls):
        raise AiopsError(f"web.tls.{key}: {said}")


def troubles(web: WebSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    """(place under `web`, what is wrong) of each of these files."""
    if web.tls is not None:
        yield from ((("tls", key), said) for key, said in _pair(web.tls))
    try:
        accounts_of(web)
    except AiopsError as e:
        yield ("accounts_file",), str(e)


def _pair(tls: Tls) -> Iterator[tuple[str, str]]:
    """(key under `tls`, what is wrong), at most one: a key can only be tried with a certificate."""
    for key, path in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        try:
            with open(path, "rb"):
                pass
        except OSError as e:
            yield key, f"{path} cannot be read: {e.strerror}; create it or correct the path"
            return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(tls.cert_file)
    except ssl.SSLError:
        yield "cert_file", f"{tls.cert_file} holds no certificate in PEM; name the file that begins with BEGIN CERTIFICATE"
        return
    try:  # a key with a passphrase would ask for it at the terminal
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: "")
    except ssl.SSLError as e:
        other = "KEY_VALUES_MISMATCH" in str(e)
        why = f"is not the key of {tls.cert_file}" if other else "holds no key in PEM without a passphrase"
        yield "key_file", f"{tls.key_file} {why}; give the two that were made together"
