"""An OpenID provider, asked who somebody is: where its doors are, its keys, a code for a token, and whether the token is true."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import requests
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from requests.adapters import HTTPAdapter

from aiops.config.oidc import Oidc, is_safe
from aiops.core.errors import AiopsError
from aiops.core.text import visible

BACK = "/oidc/callback"
TIMEOUT_S, ANSWER_AT_MOST = 5.0, 1 << 20
DISCOVERED_FOR_S, KEYS_FOR_S, KEYS_AT_MOST_EVERY_S = 3600.0, 3600.0, 30.0
SKEW_S = 60
"""By how much the clocks of the provider and of this machine may differ."""
TOKEN_AT_MOST = 32_768
SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures whose key the provider alone has: never `none`, never one that whoever may check could also make."""
KINDS = ("RSA", "EC", "OKP")


class NotKnown(AiopsError):
    """The provider does not say, or not credibly, who this is."""


class Unreachable(AiopsError):
    """The provider cannot be asked now."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the provider is asked what. `names_itself`: its answers carry its name."""

    authorize: str
    token: str
    keys: str
    leave: str = ""
    names_itself: bool = False
    by_post: bool = False


class _Bounded(HTTPAdapter):
    """Answers end, in time and in size."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """One request. Raises requests.RequestException, also for an answer that is too long."""
        more |= {"stream": True, "timeout": TIMEOUT_S}
        answer = super().send(request, *args, **more)
        body = answer.raw.read(ANSWER_AT_MOST + 1, decode_content=True)
        if len(body) > ANSWER_AT_MOST:
            raise requests.RequestException("an answer without end")
        answer._content = body
        return answer


class Provider:
    """One provider. What it says of itself and its keys are kept for an hour; a token with another key has them read again, but
    no more often than every 30 s, so that nobody makes this daemon ask without end.

    Source: OpenID Connect Core 1.0, sections 3.1.2 to 3.1.3; Discovery 1.0, section 4; RFC 7636 (PKCE); RFC 9207 (issuer).
    """

    def __init__(self, settings: Oidc, external_url: str, clock: Callable[[], float]) -> None:
        self.settings, self._clock = settings, clock
        self._home = external_url.rstrip("/")
        self._redirect_uri = self._home + BACK
        self._doors: tuple[float, Doors] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._lock = threading.Lock()

    def door(self, state: str, nonce: str, verifier: str, anew: bool = False) -> str:
        """Where a browser is sent to log in; with `anew` also who is logged in there proves it again. Raises Unreachable."""
        more = {"prompt": "login", "max_age": 0} if anew else {}
        with self._session() as session:
            url, _ = session.create_authorization_url(
                self.doors().authorize, state=state, nonce=nonce, code_verifier=verifier, **more
            )
        return str(url)

    def way_out(self) -> str:
        """Where a browser logs out of the provider; empty where it has no such door. Raises Unreachable."""
        leave = self.doors().leave
        if not leave:
            return ""
        back = f"{self._home}/login"
        return str(add_params_to_uri(leave, [("client_id", self.settings.client_id), ("post_logout_redirect_uri", back)]))

    def doors(self) -> Doors:
        """What the provider says of itself. Raises Unreachable."""
        with self._lock:
            if self._doors is None or self._clock() - self._doors[0] > DISCOVERED_FOR_S:
                self._doors = self._clock(), self._discovered()
            return self._doors[1]

    def _discovered(self) -> Doors:
        issuer = self.settings.issuer
        said = self._read(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            called = visible(str(said.get("issuer")), 200)
            raise Unreachable(f"{issuer}: it calls itself {called}; write that as issuer, or ask whose it is")
        found = {name: str(said.get(name, "")) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        wrong = [name for name, url in found.items() if not is_safe(url)]
        if wrong:
            raise Unreachable(f"{issuer}: {', '.join(wrong)}: no address to be trusted")
        leave, methods = str(said.get("end_session_endpoint", "")), said.get("token_endpoint_auth_methods_supported")
        by_post = isinstance(methods, list) and "client_secret_post" in methods and "client_secret_basic" not in methods
        names_itself = said.get("authorization_response_iss_parameter_supported") is True
        authorize, token, keys = found.values()
        return Doors(authorize, token, keys, leave if is_safe(leave) else "", names_itself, by_post)

    def who(self, code: str, verifier: str, nonce: str, anew: bool = False) -> Mapping[str, Any]:
        """The claims of whoever a code is of. Raises NotKnown or Unreachable."""
        doors = self.doors()
        with self._session(doors) as session:
            try:
                token = session.fetch_token(
                    doors.token, grant_type="authorization_code", code=code, code_verifier=verifier,
                    redirect_uri=self._redirect_uri,
                )  # fmt: skip
            except requests.RequestException as e:
                raise Unreachable(f"{self.settings.issuer}: {type(e).__name__}") from e
            except (OAuthError, ValueError, KeyError, TypeError) as e:
                raise NotKnown(f"the provider gives no token for this code: {visible(str(e), 200)}") from e
        given = token.get("id_token") if isinstance(token, Mapping) else None
        if not isinstance(given, str) or len(given) > TOKEN_AT_MOST:
            raise NotKnown("the provider gives no token that says who it is")
        return self.claims(given, nonce, str(token.get("access_token", "")), anew)

    def claims(self, given: str, nonce: str, access_token: str = "", anew: bool = False) -> Mapping[str, Any]:
        """The claims of an identity token that is the provider's, for this client and login, and true now. Raises NotKnown."""
        now = int(self._clock())
        try:
            token = self._decoded(given)
            found = CodeIDToken(
                token.claims, token.header,
                options={
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                },
                params={"nonce": nonce, "client_id": self.settings.client_id, "access_token": access_token},
            )  # fmt: skip
            found.validate(now, SKEW_S)
        except (JoseError, ValueError, TypeError) as e:
            raise NotKnown(f"the token does not hold: {visible(str(e), 200)}") from e
        proved = found.get("auth_time")
        if anew and not (isinstance(proved, int | float) and proved >= now - SKEW_S - TIMEOUT_S):
            raise NotKnown("the provider does not say that they have just logged in")
        return cast("Mapping[str, Any]", found)

    def _decoded(self, given: str) -> jwt.Token:
        """A token whose signature holds; keys that are not known are looked for once. Raises JoseError, ValueError, NotKnown."""
        try:
            return jwt.decode(given, self._key_set(), algorithms=list(SIGNED_BY))
        except JoseError as e:
            if e.error not in ("invalid_key_id", "bad_signature") or not self._may_ask_again():
                raise
        return jwt.decode(given, self._key_set(fresh=True), algorithms=list(SIGNED_BY))

    def _may_ask_again(self) -> bool:
        return self._keys is None or self._clock() - self._keys[0] >= KEYS_AT_MOST_EVERY_S

    def _key_set(self, fresh: bool = False) -> KeySet:
        doors = self.doors()
        with self._lock:
            if self._keys is None or fresh or self._clock() - self._keys[0] > KEYS_FOR_S:
                said = self._read(doors.keys).get("keys")
                listed = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
                mine = [one for one in listed if one.get("kty") in KINDS and one.get("use", "sig") == "sig"]
                try:
                    self._keys = self._clock(), KeySet.import_key_set({"keys": mine})
                except (JoseError, ValueError, TypeError, KeyError) as e:
                    raise Unreachable(f"{self.settings.issuer}: its keys cannot be read") from e
            return self._keys[1]

    def _read(self, url: str) -> Mapping[str, Any]:
        """A JSON object. Raises Unreachable."""
        try:
            with self._session() as session:
                answer = session.request("GET", url, withhold_token=True)
            found = answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError) as e:
            raise Unreachable(f"{url}: {type(e).__name__}") from e
        if not isinstance(found, dict):
            raise Unreachable(f"{url}: HTTP {answer.status_code}, and no JSON object")
        return found

    def _session(self, doors: Doors | None = None) -> OAuth2Session:
        s = self.settings
        secret = None if s.client_secret_file is None else _secret(s.client_secret_file)
        by_post = doors is not None and doors.by_post
        method = "none" if secret is None else "client_secret_post" if by_post else "client_secret_basic"
        session = OAuth2Session(
            s.client_id, secret, token_endpoint_auth_method=method, scope=" ".join(s.scopes), redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )  # fmt: skip
        session.trust_env, session.max_redirects = False, 0  # it leads nowhere else
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Bounded())
        if s.ca_file is not None:
            session.verify = str(s.ca_file)
        return session


def _secret(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        raise Unreachable(f"{file}: the client's secret cannot be read") from e
