"""The aggregator's one sentence: whatever is heard is journalled, folded and shown."""

import logging
from collections.abc import AsyncIterator

from sqlalchemy.exc import SQLAlchemyError

from services.aggregator.board import Board
from services.aggregator.heard import Heard
from services.aggregator.history import History
from shared.messages import Message, ServiceBeat

log = logging.getLogger(__name__)
NOTHING: tuple[Message, ...] = ()


async def take_note(heard: Heard, *, history: History, board: Board) -> AsyncIterator[Message]:
    """Journal, fold, wake the page; the aggregator says nothing to the mesh.

    A journal that cannot be written (disk full) does not stop the page: it shows the fault. Dead-lettering instead
    would announce a dead letter, which could not be journalled either, without end.
    """
    if not isinstance(heard.message, ServiceBeat):
        board.journal_fault = await _journal(history, heard)
    board.fold(heard)
    for reply in NOTHING:
        yield reply


async def _journal(history: History, heard: Heard) -> str | None:
    try:
        await history.record(heard)
    except SQLAlchemyError as fault:
        log.exception("a %s is missing in the history", heard.kind)
        return str(fault)
    return None
