"""The actions there are, opened when they are first needed, with the parameters that the configuration gives them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from inspect import signature
from typing import Any

from pydantic import ValidationError

from aiops import plugins
from aiops.core.errors import AiopsError
from aiops.responses.actions.around import NOTHING, Around
from aiops.responses.interface import Action
from aiops.responses.procedure import Unclear

BUILT_IN = ("compute", "promql", "wait")
"""What the engine does by itself."""


class Actions:
    """Actions by `uses`. `params`: their parameters by name; `ready`: actions that are there already; `around`: what those get
    that ask for it."""

    def __init__(
        self, params: Mapping[str, Mapping[str, Any]] | None = None, ready: Mapping[str, Action[Any]] | None = None,
        around: Around = NOTHING,
    ) -> None:  # fmt: skip
        self._params, self._open, self._around = dict(params or {}), dict(ready or {}), around
        self._lock = threading.Lock()

    def of(self, uses: str) -> Action[Any]:
        """The action called so. Raises Unclear when there is none, or its parameters are wrong."""
        name = uses.removeprefix("plugin.")
        with self._lock:
            if name not in self._open:
                try:
                    kind = plugins.load("actions", name)
                    params = kind.Params.model_validate(self._given(name))
                    self._open[name] = kind(params, self._around) if "around" in signature(kind).parameters else kind(params)
                except ValidationError as e:
                    first = e.errors()[0]
                    place = ".".join(map(str, ("responses", "actions", name.partition(".")[0], *first["loc"])))
                    raise Unclear(f"the action {name} cannot be had: {place}: {first['msg']}") from e
                except (AiopsError, ImportError, AttributeError) as e:
                    raise Unclear(f"the action {name} cannot be had: {str(e).splitlines()[0]}") from e
            return self._open[name]

    def refuses(self, uses: str, given: Mapping[str, Any]) -> str:
        """Why the configuration would not let an action be done with what it is given; empty = it may. Nobody is asked."""
        if uses in BUILT_IN:
            return ""
        try:
            return self.of(uses).refuses(given)
        except Unclear as e:
            return str(e)

    def _given(self, name: str) -> Mapping[str, Any]:
        """The parameters of an action: its own, else those of its family, `kubernetes` of `kubernetes.scale`."""
        return self._params.get(name, self._params.get(name.partition(".")[0], {}))

    def close(self) -> None:
        """Let go of what they hold."""
        with self._lock:
            for action in self._open.values():
                action.close()
            self._open.clear()
