"""The daemon: turns on their schedule, messages out of the outbox, reload and a clean end."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

import structlog

from aiops.config.settings import Settings
from aiops.core import compiled
from aiops.core.errors import AiopsError, SourceError, StoreError
from aiops.core.records import Outcome
from aiops.core.text import visible
from aiops.daemon import heap, lineages, reloads, slow_fits, unkept
from aiops.daemon import witness as witnesses
from aiops.daemon.board import Board, WatchState
from aiops.daemon.loading import load_all
from aiops.daemon.receivers import relay_of
from aiops.daemon.responding import JOBS, Responding
from aiops.daemon.schedule import Schedule
from aiops.daemon.spending import Spending
from aiops.daemon.token import link_key, token_of
from aiops.daemon.unseen import Unseen
from aiops.daemon.writing import Writing
from aiops.models import proof
from aiops.models.card import ModelCard
from aiops.models.second_tier import pool as pools
from aiops.outcomes.scorecard import By, Figures
from aiops.pipeline import Rooms, TurnResult, Watch, assemble, keep, rulings, turn
from aiops.pipeline import stages as ladder
from aiops.pipeline.assemble import open_watch
from aiops.pipeline.calibrations import allowance
from aiops.pipeline.figures import SINCE_S, figures
from aiops.pipeline.states import series_states
from aiops.runbooks import Runbook
from aiops.store import Store

RELAY_EVERY_S, RELAY_LANE = 1.0, "notify"
MASKS_EVERY_S, MASKS_LANE = 10.0, "masks"
WRITING_LANE = "remote write"
PRUNE_EVERY_S, KEEP_SENT_S = 3600.0, 7 * 86400.0
SAMPLES_S = 35 * 86400.0
FIXED = ("data_dir", "store", "web")
"""Settings that a reload cannot change: the process must be started again."""

log = structlog.get_logger()


class Daemon:
    """One process: opens the store (and its lock), assembles the watches, runs them. Raises AiopsError when it cannot begin.

    `reread` gives the settings anew at a reload; without it only cards and runbooks are read again.
    """

    def __init__(
        self, settings: Settings, reread: Callable[[], Settings] | None = None, dry_run: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.settings, self.dry_run, self.clock = settings, dry_run, clock
        self.board, self.spending = Board(clock()), Spending(clock())
        self._reread = reread or (lambda: settings)
        cards, runbooks = load_all(settings)
        self.store = Store.open(settings.store.url, settings.data_dir)
        try:
            self.token, self.token_is_new = token_of(settings.data_dir)
            with pools.sharing(_pool(settings)):  # watches give it what an earlier life asked for
                self.rooms = self._assemble(settings, cards, runbooks)
            self.relay = relay_of(settings, self.store, self.dry_run, self.board.works)
            self.responding = Responding(settings, self.store, self.rooms, clock)
            self.witness = witnesses.Witness(self.store, settings.data_dir)
        except BaseException:
            self.store.close()
            raise
        compiled.allow(settings.data_dir / "compiled")
        self._watches = {watch.name: watch for watch in self.rooms.watches}
        self._saved: dict[str, float] = {}
        self._broken: set[str] = set()
        self._slow_fits = slow_fits.SlowFits()
        self._changing = threading.Lock()
        self._turning: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._schedule: Schedule | None = None
        self._stopped = False
        self._enter()

    def start(self) -> None:
        """Begin the turns."""
        now = self.clock()
        for watch in self.rooms.watches:
            for what, why in watch.losses.items():
                if not why.startswith("no file"):
                    log.warning("learnt state is learnt anew", watch=watch.name, state=what, why=why)
            if watch.window.rebuilt not in ("", "new"):
                log.warning("history is read anew", watch=watch.name, why=watch.window.rebuilt)
        unkept.say(self.settings, self.rooms)
        self.mind_masks(unread=True)  # no turn begins unmasked because it was quicker than the first reading
        lanes = {_lane(watch): watch.at_once for watch in self.rooms.watches}
        own = dict.fromkeys((RELAY_LANE, WRITING_LANE, witnesses.LANE, lineages.LANE, *JOBS, MASKS_LANE), 1)
        schedule = Schedule({**own, **lanes}, self._ran)
        for watch in self.rooms.watches:
            name = f"turn {watch.name}"
            schedule.every(watch.step_s, _lane(watch), name, self.tick, watch.name, first_s=now)
        schedule.every(RELAY_EVERY_S, RELAY_LANE, "relay", self.send, first_s=now)
        if self.settings.remote_write is not None and not self.dry_run:
            writing = Writing(self.settings.remote_write, self.rooms, self.clock, lambda name: self._turning[name])
            schedule.every(self.settings.remote_write.every, WRITING_LANE, WRITING_LANE, writing.write, first_s=now)
        told = None if self.dry_run else lineages.lineages_of(self.settings, self.store, self.rooms)
        if told is not None:
            schedule.every(lineages.EVERY_S, lineages.LANE, lineages.LANE, self._lineage, told, first_s=now)
        schedule.every(MASKS_EVERY_S, MASKS_LANE, "masks", self.mind_masks, first_s=now)
        for name, (every_s, job) in {} if self.dry_run else self.responding.jobs.items():
            schedule.every(every_s, name, name, self._respond, name, job, first_s=now)
        schedule.every(witnesses.LOOK_EVERY_S, witnesses.LANE, witnesses.LANE, self._witness, first_s=now)
        schedule.every(PRUNE_EVERY_S, RELAY_LANE, "prune", self._prune, first_s=now + PRUNE_EVERY_S)
        schedule.every(PRUNE_EVERY_S, RELAY_LANE, "review", self._review_all, first_s=now + PRUNE_EVERY_S)
        schedule.every(heap.EVERY_S, MASKS_LANE, "heap", heap.settle, first_s=now + heap.FIRST_S)
        schedule.start()
        self._schedule = schedule

    def stop(self) -> None:
        """Let running turns end, send what is due once more, keep everything learnt, let go of the store."""
        with self._changing:
            if self._stopped:
                return
            self._stopped = True
            try:
                self._halt()
                self.responding.stop()
                self.send()
                self.spending.keep(self.store, self.clock())
            finally:
                self.rooms.masks.close()
                for link in self.rooms.links.values():
                    link.close()
                self.relay.close()
                self.store.close()

    def mind_the_clock(self) -> None:
        """To be called now and then: when the clock was set back, turns go on all the same."""
        with self._changing:
            if self._schedule is not None:
                self._schedule.mind_the_clock()

    def reload(self, who: str = "daemon") -> str:
        """Take up the changed files; what is wrong with them, or empty. A bad file leaves everything as it was. `who` asks."""
        with self._changing:
            try:
                error = "it is stopping" if (stopped := self._stopped) else self._reload()
            except AiopsError as e:
                error = str(e)
            except Exception as e:  # whatever a plug-in or the disk comes up with: the old configuration goes on
                log.error("reload failed", exc_info=True)
                error = visible(f"{type(e).__name__}: {e}")
        self.board.reloaded(self.clock(), error)
        if not stopped:
            reloads.keep(self.store, who, error, self.clock())
        if error:
            log.error("reload refused, the old configuration stays", error=error)
        else:
            log.info("reloaded", cards=len({w.card.name for w in self.rooms.watches}), runbooks=len(self.rooms.runbooks))
        return error

    def _reload(self) -> str:
        settings = self._reread()
        cards, runbooks = load_all(settings)
        changed = [name for name in FIXED if getattr(settings, name) != getattr(self.settings, name)]
        if changed:
            return f"{', '.join(changed)} cannot change while the daemon runs; start it again"
        relay = relay_of(settings, self.store, self.dry_run, self.board.works)
        self._halt()
        try:
            other = settings.second_tier != self.settings.second_tier
            with pools.sharing(_pool(settings)) if other else nullcontext():
                rooms = self._assemble(settings, cards, runbooks)
            self.rooms.masks.close()
            for link in self.rooms.links.values():
                link.close()
            self.relay.close()
            self.settings, self.rooms, self.relay = settings, rooms, relay
            self._watches, self._broken = {watch.name: watch for watch in rooms.watches}, set()
            self.responding.renew(settings, rooms)
            self._enter()
        finally:
            self.start()
        return ""

    def _enter(self) -> None:
        """Take up what was assembled: what is decided by another policy from now on stands in the ledger."""
        now = self.clock()
        rulings.keep(self.store, self.settings, self.rooms, now)
        domains = {name: one.failure_domain or name for name, one in self.settings.sources.items()}
        self._unseen = Unseen([name for name, one in self.settings.sources.items() if one.kind == "host"])
        self.board.enter({watch.name: _state(watch, self.rooms, now) for watch in self.rooms.watches}, domains)

    def _halt(self) -> None:
        if self._schedule is not None:
            self._schedule.stop()
            self._schedule = None
        for watch in self.rooms.watches:
            self._save(watch)

    def _assemble(self, settings: Settings, cards: list[ModelCard], runbooks: list[Runbook]) -> Rooms:
        stages = ladder.enter(self.store, cards, settings.stages, "config", settings.stages_why, self.clock())
        rooms = assemble(settings, cards, runbooks, self.store, settings.data_dir, self.clock, stages)
        if home := settings.web.external_url.rstrip("/"):
            rooms.episode_url = lambda one: f"{home}/warnings/{one}"
            rooms.runbook_url = lambda name: f"{home}/runbooks/{name}"
            rooms.wrong_url = lambda one: f"{home}/feedback/{one}?key={link_key(self.token, one, self.clock())}"
        if self.dry_run:
            rooms.routes = ()  # what is not to be told must not wait in the outbox for the next start either
        return rooms

    def _ran(self, job: str, result: str, error: BaseException | None) -> None:
        self.board.count("jobs", job, result)
        if error is not None:
            log.error("a job failed", job=job, error=f"{type(error).__name__}: {error}")

    def tick(self, name: str) -> None:
        """One turn of one watch. Whatever goes wrong in it costs this watch this turn, never another watch anything."""
        with self._turning[name]:
            self._turn(name)

    def _turn(self, name: str) -> None:
        now = self.clock()
        if self.board.watches[name].rests_until_s > now:
            return
        watch = self._watches[name]
        at = int(now) // watch.step_s * watch.step_s
        if name not in self._broken and watch.done_until(at):
            self.board.nothing_new(name, now)
            return
        try:
            if name in self._broken:
                watch = self._renewed(watch)
            result = turn(watch, at, self.rooms)
        except StoreError as e:
            self._broken.add(name)
            self._store_said(name, str(e))
            return
        except Exception as e:  # the edge of a job: what is not foreseen is told, and the other watches go on
            self._broken.add(name)
            log.error("a turn failed", watch=name, exc_info=True)
            error = SourceError(watch.source_name, "internal", visible(f"{type(e).__name__}: {e}"))
            result = TurnResult(name, at, self.clock() - now, self.board.watches[name].states, (), error=error)
        if result.error is None:
            self._store_said(name, "")
        self._tell(watch, result)
        since = self.clock() - self._saved.get(name, 0.0)
        if result.error is None and keep.due(watch, since):  # at once after the first turn
            self._save(watch)

    def _renewed(self, watch: Watch) -> Watch:
        """The watch as the store and the disk know it: what a failed turn left in memory is forgotten."""
        names = [feed.name for feed in watch.feeds]
        fresh = open_watch(self.rooms, self.settings, watch.card, names, watch.step_s, self.settings.data_dir)
        self.rooms.forget(watch.card.name)
        place = next(i for i, one in enumerate(self.rooms.watches) if one is watch)
        self.rooms.watches[place] = self._watches[watch.name] = fresh
        self._broken.discard(watch.name)
        return fresh

    def _store_said(self, who: str, error: str) -> None:
        """An error from the store, or none: told once when it begins and once when it is over."""
        if not self.board.store_said(who, error):
            return
        if error:
            log.error("the store fails", who=who, error=error)
        else:
            log.info("the store is well again")

    def _tell(self, watch: Watch, result: TurnResult) -> None:
        self.spending.turned(watch.card.name, watch.name, result.seconds, result.states.get("active", 0))
        for name, error in self.board.turned(result, self.clock(), watch.progress()):
            if error is None:
                log.info("source is well again", source=name, card=watch.card.name)
            else:
                log.warning("source failed", source=name, card=watch.card.name, kind=error.kind, error=error.message)
        if result.partial:
            log.warning("partial answer", card=watch.card.name, said="; ".join(result.partial))
        for event in result.events:
            if event.kind != "updated" and event.warning is not None:
                log.debug(f"warning {event.kind}", id=event.warning.id, card=event.warning.card, entity=str(event.warning.entity))
        self._slow_fits.look(self.clock())
        if not self._unseen.done(_sources(watch)):
            self._unseen.look(self.board.snapshot()[0], self._watches)
        if any(event.kind == "outcome" for event in result.events):
            self.review(watch.card)

    def review(self, card: ModelCard) -> None:
        """Move a card by its record: down at a breach; up as far as the configuration lets it go by itself."""
        try:
            cards = list({watch.card.name: watch.card for watch in self.rooms.watches}.values())
            budget = allowance(card, *self.rooms.watched(card.name))
            up_to, held = self.settings.promote_up_to, card.name in self.rooms.held
            move = ladder.review(self.store, card, up_to, self.clock(), cards, budget, held)
        except StoreError as e:
            self._store_said("stages", str(e))
            return
        self._store_said("stages", "")
        if move is not None:  # the watches hear of it in their next turn
            log.warning(f"card {move.kind}", card=card.name, stage=move.after, before=move.before, why=move.why)

    def _save(self, watch: Watch) -> None:
        self._saved[watch.name] = self.clock()
        if watch.name in self._broken:
            return
        try:
            keep.save(watch, self.settings.data_dir)
        except OSError as e:
            self.board.count("saves_failed", watch.card.name)
            log.error("learnt state could not be kept", watch=watch.name, error=str(e))

    def mind_masks(self, unread: bool = False) -> None:
        """Read the masks that are due; `unread`: only those that have nothing to say yet."""
        now = self.clock()
        for news in self.rooms.masks.refresh(now, unread):
            if news.error:
                log.error("mask masks nothing" if news.lapsed else "mask cannot be read", mask=news.mask, why=news.error)
            else:
                log.info("mask is well again", mask=news.mask)
        self.board.masks = self.rooms.masks.troubles(now)

    def _respond(self, name: str, job: Callable[[], object]) -> None:
        error = ""
        try:
            job()
        except StoreError as e:
            error = str(e)
        self._store_said(name, error)

    def _witness(self) -> None:
        self._respond(witnesses.LANE, lambda: self.witness.look(self.clock()))

    def _lineage(self, told: lineages.Lineages) -> None:
        self._respond(lineages.LANE, lambda: told.write(self.clock()))

    def send(self) -> None:
        """Send what waits in the outbox."""
        try:
            sent = self.relay.run_once(self.clock())
        except StoreError as e:
            self._store_said(RELAY_LANE, str(e))
            return
        self._store_said(RELAY_LANE, "")
        for what in ("sent", "retried", "dead", "late", "superseded"):
            self.board.count("notifications", what, by=int(getattr(sent, what)))

    def figures(
        self, by: Sequence[By], since_s: float = SINCE_S,
        seen: Callable[[Iterable[Outcome]], Iterable[Outcome]] = lambda found: found,
    ) -> list[Figures]:  # fmt: skip
        """How the warnings of the last `since_s` came out, as far as they may be `seen`."""
        watches, _ = self.board.snapshot()
        series: Counter[str] = Counter()
        for one in watches.values():
            series[one.card] += one.states.get("active", 0)
        cards = {watch.card.name: watch.card for watch in self.rooms.watches}
        now, mine = self.clock(), [watch for watch in self.rooms.watches if not watch.card.challenges]
        return figures(self.store, cards.values(), by, now, now - since_s, series, mine, seen)

    def _review_all(self) -> None:
        for card in {watch.card.name: watch.card for watch in self.rooms.watches}.values():
            self.review(card)

    def _prune(self) -> None:
        try:
            now_s = self.clock()
            self.spending.keep(self.store, now_s)
            self.store.prune_outbox(now_s - KEEP_SENT_S)
            proof.prune(self.settings.data_dir / proof.EVIDENCE, now_s - (self.rooms.gate.policy.retention.samples or SAMPLES_S))
            kept_s = self.rooms.gate.policy.retention.symptoms
            if kept_s is not None:
                self.store.prune_warnings(now_s - kept_s, now_s)
                self.responding.prune(now_s - kept_s)
        except StoreError as e:
            self._store_said(RELAY_LANE, str(e))


def _pool(settings: Settings) -> pools.Pool:
    s = settings.second_tier
    return pools.Pool(s.workers, s.cpu * pools.MINUTE, s.deadline, s.memory)


def _state(watch: Watch, rooms: Rooms, now_s: float) -> WatchState:
    progress, states = watch.progress(), series_states(watch, int(now_s))
    stage = rooms.stage_of(watch.card)
    return WatchState(
        watch.card.name, watch.source_name, _sources(watch), float(watch.step_s), stage, now_s, states, progress=progress
    )  # fmt: skip


def _sources(watch: Watch) -> tuple[str, ...]:
    return tuple(feed.name for feed in watch.feeds)


def _lane(watch: Watch) -> str:
    return f"cards of {watch.source_name}"
