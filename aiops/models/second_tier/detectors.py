"""Detectors of the second tier: `seasonal` scores every point, scikit-learn is asked for a second opinion where it matters."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from aiops.models.seasonal import Seasonal
from aiops.models.second_tier.opinion import OpinionParams, SecondOpinion

T = TypeVar("T", bound=OpinionParams)


class SecondLook(Seasonal, Generic[T]):
    """Scores as `seasonal` does, and has a second opinion."""

    kind: ClassVar[str]
    """Which model, of `judges.KINDS`."""

    def __init__(self, params: T, step_s: int) -> None:
        super().__init__(params, step_s)
        self.opinion = SecondOpinion(self.kind, params)


class IsolationParams(OpinionParams):
    """Parameters of `Isolation`."""


class Isolation(SecondLook[IsolationParams]):
    """score = first + clip(weight (second - first), -near, near), second by p = (1 + r / s)^-3, r an isolation forest's score.

    Every point is scored as `seasonal` does. For an entity whose score is above its threshold less `near` (with `everything`:
    for each) a worker process grows 100 trees over blocks of 15 min of the last 3 days, of its rows and of rows of their cohort,
    where the card names one. Features of a block: level, largest departure and spread beside the usual course of the day, and
    change of level since the block and the hour before, in units of the row's own scale; beside the median of the cohort's other
    rows at that time, where there are four. r is the square of the newest block's score beyond the row's median, s^3 the mean of
    r^3 over its own past: scores mean what those of `seasonal` mean, and are combined over rows as these are. The newest hour
    is not learnt. Until there is an answer, and without one, the first tier speaks.
    Shapes, units and edge cases: those of `seasonal`; below half a day of history nothing is asked.

    Source: Liu, Ting & Zhou 2008, Isolation Forest, ICDM; scikit-learn, IsolationForest.

    >>> import numpy as np
    >>> opinion = Isolation(IsolationParams(), 60).opinion
    >>> opinion.joined(np.full(4, 1.4), np.array([3.0, 2.0, 1.0, np.nan])).round(2).tolist()
    [2.0, 1.7, 1.2, 1.4]
    """

    Params = IsolationParams
    kind = "isolation"


class PcaParams(OpinionParams):
    """Parameters of `Pca`."""


class Pca(SecondLook[PcaParams]):
    """score = first + clip(weight (second - first), -near, near), second by p = (1 + r / s)^-3, r a reconstruction error.

    Every point is scored as `seasonal` does. For an entity whose score is above its threshold less `near` (with `everything`:
    for each) a worker process takes the levels of its rows, and of rows of their cohort where the card names one, in blocks of 15
    min of the last 3 days beside their usual courses of the day, and finds the principal components that explain 80 % of their
    movement, at most a third of the rows. r is what they leave of the newest block of a row, s^3 the mean of r^3 over its own
    past: what all members do together is no news, what one does alone is. The newest hour is not learnt.
    Until there is an answer, and without one (below four rows, half a day of history), the first tier speaks alone.
    Shapes, units and edge cases: those of `seasonal`.

    Source: Jackson & Mudholkar 1979, Control procedures for residuals associated with principal component analysis,
    Technometrics 21; Lakhina, Crovella & Diot 2004, Diagnosing network-wide traffic anomalies, SIGCOMM; scikit-learn, PCA.

    >>> detector = Pca(PcaParams(), 60)
    >>> detector.opinion.initial(2)["p"].tolist()
    [nan, nan]
    """

    Params = PcaParams
    kind = "pca"
