"""Who was told of a warning: every message once, and none of another's."""

from __future__ import annotations

from aiops.store.about import messages_about
from tests.notify.samples import OPENED_S, memory, message, warning


def test_messages_of_a_warning_are_told_in_order_without_renewals() -> None:
    one, other = warning(), warning(id="7f3a90c2d1e4b65")
    with memory() as store:
        with store.transaction() as tx:
            for event, about in (("opened", one), ("updated", one), ("worsened", one), ("opened", other)):
                payload = message(event, about)  # type: ignore[arg-type]
                tx.enqueue("am", about.id, f"{about.id}:{event}", payload, OPENED_S, event == "updated")
        first, second, *_ = store.due(OPENED_S)
        store.mark_sent(first.seq, OPENED_S + 1)
        found = messages_about(store, one.id)
        assert [(told.event, told.state) for told in found] == [("opened", "sent"), ("worsened", "queued")]
        store.mark_retry(second.seq, 2, OPENED_S + 60, "no answer", OPENED_S + 1)
        assert {told.error for told in messages_about(store, one.id)} <= {"", "no answer"}
        assert messages_about(store, "7f3a") == []
