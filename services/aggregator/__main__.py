"""Wiring of the status aggregator."""

from datetime import datetime, timedelta
from functools import partial

from services.aggregator.board import Board
from services.aggregator.broker.monitor import watch
from services.aggregator.decoding import hear
from services.aggregator.handler import take_note
from services.aggregator.heard import KINDS
from services.aggregator.history import History
from services.aggregator.settings import Settings
from services.aggregator.state import State, fold
from services.aggregator.web.app import Page, make_app
from shared.database import open_database
from shared.messages import now
from shared.retention import tidy_for_ever
from shared.service import Inbox, Member, join, run, work
from shared.web import serve_http

DISORDER = timedelta(seconds=1)  # messages that come together may be journalled in another order


async def recall(history: History, state: State) -> Board:
    """What is written down, folded into an empty state.

    The journal is in the order of hearing: where its times go back, the clock was put back in between.
    """
    await history.prepare()
    last_at = None
    async for heard in history.replay():
        state = fold(_not_before(heard.at, last_at, state), heard)
        last_at = heard.at
    return Board(_not_before(now(), last_at, state))


def _not_before(present: datetime, last_at: datetime | None, state: State) -> State:
    """The state, moved if its last word seems to come from the future."""
    return state.moved(present - last_at) if last_at and last_at - present > DISORDER else state


async def listen(member: Member, settings: Settings, history: History, board: Board) -> None:
    """Subscribe to everything that is said to the aggregator."""
    handler = partial(take_note, history=history, board=board)
    for kind in KINDS:
        source = settings.topology.source(kind, "aggregator")
        await member.listen(Inbox(source, hear(kind), handler, settings.prefetch))


async def main() -> None:
    """Run until told to stop."""
    settings = Settings.load()
    async with open_database(settings.database_url) as engine, join("aggregator", settings) as member:
        history = History(engine, timedelta(days=settings.history_days), settings.n_collections)
        board = await recall(history, State(settings.n_collections, timedelta(days=settings.broker.dead_letter_days)))
        page = Page(
            board,
            member.pulse,
            settings.beamline,
            settings.topology,
            settings.broker.url,
            settings.trace_url,
            settings.monitor,
        )
        member.tasks.start_soon(serve_http, make_app(page), settings.page_host, settings.page_port)
        member.tasks.start_soon(board.close_when_cancelled)
        member.tasks.start_soon(tidy_for_ever, history.kinds())
        inboxes = settings.topology.is_inbox
        member.tasks.start_soon(watch, settings.monitor, settings.broker, inboxes, board.show_broker)
        await listen(member, settings, history, board)
        await work(member)


if __name__ == "__main__":
    run(main)
