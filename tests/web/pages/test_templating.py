"""Text in templates: escaped whatever it is, times as elements, code in words of ours."""

from __future__ import annotations

import pytest

from aiops.web.pages.templating import coded, environment, timed


def test_a_time_is_an_element_with_the_exact_instant() -> None:
    assert str(timed("at 2026-03-02T14:20:35Z")) == (
        'at <time datetime="2026-03-02T14:20:35Z">2026-03-02 14:20:35 UTC</time>'
    )


@pytest.mark.parametrize("said", ["2026-13-02T14:20:00Z", "2026-02-30T14:20:00Z", "2026-03-02 14:20", "T14:20:00Z"])
def test_what_is_no_time_stays_text(said: str) -> None:
    assert str(timed(said)) == said


@pytest.mark.parametrize("through", [timed, coded])
def test_markup_is_text(through: object) -> None:
    hostile = '<img src=x onerror=alert(1)>" 2026-03-02T14:20:00Z `<b>`'
    out = str(through(hostile))  # type: ignore[operator]
    assert "<img" not in out
    assert "<b>" not in out
    assert "&#34;" in out


def test_every_template_can_be_read() -> None:
    found = environment()
    names = found.list_templates()
    assert len(names) > 10
    for name in names:
        found.get_template(name)


def test_no_template_holds_a_script_or_a_style_of_its_own_but_those_written_to_files() -> None:
    to_files = {"backtest.html", "backtest_report.html", "report.html", "scan.html"}
    found = environment()
    assert found.loader is not None
    for name in set(found.list_templates()) - to_files:
        source = found.loader.get_source(found, name)[0]
        assert "<script>" not in source
        assert "<style" not in source
        assert " style=" not in source
        assert " onclick" not in source
