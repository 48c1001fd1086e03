"""`http`: one request to a listed host."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from aiops.core.params import Params
from aiops.core.text import visible
from aiops.responses.actions.around import NOTHING, Around, as_text, secret_of
from aiops.responses.actions.egress import HOST_PORT, Blocked, Egress, Resolve, resolve
from aiops.responses.actions.hidden import Hidden
from aiops.responses.actions.said import NoJson, cut, parsed
from aiops.responses.actions.web import MaySent, NotSent, Reply, Web, marks, may_sent, meaning, not_sent
from aiops.responses.interface import Action, Call, Result

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "accept-encoding",
     "authorization", "proxy-authorization", "cookie", "idempotency-key", "x-fencing-token")
)  # fmt: skip
"""Headers that are not the author's: they frame the request, prove who asks, or tell a repeated one."""
NetworkText = Annotated[str, AfterValidator(lambda given: str(ipaddress.ip_network(given)))]
Listed = Annotated[str, Field(pattern=HOST_PORT)]


class HttpParams(Params):
    """Parameters of `Http`."""

    hosts: list[Listed] = Field(default_factory=list, description="where requests may go: host, host:port, or *.domain")
    networks: list[NetworkText] = Field(
        default_factory=list, description="private networks that listed hosts may be in, for example 10.0.0.0/8"
    )
    secrets: dict[str, list[Listed]] = Field(
        default_factory=dict, description="for each secret that requests may carry the hosts that may be given it"
    )
    ca_file: Path | None = Field(None, description="a private certificate authority")
    answer: int = Field(256 * 1024, ge=1024, le=2**24, description="bytes of an answer that are read")


class Http(Action[HttpParams]):
    """Sends one request: the author's method, URL, headers and JSON, to a listed host at an address that was vetted.

    Every request carries `Idempotency-Key` (the same over all attempts of a step) and `X-Fencing-Token`; whether the target
    heeds them is the target's affair. Redirects are not followed, answers are not decompressed, and everything together ends
    with the step's time, however slowly bytes drip. A secret goes only to the hosts that it is listed for.

    2xx is `done`; 404 and 410 `gone`; another 4xx, and whatever happened before the request was sent, `failed` without effect;
    5xx, a redirect of a request that changes something, and no whole answer `unknown`. Output: `status`, `text` (64 KiB, masked),
    `truncated`, and `json` when the step's output is json.

    Source: RFC 9110; draft-ietf-httpapi-idempotency-key-header.

    >>> Http(HttpParams(hosts=["volumes.example.net"])).params.answer
    262144
    """

    Params = HttpParams

    def __init__(self, params: HttpParams, around: Around = NOTHING, resolve: Resolve = resolve) -> None:
        super().__init__(params)
        self._web = Web(Egress(params.hosts, params.networks, resolve), params.ca_file, params.answer)
        self._for_secret = {name: Egress(hosts, []) for name, hosts in params.secrets.items()}

    def run(self, call: Call, now_s: float) -> Result:
        """Send it."""
        given = call.given
        method, url = str(given.get("method")), str(given.get("url"))
        try:
            if method not in METHODS:
                raise NotSent(f"{visible(method)} is no method")
            proof, hide = self._proof(call, url)
            headers, body = _headers(given, proof, call), _body(given)
            reply = self._web.send(method, url, headers, body, call.left_s)
        except NotSent as e:
            return not_sent(e)
        except MaySent as e:
            return may_sent(e)
        return _judged(method, reply, hide, call)

    def refuses(self, given: Mapping[str, Any]) -> str:
        """A host that is not listed, or not for the secret."""
        url = str(given.get("url"))
        try:
            self._web.egress.place(url)
            for named in (given.get("auth") or {}).values():
                self._bound(str(named["secret"]), url)
        except (Blocked, NotSent) as e:
            return str(e)
        return ""

    def _bound(self, secret: str, url: str) -> None:
        """A secret goes nowhere but to its hosts. Raises NotSent."""
        try:
            self._for_secret.get(secret, Egress([], [])).place(url)
        except Blocked:
            raise NotSent(f"the secret {secret} is not listed under responses.actions.http.secrets for this host") from None

    def _proof(self, call: Call, url: str) -> tuple[dict[str, str], Hidden]:
        """The header Authorization, and what must not show."""
        auth = call.given.get("auth")
        if not auth:
            return {}, Hidden([])
        ((kind, named),) = auth.items()
        name, value = str(named["secret"]), secret_of(call, named)
        if not value:
            raise NotSent(f"there is no secret {name}")
        self._bound(name, url)
        if not value.isascii() or not value.isprintable():
            raise NotSent(f"the secret {name} cannot stand in a header")
        if kind == "bearer":
            return {"Authorization": f"Bearer {value}"}, Hidden([value])
        if ":" not in value:
            raise NotSent(f"the secret {name} is not of the form user:password")
        coded = base64.b64encode(value.encode()).decode()
        return {"Authorization": f"Basic {coded}"}, Hidden([value, value.partition(":")[2], coded])


def _headers(given: Mapping[str, Any], proof: Mapping[str, str], call: Call) -> dict[str, str]:
    own = {str(name): as_text(value) for name, value in (given.get("headers") or {}).items()}
    for name, value in own.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise NotSent(f"the header {visible(name)} cannot be set")
        if value is None or not value.isprintable() or not _is_unicode(value):
            raise NotSent(f"the value of the header {visible(name)} holds what no header may")
    usual = {"User-Agent": "aiops", "Accept": "*/*"}
    usual |= {} if given.get("json") is None else {"Content-Type": "application/json"}
    chosen = {name.lower() for name in own}
    sent = {name: value for name, value in own.items() if value is not None}
    return {**{n: v for n, v in usual.items() if n.lower() not in chosen}, **sent, **proof, **marks(call)}


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in value)


def _body(given: Mapping[str, Any]) -> bytes | None:
    """The JSON as bytes: ASCII, so that nothing in it can be taken for anything else."""
    if given.get("json") is None:
        return None
    try:
        return json.dumps(given["json"], allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as e:
        raise NotSent(f"json cannot be written as JSON: {e}") from None


def _judged(method: str, reply: Reply, hide: Hidden, call: Call) -> Result:
    end, effect, why = meaning(method, reply.status)
    masked = hide(reply.body)
    text, more = cut(masked)
    output: dict[str, Any] = {"status": reply.status, "text": text, "truncated": more or reply.more}
    if call.output == "json":
        try:
            output["json"] = parsed(masked.decode("utf-8", "replace"))
        except NoJson as e:
            if end == "done":
                return Result("failed", output, f"its answer is no JSON: {e}")
    return Result(end, output, why, effect)
