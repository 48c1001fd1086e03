"""`notify`: tell somebody, through the outbox."""

from __future__ import annotations

from aiops.core.errors import AiopsError
from aiops.core.params import Params
from aiops.core.text import visible
from aiops.responses.actions.around import NOTHING, Around, as_text, refused
from aiops.responses.interface import Action, Call, Result

LONGEST = 4000


class NotifyParams(Params):
    """Parameters of `Notify`: none."""


class Notify(Action[NotifyParams]):
    """Puts a message into the outbox, once for each step: the outbox sends it at least once, with the same key every time.

    Control and direction characters of the message are escaped and its length is capped, so that a label cannot make it look
    like something else; how a receiver marks text up is the receiver's affair. A receiver that is not there, or may not see
    the warning's labels, is `failed`.

    Source: transactional outbox (Richardson, Microservices Patterns, 2018, section 3.3).

    >>> Notify(NotifyParams()).fence(Call("r", "s", "k", 1, 1.0, {}))
    False
    """

    Params = NotifyParams

    def __init__(self, params: NotifyParams, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._tell = around.tell

    def run(self, call: Call, now_s: float) -> Result:
        """Put it there."""
        receiver, message = call.given.get("route"), as_text(call.given.get("message"))
        if self._tell is None or not isinstance(receiver, str) or message is None or not message.strip():
            return refused("there is no outbox here" if self._tell is None else "route and message must be texts")
        told = "\n".join(visible(line, LONGEST) for line in message.encode("utf-8", "replace").decode().splitlines())[:LONGEST]
        try:
            self._tell(call.run_id, receiver, told, call.idem_key)
        except AiopsError as e:
            return refused(visible(str(e)))
        return Result("done", {"message": told})
