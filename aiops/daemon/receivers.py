"""The relay of a configuration: its receivers, opened."""

from __future__ import annotations

import platform
from collections.abc import Callable

from aiops import plugins
from aiops.config.settings import Settings
from aiops.notify.pulse import Pulse
from aiops.notify.relay import Relay
from aiops.store import Store


def relay_of(
    settings: Settings, store: Store, dry_run: bool = False, works: Callable[[float], bool] = lambda now_s: True
) -> Relay:
    """From the outbox of a store to the receivers of a configuration; a heartbeat goes out for as long as the daemon `works`."""
    notifiers, fallbacks = {}, {}
    for name, receiver in settings.receivers.items():
        kind = plugins.load("notifiers", receiver.kind)
        notifiers[name] = kind(name, kind.Params.model_validate(receiver.params))
        if receiver.fallback:
            fallbacks[name] = receiver.fallback
    beat = settings.heartbeat
    pulse = None if beat is None else Pulse(notifiers[beat.receiver], beat.instance or platform.node(), beat.every, works)
    return Relay(store, notifiers, dry_run=dry_run, fallbacks=fallbacks, pulse=pulse)
