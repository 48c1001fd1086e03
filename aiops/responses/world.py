"""What the engine asks of everything around it: the warning as it is now, numbers, modes, windows, and who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiops.config.responses import Mode
from aiops.responses.procedure import Procedure
from aiops.store.response_rows import Message, Run


@dataclass(frozen=True, slots=True)
class Situation:
    """A warning as it is now. `clear`: its forecast no longer crosses, None = that cannot be told; `handled_by`: the person who
    has taken it over; `unseen_s`: since when nothing new is known of it, None while it is looked at; `ended`: why it ended."""

    open: bool
    clear: bool | None
    expected_s: float | None = None
    handled_by: str = ""
    unseen_s: float | None = None
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """How many targets show the symptom now, of how many there are; None = not known."""

    showing: int
    there: int | None


class World(Protocol):
    """Everything around the engine."""

    def procedure(self, snapshot: Mapping[str, Any]) -> Procedure:
        """The runbook of a response, as it was when it was matched."""

    def situation(self, run: Run, now_s: float) -> Situation | None:
        """What its warning is like now; None when that is no longer known."""

    def values(self, promql: str, run: Run, now_s: float) -> list[float]:
        """What a query gives for its target, empty = no data. Raises Unclear when it cannot be asked."""

    def late_s(self, run: Run) -> float:
        """So long before now its queries are asked about: samples come so late."""

    def mode(self, run: Run) -> Mode:
        """How far it may go now: file, ceiling of the configuration, stage of the card."""

    def window(self, names: Sequence[str], run: Run, now_s: float) -> str:
        """Which of these windows lasts now; empty = none. A window that nobody defined always lasts."""

    def masked(self, run: Run, now_s: float) -> str:
        """Which mask or silence lasts for its warning now, whether the runbook names it or not; empty = none."""

    def spread(self, run: Run) -> Spread:
        """How far its symptom has spread."""

    def killed(self) -> str:
        """Why nothing may be begun, beyond what the store says; empty = it may."""

    def messages(
        self, run: Run, event: str, title: str, lines: Sequence[str], now_s: float, key: str = ""
    ) -> tuple[Message, ...]:
        """Who is told of what happened. `key` names what is said once, however many responses say it."""
