"""Before a check is believed: what a query sees is as old as the last scrape, and what was taken back may take its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiops.core.durations import rfc3339
from aiops.responses.interface import Result
from aiops.responses.view import changed
from aiops.store.codec import to_json
from aiops.store.response_rows import StepChange, StepRow

LOOKS_EVERY_S, LOOKS_FOR_S = 5.0, 30.0
"""Whether something is taken back is asked so often, and for so long at least."""
_KEY = "settling"


@dataclass(frozen=True, slots=True)
class Settling:
    """A step whose check is asked from `from_s` on; what takes a step back is given until `until_s` to be seen. `known`: what its
    action said, None where nobody heard it."""

    from_s: float
    until_s: float
    known: Result | None

    @classmethod
    def of(cls, row: StepRow) -> Settling | None:
        """What the journal says of it; None where its check was not put off."""
        said: Mapping[str, Any] | None = row.result.get(_KEY)
        if said is None:
            return None
        known = said["known"]
        return cls(said["from_s"], said["until_s"], None if known is None else Result(**known))

    def put_off(self, row: StepRow) -> StepChange:
        """The line of a step that waits for it."""
        known = self.known
        said = None if known is None else {name: getattr(known, name) for name in ("end", "output", "why", "effect")}
        about = f"{known.why or known.end}; " if known is not None else ""
        why = f"{about}its check is asked at {rfc3339(self.from_s)}, when it sees what is so since"
        result = {_KEY: to_json({"from_s": self.from_s, "until_s": self.until_s, "known": said})}
        return changed(row, result=result, why=why)
