"""A small identity provider on the loopback address: discovery, a login that says yes, signed tokens; it lies on request."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.server
import json
import secrets
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from aiops.web.app import make_app
from tests.daemon.rig import Rig, calm, card

HOME = "http://127.0.0.1:9464"
ROLES = {"sre": "responder", "leads": "admin"}
CLIENT, SECRET = "aiops", "a secret: of the client"


@cache
def rsa(kid: str) -> RSAKey:
    """A key; costly to make, so each is made once."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class Provider:
    """Who is logged in there, what its tokens say, and what it was asked. `lies` replaces claims, `hand` the whole token."""

    url: str = ""
    now: Any = None
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "eve", "groups": ["sre", "storage-sre"]})
    lies: dict[str, Any] = field(default_factory=dict)
    hand: Any = None
    alg: str = "RS256"
    discovery: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    kid: str = "one"
    broken: str = ""

    def __post_init__(self) -> None:
        self.keys = {"one": rsa("one"), "ec": ECKey.generate_key("P-256", {"kid": "ec"})}

    def document(self) -> dict[str, Any]:
        found = {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys", "end_session_endpoint": f"{self.url}/leave",
            "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip
        return found | self.discovery

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        user, _, password = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (user, unquote(password)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        proof = plain(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or asked["code_challenge"] != proof or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self.signed(asked)}

    def signed(self, asked: dict[str, str]) -> str:
        now = int(self.now())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": asked["nonce"], "auth_time": now,
            **self.claims, **self.lies,
        }  # fmt: skip
        if self.hand is not None:
            return str(self.hand(self, claims))
        return self.made(claims, self.keys[self.kid], self.alg, self.kid)

    @staticmethod
    def made(claims: dict[str, Any], key: Any, alg: str, kid: str) -> str:
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": kid}, given, key, algorithms=[alg])

    def public(self) -> dict[str, Any]:
        return KeySet(list(self.keys.values())).as_dict(private=False)


def plain(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(provider: Provider, claims: dict[str, Any]) -> str:
    """A token that nobody signed."""
    parts = (json.dumps({"alg": "none", "typ": "JWT"}), json.dumps(claims))
    return ".".join(plain(one.encode()) for one in parts) + "."


def by_the_public_key(provider: Provider, claims: dict[str, Any]) -> str:
    """A token signed by what everybody knows, as if it were a shared secret."""
    parts = (json.dumps({"alg": "HS256", "kid": "one", "typ": "JWT"}), json.dumps(claims))
    signed = ".".join(plain(one.encode()) for one in parts)
    key = provider.keys["one"].as_pem(private=False)
    return f"{signed}.{plain(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def by_a_stranger(provider: Provider, claims: dict[str, Any]) -> str:
    """A token signed by a key that is not the provider's, under the name of one that is."""
    return provider.made(claims, rsa("stranger"), "RS256", "one")


@contextlib.contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    """The provider, answering."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            if provider.broken == parts.path:
                self._say(500, {})
            elif parts.path == "/.well-known/openid-configuration":
                self._say(200, provider.document())
            elif parts.path == "/keys":
                self._say(200, provider.public())
            elif parts.path == "/authorize":
                asked = {name: value[0] for name, value in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(asked))
                self.end_headers()
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: value[0] for name, value in parse_qs(body).items()}
            if provider.broken == self.path:
                self._say(500, {})
            else:
                self._say(*provider.token(form, self.headers.get("Authorization", "")))

        def _say(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()



@pytest.fixture
def provider(rig: Rig) -> Iterator[Provider]:
    with serving(Provider(now=rig.clock)) as found:
        yield found


@pytest.fixture
def oidc(provider: Provider, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "client").write_text(SECRET + "\n")
    return {
        "issuer": provider.url, "client_id": CLIENT, "client_secret_file": str(tmp_path / "client"), "roles": ROLES,
        "groups": {"storage-sre": "storage-sre"}, "auditors": ["audit"],
    }  # fmt: skip


@pytest.fixture
def entry(rig: Rig, oidc: dict[str, Any]) -> Iterator[TestClient]:
    rig.more["web"] = {"external_url": HOME, "oidc": oidc}
    rig.world.add("free", {"instance": "a"}, calm())
    daemon = rig.start(card())
    with TestClient(make_app(daemon), base_url=HOME, client=("127.0.0.1", 50000), follow_redirects=False) as found:
        yield found


def there(client: TestClient, to: str = "/", **more: Any) -> str:
    """To the provider, who sends the browser back to this address."""
    away = client.get("/oidc/login", params={"to": to, **more})
    assert away.status_code == 303, away.text
    back = httpx2.get(away.headers["location"]).headers["location"]
    assert back.startswith(f"{HOME}/oidc/callback?")
    return str(back.removeprefix(HOME))
