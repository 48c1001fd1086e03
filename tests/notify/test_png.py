"""The picture of a message: an image that any chat shows, with the line, the limit and what is usual where they belong."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aiops.notify.arrays import Arrays
from aiops.notify.plot import HIGH, WIDE, picture
from aiops.notify.png import BAND, CONE, LEFT, LIMIT, LINE, PAPER, png
from tests.notify.test_plot import OVER, made


def drawn(found: Arrays) -> Image.Image:
    image = Image.open(io.BytesIO(png(found)))
    image.load()
    return image


def count(image: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(image) == colour).all(axis=2).sum())


def test_it_is_a_small_image_with_a_line_and_a_limit() -> None:
    found = png(made())
    image = drawn(made())
    assert (image.format, image.mode) == ("PNG", "RGB")
    assert image.size[0] > WIDE
    assert image.size[1] > HIGH
    assert len(found) < 60_000
    assert count(image, LINE) > 500
    assert count(image, LIMIT) > WIDE
    assert count(image, CONE) > 0


def test_the_limit_is_drawn_where_the_page_draws_it() -> None:
    y = picture(made())["limit"]
    column = np.asarray(drawn(made()))[:, LEFT + 300]
    rows = np.flatnonzero((column == LIMIT).all(axis=1))
    assert abs(rows.mean() - y) <= 1.5


@pytest.mark.parametrize(("usual", "wanted"), [(np.nan, False), (0.6, True)])
def test_what_is_usual_is_drawn_where_it_is_known(usual: float, wanted: bool) -> None:
    found = made(low=np.full(241, usual), high=np.full(241, usual + 0.2))
    assert (count(drawn(found), BAND) > 0) == wanted


def test_without_limit_and_time_there_is_the_line_alone() -> None:
    image = drawn(made(limit=np.nan, crossing=None, **OVER))
    assert count(image, LINE) > 500
    assert count(image, LIMIT) == count(image, CONE) == 0


@pytest.mark.parametrize(
    "values", [np.full(241, 0.5), np.full(241, 0.0), np.where(np.arange(241) % 7 == 0, 0.4, np.nan), np.full(241, 1e300)]
)
def test_constant_sparse_and_huge_values_are_drawn(values: Any) -> None:
    image = drawn(made(values=values, limit=np.nan, crossing=None, **OVER))
    assert count(image, LINE) > 0
    assert count(image, PAPER) > 0


def test_the_same_message_is_the_same_image() -> None:
    assert png(made()) == png(made())
