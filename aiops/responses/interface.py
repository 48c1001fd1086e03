"""What an action is: it does one step of a response, once for each call, and says what came of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

from aiops.core.params import Params

P = TypeVar("P", bound=Params)
End = Literal["done", "failed", "gone", "unknown"]
"""`failed`: it surely did not take effect, or ended with an error that the step's class judges; `gone`: the target is not there
any more; `unknown`: it may have taken effect."""


@dataclass(frozen=True, slots=True)
class Call:
    """One step as it is sent: everything is rendered, secrets stand by their names only.

    `idem_key` is the same over all attempts of a step; `epoch` is the fencing token of the replica that calls. `left_s`: seconds
    until the step is stopped. `secret(name)` gives a secret's value, to be held no longer than the call.
    """

    run_id: str
    step_id: str
    idem_key: str
    epoch: int
    left_s: float
    given: Mapping[str, Any]
    output: Literal["text", "json"] = "text"
    secret: Callable[[str], str] = field(default=lambda name: "", repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call. `output` is what look-ups of later steps see; `effect` says whether it may have begun at all."""

    end: End
    output: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    effect: bool = True


class Action(ABC, Generic[P]):
    """How a step is done: one plug-in, `uses` in a runbook, with the parameters that the configuration gives it."""

    Params: ClassVar[type[Params]]

    def __init__(self, params: P) -> None:
        self.params = params

    @abstractmethod
    def run(self, call: Call, now_s: float) -> Result:
        """Do it, within `call.left_s`. Never raises for what the world does: that is a Result."""

    def refuses(self, given: Mapping[str, Any]) -> str:
        """Why the configuration does not let it be done with what it is given, told without asking anybody; empty = it may. What
        is not known yet is left out of `given`."""
        return ""

    def fence(self, call: Call) -> bool:
        """Make the target refuse calls of the step with an epoch below `call.epoch`; whether it can and did."""
        return False

    def harvest(self, call: Call) -> Result | None:
        """What came of an earlier call with the same `idem_key`, where that can still be known; None else."""
        return None

    def busy(self, call: Call) -> bool:
        """Whether an earlier call with the same `idem_key` is surely still under way, though whoever made it is gone."""
        return False

    def close(self) -> None:
        """Let go of connections."""
