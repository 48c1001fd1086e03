"""The relay of a configuration: its receivers, opened."""

from __future__ import annotations

from aiops import plugins
from aiops.config.settings import Settings
from aiops.notify.relay import Relay
from aiops.store import Store


def relay_of(settings: Settings, store: Store, dry_run: bool = False) -> Relay:
    """From the outbox of a store to the receivers of a configuration."""
    notifiers = {}
    for name, receiver in settings.receivers.items():
        kind = plugins.load("notifiers", receiver.kind)
        notifiers[name] = kind(name, kind.Params.model_validate(receiver.params))
    return Relay(store, notifiers, dry_run=dry_run)
