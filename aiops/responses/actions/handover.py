"""`awx.launch`, `rundeck.run`, `stackstorm.run`: hand a step over to automation that is there already, and wait for its end."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field

from aiops.core.text import visible
from aiops.responses.actions.api import Api, ServerParams, Stopped, Talk
from aiops.responses.actions.around import NOTHING, Around
from aiops.responses.interface import Action, Call, End, Result

KEY = "aiops_key"
"""The variable, or option, by which a job that was launched is found again."""
CANCEL_S = 5.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
VALUE = r"[A-Za-z0-9_./:@+=, ][A-Za-z0-9_./:@+=, -]{0,1023}"
JobId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class HandOverParams(ServerParams):
    """Parameters of `Awx`, `Rundeck` and `StackStorm`."""

    jobs: dict[str, JobId] = Field(default_factory=dict, description="jobs that may be run: name in runbooks to its id there")
    api: str = Field("", pattern=r"^(/[^\s?#]*[^\s?#/])?$", description="where its API begins; empty: /api/v2, /api/41, /api/v1")
    values: str = Field(VALUE, description="pattern of a text that may be handed over; what it means there is not known here")
    poll: float = Field(2.0, gt=0, le=60, description="seconds between two looks at a job that runs")


@dataclass(frozen=True, slots=True)
class Other:
    """What differs between servers. Paths begin behind `api` and are given a job's or a run's id; `ends`: what their words for an
    end mean.

    `body(job, variables, key)`: what launches a job so that it carries the key. `listing(job, key)`: where runs are listed that
    may carry it; `found(listing, key)`: the id of the one that does. `takes(look)`: why a job, as `look` at its launch tells it,
    cannot carry a key.
    """

    header: tuple[str, str]
    api: str
    launch: str
    body: Callable[[str, Mapping[str, Any], str], dict[str, Any]]
    listing: Callable[[str, str], str]
    found: Callable[[Any, str], str]
    status: str
    cancel: tuple[str, str]
    ends: Mapping[str, End]
    id: str = "id"
    takes: Callable[[Callable[[], Any]], str] = lambda look: ""


def _awx_takes(look: Callable[[], Any]) -> str:
    said = look()
    takes = isinstance(said, dict) and said.get("ask_variables_on_launch")
    return "" if takes else "the template does not prompt for variables on launch, so a repeated launch could not be told"


def _awx_found(listing: Any, key: str) -> str:
    return next((str(one["id"]) for one in listing.get("results") or [] if key in str(one.get("extra_vars", ""))), "")


def _rundeck_found(listing: Any, key: str) -> str:
    def carries(one: Mapping[str, Any]) -> bool:
        options = (one.get("job") or {}).get("options") or {}
        return options.get(KEY) == key or key in str(one.get("argstring") or "")

    return next((str(one["id"]) for one in listing.get("executions") or [] if carries(one)), "")


def _stackstorm_found(listing: Any, key: str) -> str:
    runs = (run for trace in listing if trace.get("trace_tag") == key for run in trace.get("action_executions") or [])
    return next((str(run["object_id"]) for run in runs), "")


AWX = Other(
    header=("Authorization", "Bearer "),
    api="/api/v2",
    launch="/job_templates/{}/launch/",
    body=lambda job, variables, key: {"extra_vars": {**variables, KEY: key}},
    listing=lambda job, key: f"/job_templates/{job}/jobs/?order_by=-id&page_size=100",
    found=_awx_found,
    status="/jobs/{}/",
    cancel=("POST", "/jobs/{}/cancel/"),
    ends={"successful": "done", "failed": "failed", "error": "failed", "canceled": "unknown"},
    takes=_awx_takes,
)
RUNDECK = Other(
    header=("X-Rundeck-Auth-Token", ""),
    api="/api/41",
    launch="/job/{}/run",
    body=lambda job, variables, key: {"options": {**{n: _plain(v) for n, v in variables.items()}, KEY: key}},
    listing=lambda job, key: f"/job/{job}/executions?max=100",
    found=_rundeck_found,
    status="/execution/{}",
    cancel=("POST", "/execution/{}/abort"),
    ends={
        "succeeded": "done", "failed": "failed", "aborted": "unknown", "timedout": "unknown", "failed-with-retry": "unknown",
        "other": "unknown",
    },
)
STACKSTORM = Other(
    header=("St2-Api-Key", ""),
    api="/api/v1",
    launch="/executions",
    body=lambda job, variables, key: {
        "action": job,
        "parameters": dict(variables),
        "context": {"trace_context": {"trace_tag": key}},
    },
    listing=lambda job, key: f"/traces?trace_tag={key}",
    found=_stackstorm_found,
    status="/executions/{}",
    cancel=("DELETE", "/executions/{}"),
    ends={"succeeded": "done", "failed": "failed", "timeout": "unknown", "abandoned": "unknown", "canceled": "unknown"},
)
P = TypeVar("P", bound=HandOverParams)


class HandOver(Action[P], Generic[P]):
    """Launches a listed job with variables as JSON, looks until it ends, and cancels it when the step's time is over.

    What variables mean there is not known here: Ansible and StackStorm expand templates in them, Rundeck puts options into shell
    commands. So texts must fit `values`, which leaves out everything that such a language could read.

    A job carries the step's key; before one is launched, runs that carry it are looked for, so a repeated step takes up the one
    that runs. Between that look and the launch another replica's launch may come: the key is no lock.
    """

    other: ClassVar[Other]
    family: ClassVar[str]

    def __init__(self, params: P, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._api, self._ending = Api(params, self.other.header), threading.Event()
        self._at = params.api or self.other.api

    def run(self, call: Call, now_s: float) -> Result:
        """Launch it, unless it was, and wait."""
        try:
            job, variables = self._job(call), self._variables(call)
            talk = self._api.begin(call)
            run = self._find(talk, call, job) or self._launch(talk, call, job, variables)
            return self._wait(talk, run)
        except Stopped as e:
            return e.result
        except (TypeError, KeyError, AttributeError):
            return Result("unknown", {}, "the answer is not what this server is known to give")

    def refuses(self, given: Mapping[str, Any]) -> str:
        """A job that is not listed."""
        return "" if given.get("job") in self.params.jobs else self._unlisted(str(given.get("job") or ""))

    def harvest(self, call: Call) -> Result | None:
        """What came of a job that carries the key; None when there is none, or it runs still."""
        try:
            talk = self._api.begin(call)
            run = self._find(talk, call, self._job(call))
            return self._ended(self._state(talk, run)) if run else None
        except (Stopped, TypeError, KeyError, AttributeError):
            return None

    def busy(self, call: Call) -> bool:
        """Whether a job that carries the key runs."""
        try:
            talk = self._api.begin(call)
            run = self._find(talk, call, self._job(call))
            return bool(run) and self._ended(self._state(talk, run)) is None
        except (Stopped, TypeError, KeyError, AttributeError):
            return False

    def close(self) -> None:
        """Stop waiting: jobs go on."""
        self._ending.set()

    def _job(self, call: Call) -> str:
        name = str(call.given.get("job") or "")
        if name not in self.params.jobs:
            raise _refused(self._unlisted(name))
        return self.params.jobs[name]

    def _unlisted(self, name: str) -> str:
        return f"{visible(name)} is not listed under responses.actions.{self.family}.jobs"

    def _variables(self, call: Call) -> dict[str, Any]:
        given = call.given.get("variables") or {}
        if not isinstance(given, dict):
            raise _refused("variables must be a mapping")
        try:
            json.dumps(given, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as e:
            raise _refused(f"variables cannot be written as JSON: {e}") from None
        for name, value in given.items():
            if not _NAME.fullmatch(str(name)) or name == KEY:
                raise _refused(f"the variable {visible(str(name))} cannot be set")
            if not all(re.fullmatch(self.params.values, text) for text in _texts(value)):
                raise _refused(f"the value of {name} holds what may not be handed over, as values says")
        return dict(given)

    def _find(self, talk: Talk, call: Call, job: str) -> str:
        return self.other.found(talk.ask("GET", self._at + self.other.listing(job, call.idem_key)).value, call.idem_key)

    def _launch(self, talk: Talk, call: Call, job: str, variables: Mapping[str, Any]) -> str:
        launch = self._at + self.other.launch.format(job)
        why = self.other.takes(lambda: talk.ask("GET", launch).value)
        if why:
            raise _refused(why)
        try:
            said = talk.ask("POST", launch, self.other.body(job, variables, call.idem_key)).value
        except Stopped as e:
            if e.result.end == "gone":  # the job, not what it would act on
                raise _refused(e.result.why) from None
            raise
        return str(said[self.other.id])

    def _wait(self, talk: Talk, run: str) -> Result:
        while True:
            state = self._state(talk, run)
            ended = self._ended(state)
            if ended is not None:
                return ended
            left = talk.left_s - CANCEL_S
            if left <= 0 or self._ending.wait(min(self.params.poll, left)):
                return self._cancelled(talk, run, state)

    def _cancelled(self, talk: Talk, run: str, state: Mapping[str, Any]) -> Result:
        output = _output(state)
        if self._ending.is_set():
            return Result("unknown", output, f"{run} runs still: nobody waits for it any more")
        method, path = self.other.cancel
        try:
            talk.ask(method, self._at + path.format(run), left_s=max(talk.left_s, 1.0))
        except Stopped as e:
            return Result("unknown", output, f"{run} was not done in time, and could not be cancelled: {e}")
        return Result("unknown", output, f"{run} was not done in time, and was cancelled")

    def _state(self, talk: Talk, run: str) -> Mapping[str, Any]:
        """How a run stands. A question that was not answered is asked again while there is time."""
        while True:
            try:
                state = talk.ask("GET", self._at + self.other.status.format(run)).value
                return state if isinstance(state, dict) else {}
            except Stopped as e:
                if e.result.end == "gone" or talk.left_s < CANCEL_S + self.params.poll:
                    raise Stopped(Result("unknown", {"id": run}, f"{run} was launched: {e}")) from None
                self._ending.wait(self.params.poll)

    def _ended(self, state: Mapping[str, Any]) -> Result | None:
        status = str(state.get("status"))
        end = self.other.ends.get(status)
        return None if end is None else Result(end, _output(state), "" if end == "done" else f"it ended as {visible(status)}")


class Awx(HandOver[HandOverParams]):
    """Launches a job template of AWX (Ansible Automation Platform) with extra variables.

    The template must prompt for variables on launch: else AWX drops them without a word, the key among them. `token` is an
    OAuth 2 token, `jobs` names templates by id.

    Source: AWX API v2 (ansible/awx, docs), job_templates/N/launch, jobs/N, jobs/N/cancel.

    >>> Awx(HandOverParams(url="https://awx.example.net", jobs={"clean": "12"})).other.ends["successful"]
    'done'
    """

    Params = HandOverParams
    other, family = AWX, "awx"


class Rundeck(HandOver[HandOverParams]):
    """Runs a job of Rundeck with options.

    The job must have an option `aiops_key`, or a repeated step cannot find it. `token` is an API token, `jobs` names jobs by
    their UUID.

    Source: Rundeck API 41 (rundeck/docs), job/ID/run, job/ID/executions, execution/ID, execution/ID/abort.

    >>> Rundeck(HandOverParams(url="https://rundeck.example.net")).other.ends["aborted"]
    'unknown'
    """

    Params = HandOverParams
    other, family = RUNDECK, "rundeck"


class StackStorm(HandOver[HandOverParams]):
    """Runs an action or workflow of StackStorm with parameters; its trace tag is the step's key.

    `token` is an API key, `jobs` names actions as pack.action.

    Source: StackStorm API v1 (StackStorm/st2, openapi.yaml), executions, traces.

    >>> StackStorm(HandOverParams(url="https://st2.example.net")).other.ends["timeout"]
    'unknown'
    """

    Params = HandOverParams
    other, family = STACKSTORM, "stackstorm"


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _plain(value: Any) -> str:
    """Rundeck's options are texts."""
    return value if isinstance(value, str) else json.dumps(value)


def _output(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": str(state.get("id")), "status": str(state.get("status"))}


def _refused(why: str) -> Stopped:
    return Stopped(Result("failed", {}, why, effect=False))
