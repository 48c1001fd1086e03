"""The relay of a configuration has its receivers, opened with their parameters."""

from __future__ import annotations

import pytest

from aiops.config.settings import Settings
from aiops.daemon.receivers import relay_of
from aiops.store import Store


def test_what_waits_is_sent_to_the_receiver_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    store = Store.open("sqlite://", None)
    message = {"event": "opened", "at_s": 0.0, "title": "it fills", "text": "soon", "warning": {"id": "w", "stage": "ticket"}}
    with store.transaction() as tx:
        tx.enqueue("stdout", "g", "k", message, 0.0)
    relay = relay_of(Settings(), store)
    assert relay.run_once(1.0).sent == 1
    relay.close()
    store.close()
    assert "it fills" in capsys.readouterr().out
