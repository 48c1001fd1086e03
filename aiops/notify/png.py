"""The picture of a message as PNG, for whoever shows images: the same geometry as on the page of the episode.

The size is that of a thumbnail in a chat, drawn at twice of it, so that it stays sharp on a phone.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiops.core.durations import rfc3339
from aiops.notify.arrays import Arrays
from aiops.notify.plot import HIGH, WIDE, picture

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

LEFT, RIGHT, BELOW = 110, 24, 34
"""Room for the numbers beside the box, and for the line with the time zone below it."""
PAPER, INK, FAINT = (255, 255, 255), (32, 36, 44), (210, 214, 222)
BAND, LINE, WAY, CONE, LIMIT = (222, 232, 246), (31, 96, 196), (196, 110, 20), (250, 232, 208), (196, 30, 44)
Point = tuple[float, float]


def png(found: Arrays) -> bytes:
    """The picture as the bytes of a PNG: what is usual as a band, the samples as a line, the limit, and the way that leads to it.

    Colours are of the light page, for where it is shown is not known. Text is numbers and times alone, so nothing from outside
    stands in it.
    """
    from PIL import Image, ImageDraw, ImageFont  # takes a moment that a daemon without such receivers should not pay

    image = Image.new("RGB", (LEFT + WIDE + RIGHT, HIGH + BELOW), PAPER)
    draw, shown, font = ImageDraw.Draw(image), picture(found), ImageFont.load_default(20)
    _axes(draw, shown, font)
    for colour, name in ((BAND, "band"), (CONE, "cone")):
        for points in shown[name]:
            draw.polygon(_placed(points), fill=colour)
    for points in shown["lines"]:
        _line(draw, points, LINE, 4)
    for points in shown["ahead"]:
        _line(draw, points, WAY, 3)
    _limit(draw, shown, font)
    draw.text((LEFT, HIGH + 6), f"UTC, until {rfc3339(found.now_s)}", fill=INK, font=font)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _placed(points: str) -> list[Point]:
    return [(LEFT + float(x), float(y)) for x, _, y in (one.partition(",") for one in points.split())]


def _line(draw: ImageDraw, points: str, colour: tuple[int, int, int], width: int) -> None:
    places = _placed(points)
    if len(places) > 1:
        draw.line(places, fill=colour, width=width, joint="curve")
    else:
        _dots(draw, places, colour)


def _dots(draw: ImageDraw, places: Iterable[Point], colour: tuple[int, int, int]) -> None:
    for x, y in places:
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)


def _axes(draw: ImageDraw, shown: dict[str, Any], font: Any) -> None:
    for y, said in shown["y"]:
        draw.line((LEFT, y, LEFT + WIDE, y), fill=FAINT)
        draw.text((LEFT - 8, y), said, fill=INK, font=font, anchor="rm")
    for tick in shown["x"]:
        x = LEFT + tick["x"]
        draw.line((x, shown["top"], x, shown["bottom"]), fill=FAINT)
        draw.text((x, shown["bottom"] + 4), f"{tick['date']} {tick['hour']}".strip(), fill=INK, font=font, anchor="mt")


def _limit(draw: ImageDraw, shown: dict[str, Any], font: Any) -> None:
    """The limit, and on it, as a bar, when it was told to be crossed."""
    y, told = shown["limit"], shown["told"]
    if y is None:
        return
    draw.line((LEFT, y, LEFT + WIDE, y), fill=LIMIT, width=2)
    draw.text((LEFT + 6, y - 3), f"limit {shown['limit_said']}", fill=LIMIT, font=font, anchor="lb")
    if told is not None:
        end = min(told["x"] + told["width"], WIDE)
        draw.line((LEFT + told["x"], y, LEFT + end, y), fill=LIMIT, width=8)
