"""How far a runbook may go for a warning, who allows how much, and which of them decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiops.core.records import Stage
from aiops.runbooks.schema import MODES, Mode

MODE_OF_STAGE: Mapping[Stage, Mode] = {"shadow": "shadow", "ticket": "approve", "page": "auto"}
"""What a card has earned: nobody acts on what is unproven, and nothing acts alone on what has not earned to page."""
MODE_AFTER: Mapping[str, Mode] = {"verify_failed": "approve", "undone": "approve", "needs_a_person": "approve"}
"""What a runbook has lost whose last response did not help: it acts alone again once one has, with somebody's yes."""
FILE, STOPPED = "the file", "the kill switch"


@dataclass(frozen=True, slots=True)
class Reach:
    """`says`: who allows how much, the most cautious counts; `stopped`: why nothing is begun at all, empty = it may."""

    says: Mapping[str, Mode]
    stopped: str = ""

    @property
    def mode(self) -> Mode:
        """The mode that holds where nothing is stopped."""
        return min(self.says.values(), key=MODES.index)

    @property
    def by(self) -> tuple[str, ...]:
        """Whoever allows no more than what holds."""
        return (STOPPED,) if self.stopped else tuple(name for name, mode in self.says.items() if mode == self.mode)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"mode": self.mode, "by": list(self.by), "says": dict(self.says), "stopped": self.stopped}

    def words(self) -> str:
        """In one line: the mode, who decides it, and what the others would allow.

        >>> Reach({"the file": "auto", "responses.ceiling": "suggest", "stage page": "auto"}).words()
        'mode suggest by responses.ceiling (the file allows auto, stage page auto)'
        """
        others = [f"{name}{' allows' if not i else ''} {mode}" for i, (name, mode) in enumerate(self._others())]
        said = f"mode {self.mode} by {' and '.join(n for n, m in self.says.items() if m == self.mode)}"
        said += f" ({', '.join(others)})" if others else ""
        return f"{said}; nothing is begun: {self.stopped}" if self.stopped else said

    def _others(self) -> list[tuple[str, Mode]]:
        return [(name, mode) for name, mode in self.says.items() if mode != self.mode]


def after(last: str | None) -> Mode:
    """How far a runbook may go by what its last response came to; None or empty: it has had none.

    >>> after("undone"), after("succeeded"), after(None)
    ('approve', 'auto', 'auto')
    """
    return MODE_AFTER.get(last or "", "auto")


def reach(asked: Mode, ceiling: tuple[str, Mode], stage: Stage | None, stopped: str = "", last: str = "") -> Reach:
    """How far a runbook may go that asks for a mode, under a ceiling (where it stands, how much it allows), for a warning of a
    card at a stage; None = which card is not known, and its stage does not count. `last`: what its last response came to.

    >>> reach("auto", ("responses.ceiling", "auto"), "ticket").by
    ('stage ticket',)
    """
    earned: dict[str, Mode] = {} if stage is None else {f"stage {stage}": MODE_OF_STAGE[stage]}
    lost: dict[str, Mode] = {f"its last response ({last})": MODE_AFTER[last]} if last in MODE_AFTER else {}
    return Reach({FILE: asked, ceiling[0]: ceiling[1], **earned, **lost}, stopped)
