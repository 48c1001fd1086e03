"""The protocol by itself, in every order in which two or three replicas, crashes and pauses can bring it.

One step of a response, as a store, a target and replicas see it. Reading and writing are separate moves; a lease may be taken at
any time, which is what a pause of its holder looks like; a crash loses what a replica knows. All states that can be reached are
looked at. What is shipped holds; each protocol that leaves something out is refuted by the shortest way to what goes wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

PENDING, INTENT, DONE, UNKNOWN = "P", "I", "D", "U"
CLOSED = (DONE, UNKNOWN)


@dataclass(frozen=True)
class Protocol:
    """What a protocol does. `klass`: once, checked or idempotent."""

    klass: str = "once"
    intent: bool = True
    compare: bool = True
    epoch: bool = True
    fence: bool = True
    blind: bool = False


@dataclass(frozen=True)
class Replica:
    """Where a replica stands, the epoch it believes in, and what it read."""

    at: str = "down"
    epoch: int = 0
    read: tuple[str, int] = (PENDING, 0)


@dataclass(frozen=True)
class World:
    """The store (step, its epoch, the lease), the target (its fence, effects) and the replicas."""

    replicas: tuple[Replica, ...]
    step: str = PENDING
    step_epoch: int = 0
    lease: int = 0
    fence: int = 0
    effects: int = 0
    late: bool = False
    crashes: int = 0

    def moved(self, r: int, one: Replica, **changes: object) -> World:
        replicas = tuple(one if i == r else other for i, other in enumerate(self.replicas))
        return replace(self, replicas=replicas, **changes)  # type: ignore[arg-type]


Move = tuple[str, World]


def moves(w: World, p: Protocol, epochs: int, crashes: int) -> Iterator[Move]:
    """Everything that can happen next."""
    for r, one in enumerate(w.replicas):
        if w.lease < epochs:
            yield f"r{r}.lease", w.moved(r, Replica("idle", w.lease + 1), lease=w.lease + 1)
        if one.at != "down" and w.crashes < crashes:
            yield f"r{r}.crash", w.moved(r, Replica(), crashes=w.crashes + 1)
        yield from _acts(w, p, r, one)


def _acts(w: World, p: Protocol, r: int, one: Replica) -> Iterator[Move]:
    if one.at == "idle":
        yield f"r{r}.read={w.step}", w.moved(r, replace(one, at="decide", read=(w.step, w.step_epoch)))
    elif one.at == "decide":
        yield from _decides(w, p, r, one)
    elif one.at == "effect":
        if p.fence and w.fence > one.epoch:
            yield f"r{r}.refused", w.moved(r, replace(one, at="idle"))
        else:
            late = w.late or w.step in CLOSED
            yield f"r{r}.EFFECT", w.moved(r, replace(one, at="record"), effects=min(w.effects + 1, 2), late=late)
    elif one.at == "record":
        mine = w.step == (INTENT if p.intent else PENDING) and (w.step_epoch == one.epoch or not p.intent)
        yield f"r{r}.record", _written(w, p, r, one, mine, DONE, "idle")
    elif one.at == "ask":
        to = DONE if w.effects else "again"
        yield f"r{r}.ask={to}", w.moved(r, replace(one, at="close" if to == DONE else "again"))
    elif one.at in ("close", "again", "unknown"):
        yield f"r{r}.{one.at}", _recovers(w, p, r, one)


def _decides(w: World, p: Protocol, r: int, one: Replica) -> Iterator[Move]:
    """By what was read, which may not be so any more."""
    step, epoch = one.read
    if step in CLOSED:
        yield f"r{r}.rest", w.moved(r, replace(one, at="idle"))
    elif step == PENDING and not p.intent:
        yield f"r{r}.begin", w.moved(r, replace(one, at="effect"))
    elif step == PENDING:
        yield f"r{r}.intent", _written(w, p, r, one, w.step == PENDING, INTENT, "effect")
    elif epoch == one.epoch:
        yield f"r{r}.mine", w.moved(r, replace(one, at="idle"))
    else:
        fence = max(w.fence, one.epoch) if p.fence else w.fence
        to = "again" if p.blind or p.klass == "idempotent" else {"once": "unknown", "checked": "ask"}[p.klass]
        yield f"r{r}.fence", w.moved(r, replace(one, at=to), fence=fence)


def _recovers(w: World, p: Protocol, r: int, one: Replica) -> World:
    same = (w.step, w.step_epoch) == one.read
    if one.at == "again":
        return _written(w, p, r, one, same, INTENT, "effect")
    return _written(w, p, r, one, same, DONE if one.at == "close" else UNKNOWN, "idle")


def _written(w: World, p: Protocol, r: int, one: Replica, same: bool, step: str, then: str) -> World:
    """One transaction: it compares, it looks at the lease, or it does neither."""
    if (p.compare and not same) or (p.epoch and w.lease != one.epoch):
        return w.moved(r, replace(one, at="idle"))
    return w.moved(r, replace(one, at=then), step=step, step_epoch=one.epoch)


def wrong(w: World, p: Protocol) -> str:
    if w.effects > 1 and p.klass != "idempotent":
        return "DOUBLE EFFECT"
    if w.late:
        return "LATE EFFECT"
    return "DONE WITHOUT EFFECT" if w.step == DONE and not w.effects else ""


def explored(p: Protocol, replicas: int = 2, epochs: int = 3, crashes: int = 2) -> tuple[int, str, str]:
    """(states, what goes wrong, the shortest way there); nothing wrong: two empty texts."""
    first = World((Replica(),) * replicas)
    came: dict[World, tuple[World | None, str]] = {first: (None, "")}
    todo = deque([first])
    while todo:
        w = todo.popleft()
        if found := wrong(w, p):
            return len(came), found, " > ".join(_way(came, w))
        for name, after in moves(w, p, epochs, crashes):
            if after not in came:
                came[after] = w, name
                todo.append(after)
    return len(came), "", ""


def _way(came: dict[World, tuple[World | None, str]], w: World) -> list[str]:
    way: list[str] = []
    at: World | None = w
    while at is not None:
        at, name = came[at]
        way = [name, *way] if name else way
    return way


@pytest.mark.parametrize("klass", ["once", "checked", "idempotent"])
@pytest.mark.parametrize(("replicas", "epochs", "crashes"), [(2, 3, 2), pytest.param(3, 4, 3, marks=pytest.mark.long)])
def test_what_is_shipped_holds(klass: str, replicas: int, epochs: int, crashes: int) -> None:
    states, found, way = explored(Protocol(klass), replicas, epochs, crashes)
    assert (found, way) == ("", "")
    assert states > 500


@pytest.mark.parametrize(
    ("variant", "protocol", "found"),
    [
        ("V0 do, then record", Protocol(intent=False, fence=False), "DOUBLE EFFECT"),
        ("V1 nothing compared", Protocol(compare=False, epoch=False, fence=False), "LATE EFFECT"),
        ("V2 tried again blindly", Protocol(blind=True), "DOUBLE EFFECT"),
        ("V3 no epoch in the store", Protocol(epoch=False, fence=False), "LATE EFFECT"),
        ("V4 no fence at the target", Protocol(fence=False), "LATE EFFECT"),
        ("V4 with a check", Protocol("checked", fence=False), "DOUBLE EFFECT"),
    ],
)
def test_what_leaves_something_out_is_refuted(variant: str, protocol: Protocol, found: str) -> None:
    _, wrongs, way = explored(protocol)
    assert wrongs == found, variant
    assert way.rpartition(".")[2] == "EFFECT"


def test_the_way_to_a_late_effect_is_the_one_of_a_replica_that_slept() -> None:
    _, _, way = explored(Protocol(fence=False))
    assert way.split(" > ")[-1].endswith("EFFECT")
    assert way.index("intent") < way.index("unknown") < way.index("EFFECT")
