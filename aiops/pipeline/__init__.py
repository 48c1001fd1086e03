"""The flow, in order: `turn` is the first function to read."""

from aiops.pipeline import keep
from aiops.pipeline.assemble import assemble
from aiops.pipeline.changes import BatchJournal, Changes, Event, StoreJournal, TurnResult
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.turn import turn
from aiops.pipeline.watch import Watch

__all__ = ["BatchJournal", "Changes", "Event", "Rooms", "StoreJournal", "TurnResult", "Watch", "assemble", "keep", "turn"]
