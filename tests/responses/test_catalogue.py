"""Actions by name: opened once, with what the configuration gives them, and told in words when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops import plugins
from aiops.responses.actions.around import Around
from aiops.responses.catalogue import Actions
from aiops.responses.procedure import Unclear
from tests.responses.rig import Count


def test_an_action_is_opened_once_and_with_its_parameters(tmp_path: Path) -> None:
    actions = Actions({"exec": {"programs": {"true": "/bin/true"}}}, around=Around(folder=tmp_path))
    one = actions.of("exec")
    assert actions.of("exec") is one
    assert one.params.programs == {"true": Path("/bin/true")}
    actions.close()


@pytest.mark.parametrize(
    ("uses", "params", "why"),
    [("plugin.nothing", {}, "no kind 'nothing'"), ("exec", {"exec": {"shell": True}}, "1 validation error")],
)
def test_what_cannot_be_had_is_said(uses: str, params: dict[str, dict[str, object]], why: str) -> None:
    with pytest.raises(Unclear, match=why):
        Actions(params).of(uses)


def test_a_plug_in_of_somebody_else_needs_nothing_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foreign(Count):
        def __init__(self, params: object) -> None:
            super().__init__()

    monkeypatch.setattr(plugins, "load", lambda group, name: Foreign)
    assert isinstance(Actions(around=Around()).of("plugin.foreign"), Foreign)


def test_actions_of_one_family_share_its_parameters() -> None:
    family = {"url": "https://family.example", "namespaces": ["a"]}
    actions = Actions({"kubernetes": family, "kubernetes.get": {"url": "https://own.example"}})
    assert actions.of("kubernetes.scale").params.namespaces == ["a"]
    assert actions.of("kubernetes.get").params.url == "https://own.example"
