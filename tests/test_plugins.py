"""The catalogue: lazy strings, entry points, and what is said when a name is wrong."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from aiops import plugins
from aiops.core.errors import AiopsError


def entry_points(*points: tuple[str, str]) -> object:
    return lambda group: [EntryPoint(name, value, group) for name, value in points]


@pytest.mark.parametrize(("group", "kind"), [(g, k) for g, kinds in plugins.BUILT_IN.items() for k in kinds])
def test_every_name_leads_to_a_class(group: str, kind: str) -> None:
    assert isinstance(plugins.load(group, kind), type)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AiopsError, match="sources: no kind 'prometeus'; known: cloudwatch, host, prometheus, recording"):
        plugins.load("sources", "prometeus")


def test_third_parties_are_looked_up_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", entry_points(("ordered", "collections:OrderedDict")))
    assert plugins.load("sources", "ordered").__name__ == "OrderedDict"
    assert set(plugins.BUILT_IN["sources"]) < set(plugins.catalogue("sources"))


def test_one_name_for_two_plug_ins_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", entry_points(("host", "other:Host")))
    with pytest.raises(AiopsError, match=r"'host' is defined twice: .*HostSource and other:Host; rename one"):
        plugins.catalogue("sources")


def test_looking_into_the_catalogue_imports_nothing() -> None:
    code = "import sys; from aiops import plugins; plugins.catalogue('detectors'); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
