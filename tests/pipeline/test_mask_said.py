"""What is said of masks: of a card in the days ahead, of a warning while it lasts."""

from __future__ import annotations

from datetime import UTC, datetime

from aiops.config.masks import MaskSettings
from aiops.core.labels import Matcher
from aiops.core.spans import Span
from aiops.models.card import ModelCard
from aiops.pipeline.mask_book import Mask, MaskBook
from aiops.pipeline.mask_said import AT_MOST, OF_A_CRON, of_card, of_warning
from tests.daemon.rig import card
from tests.outcomes.made import warning

NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp())
HOUR = 3600
NIGHT = {"cron": "0 3 * * *", "for": "40m", "match": ['instance="a"']}
CARD = ModelCard.model_validate(card("disk_full", exclude=[NIGHT]))


def book(*spans: Span) -> MaskBook:
    rule = MaskSettings.model_validate({"kind": "silences", "url": "http://am"})
    weekly = MaskSettings.model_validate({"kind": "cron", "cron": "0 12 * * *", "for": "1h", "cards": ["disk_full"]})
    return MaskBook({"am": Mask("am", rule, spans=spans), "lunch": Mask("lunch", weekly)})


def test_a_card_is_masked_by_its_own_times_and_by_those_of_the_configuration() -> None:
    swap = Span(NOON + HOUR, NOON + 2 * HOUR, (Matcher.make("instance", "=", "b"),), "silence s by ann: swap")
    assert [str(one) for one in of_card(book(swap), CARD, NOON, NOON + 16 * HOUR)] == [
        "2026-03-04T12:00:00Z to 2026-03-04T13:00:00Z, lunch: every time `0 12 * * *` comes, for 1h",
        '2026-03-04T13:00:00Z to 2026-03-04T14:00:00Z, am: silence s by ann: swap where instance="b"',
        '2026-03-05T03:00:00Z to 2026-03-05T03:40:00Z, exclude: every time `0 3 * * *` comes, for 40m where instance="a"',
    ]


def test_what_began_before_and_lasts_is_named() -> None:
    assert [one.mask for one in of_card(book(), CARD, NOON + 600, NOON + 700)] == ["lunch"]
    assert of_card(book(), CARD, NOON + HOUR, NOON + HOUR + 10) == []


def test_a_warning_names_what_masks_its_own_series() -> None:
    spans = [Span(NOON + HOUR, NOON + 2 * HOUR, (Matcher.make("instance", "=", name),), name) for name in "ab"]
    open_one = warning(NOON + 1800, horizon_s=HOUR, entity={"instance": "a"}, first_crossing=None, crossing=None)
    found = of_warning(book(*spans), CARD, open_one, NOON + 1800)
    assert [(one.mask, one.span.why[:1]) for one in found] == [("lunch", "e"), ("am", "a"), ("exclude", "e"), ("lunch", "e")]
    closed = open_one.having(state="closed", closed_s=NOON + 1900)
    assert [one.mask for one in of_warning(book(*spans), CARD, closed, NOON + 90 * HOUR)] == ["lunch"]


def test_a_silence_of_our_alert_is_named_too() -> None:
    one = Span(NOON, NOON + HOUR, (Matcher.make("alertname", "=", "Early_disk_full"),), "s")
    assert "am" in [found.mask for found in of_warning(book(one), CARD, warning(NOON), NOON)]


def test_of_what_comes_often_only_the_first_are_named() -> None:
    often = ModelCard.model_validate(card("disk_full", exclude=[{"cron": "*/5 * * * *", "for": "1m"}]))
    upgrade = Span(NOON + 4 * HOUR, NOON + 5 * HOUR, (), "upgrade")
    found = of_card(MaskBook({"am": Mask("am", book().masks["am"].rule, spans=(upgrade,))}), often, NOON, NOON + 86400)
    assert [one.mask for one in found] == ["exclude"] * OF_A_CRON + ["am"]


def test_a_silence_of_the_alerts_of_another_card_is_none_of_this_one() -> None:
    of = [Span(NOON, NOON + HOUR, (Matcher.make("alertname", "=", name), Matcher.make("instance", "=", "a")), name)
          for name in ("Early_swap", "Early_disk_full")]  # fmt: skip
    assert [one.span.why for one in of_card(book(*of), CARD, NOON, NOON + HOUR) if one.mask == "am"] == ["Early_disk_full"]
    rules = ModelCard.model_validate(card("disk_full", entity=["alertname", "instance"]))
    assert {one.span.why for one in of_card(book(*of), rules, NOON, NOON + HOUR)} > {"Early_disk_full", "Early_swap"}


def test_what_masks_a_warning_is_named_however_many_times_of_others_there_are() -> None:
    others = [Span(NOON, NOON + HOUR, (Matcher.make("instance", "=", f"b{i}"),), "other") for i in range(2 * AT_MOST)]
    mine = Span(NOON + 60, NOON + HOUR, (Matcher.make("instance", "=", "a"),), "mine")
    assert "mine" in [one.span.why for one in of_warning(book(*others, mine), CARD, warning(NOON), NOON)]


def test_plain_values_say_the_same() -> None:
    (one,) = of_card(book(), CARD, NOON, NOON + 10)
    assert one.as_json()["end_s"] == NOON + HOUR
    assert one.as_json()["mask"] == "lunch"
