"""What a notifier is: it sends one message that stands in the outbox."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from aiops.core.errors import NotifyError
from aiops.core.params import Params

P = TypeVar("P", bound=Params)


class Notifier(ABC, Generic[P]):
    """A receiver of early warnings. Sends at least once; the message's `dedup_key` is stable over retries."""

    Params: ClassVar[type[Params]]
    local: ClassVar[bool] = False
    """Whether what is told stays on this machine: then shadow warnings are told too."""
    renewed: ClassVar[bool] = False
    """Whether it forgets what is not said again: then a warning that is open is told every turn."""
    pictured: ClassVar[bool] = False
    """Whether it can show pictures: then a message brings the arrays of its leading series, `picture`, where they are known."""

    def __init__(self, name: str, params: P) -> None:
        self.name, self.params = name, params

    @classmethod
    def draws(cls, params: P) -> bool:
        """Whether one with these parameters shows pictures."""
        return cls.pictured

    @abstractmethod
    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Deliver one message (see aiops.notify.message). Raises RetryLater or NotifyError (core.errors).

        Called from a thread of its own, one message at a time.
        """

    def beat(self, instance: str, until_s: float, now_s: float) -> None:
        """Say that the daemon `instance` does its work, and that this is true until `until_s`. Raises as `send` does.

        NotifyError: this kind of receiver has no way to miss what does not come.
        """
        raise NotifyError(f"{self.name}: receivers of this kind carry no heartbeat")

    def close(self) -> None:
        """Let go of connections."""
