"""`alertmanager.silence` and `alertmanager.expire`: alerts kept quiet for a time, and heard again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from aiops.core.durations import rfc3339, seconds
from aiops.core.text import visible
from aiops.responses.actions.api import Api, ServerParams, Stopped, Talk
from aiops.responses.actions.around import NOTHING, Around, as_text
from aiops.responses.interface import Action, Call, Result

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class SilenceParams(ServerParams):
    """Parameters of `Silence` and `Expire`."""

    longest: float = Field(86400.0, gt=0, description="seconds that a silence may last at most")
    created_by: str = Field("aiops", min_length=1, description="who made it, as Alertmanager shows it")


class Silence(Action[SilenceParams]):
    """Creates a silence on alerts whose labels are exactly the given ones; a value is never a pattern.

    Its comment ends with the step's key: a step that is repeated finds it and makes no second one, also when the answer to the
    first request was lost, also when somebody has ended it meanwhile. Output: `id`, `until`.

    Source: Alertmanager API v2 (prometheus/alertmanager, api/v2/openapi.yaml), postableSilence.

    >>> Silence(SilenceParams(url="http://127.0.0.1:9093")).params.longest
    86400.0
    """

    Params = SilenceParams

    def __init__(self, params: SilenceParams, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._api = Api(params)

    def run(self, call: Call, now_s: float) -> Result:
        """Create it, unless it is there already."""
        try:
            wanted = self._wanted(call, now_s)
            talk = self._api.begin(call)
            found = _made(talk, call)
            if found is None:
                said = talk.ask("POST", "/api/v2/silences", wanted).value
                found = {"id": str(said["silenceID"]), "until": wanted["endsAt"]}
        except Stopped as e:
            return e.result
        except (TypeError, KeyError):
            return Result("unknown", {}, "the answer is not that of Alertmanager")
        return Result("done", found)

    def refuses(self, given: Mapping[str, Any]) -> str:
        """A silence that would last too long."""
        try:
            self._lasts_s(given)
        except Stopped as e:
            return e.result.why
        return ""

    def harvest(self, call: Call) -> Result | None:
        """The silence that an earlier call made."""
        try:
            found = _made(self._api.begin(call), call)
        except Stopped:
            return None
        return None if found is None else Result("done", found)

    def _wanted(self, call: Call, now_s: float) -> dict[str, Any]:
        given, comment = call.given.get("labels"), call.given.get("comment", "")
        labels = {name: as_text(value) for name, value in given.items()} if isinstance(given, dict) else {}
        if not any(labels.values()):
            raise _refused("labels must hold at least one value: a silence on everything is none")
        for name, value in labels.items():
            if not _NAME.fullmatch(str(name)) or value is None or not _is_unicode(value):
                raise _refused(f"the label {visible(str(name))} cannot be silenced")
        lasts_s = self._lasts_s(call.given)
        return {
            "matchers": [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in labels.items()],
            "startsAt": rfc3339(now_s),
            "endsAt": rfc3339(now_s + lasts_s),
            "createdBy": self.params.created_by,
            "comment": f"{visible(str(comment))} {_mark(call)}",
        }

    def _lasts_s(self, given: Mapping[str, Any]) -> float:
        try:
            lasts_s = seconds(str(given.get("for")))
        except ValueError:
            raise _refused("for must be a duration") from None
        if not 0 < lasts_s <= self.params.longest:
            most = f"{self.params.longest:g} s"
            raise _refused(f"a silence may last {most} at most, as responses.actions.alertmanager.longest says")
        return lasts_s


class Expire(Action[SilenceParams]):
    """Ends a silence by its id; one that has ended already is well. One that Alertmanager does not know is `gone`.

    Source: Alertmanager API v2 (prometheus/alertmanager, api/v2/openapi.yaml), deleteSilence.

    >>> Expire(SilenceParams(url="http://127.0.0.1:9093")).params.created_by
    'aiops'
    """

    Params = SilenceParams

    def __init__(self, params: SilenceParams, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._api = Api(params)

    def run(self, call: Call, now_s: float) -> Result:
        """End it."""
        wanted = str(call.given.get("id") or "")
        if not _ID.fullmatch(wanted):
            return _refused(f"{visible(wanted)} is no id of a silence").result
        try:
            talk = self._api.begin(call)
            if not _ended(talk, wanted):
                talk.ask("DELETE", f"/api/v2/silence/{wanted}")
        except Stopped as e:
            return e.result
        return Result("done", {"id": wanted})

    def harvest(self, call: Call) -> Result | None:
        """Whether it has ended."""
        wanted = str(call.given.get("id") or "")
        try:
            done = bool(_ID.fullmatch(wanted)) and _ended(self._api.begin(call), wanted)
        except Stopped:
            return None
        return Result("done", {"id": wanted}) if done else None


def _ended(talk: Talk, wanted: str) -> bool:
    silence = talk.ask("GET", f"/api/v2/silence/{wanted}").value
    return isinstance(silence, dict) and (silence.get("status") or {}).get("state") == "expired"


def _made(talk: Talk, call: Call) -> dict[str, Any] | None:
    """The silence whose comment ends with the step's key."""
    for one in talk.ask("GET", "/api/v2/silences").value or []:
        if isinstance(one, dict) and str(one.get("comment", "")).endswith(_mark(call)):
            return {"id": str(one.get("id")), "until": str(one.get("endsAt"))}
    return None


def _mark(call: Call) -> str:
    return f"[aiops {call.idem_key}]"


def _refused(why: str) -> Stopped:
    return Stopped(Result("failed", {}, why, effect=False))


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in value)
