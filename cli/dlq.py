"""`mxmesh dlq`: messages that no service could handle, and what to do with them."""

from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import typer
from rich.markup import escape
from rich.table import Table

from cli.console import JsonOption, explained, out, print_json
from cli.home import DEFAULT_HOME, HomeOption, NoMeshError, find_broker
from cli.world import outside
from shared.bus import BrokerError, Delivery
from shared.messages import DeadLetterTaken, now
from shared.stomp import StompBus
from shared.topology import ROUTES, SERVICES, Topology, families_of

app = typer.Typer(help="Look at dead letters, try them again, or drop them.", no_args_is_help=True)
QueueArgument = Annotated[str, typer.Argument(help="Queue as `mxmesh dlq list` names it, such as DLQ.data-collection.")]
MessageOption = Annotated[str | None, typer.Option("--message", help="Only this message id; default: all.")]
QUIET_S = 1.0
FAULTS = (NoMeshError, BrokerError)


@app.command("list")
def list_(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Every dead letter queue that holds something.

    Example: mxmesh dlq list
    """
    with explained(*FAULTS):
        letters = anyio.run(_all_letters, home)
    rows = [
        {"queue": queue, "messages": len(held), "last_reason": _reason(held[-1])} for queue, held in letters.items()
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        out.print("no dead letters")
    else:
        table = Table(
            "queue", "messages", "reason of the last one", caption="`mxmesh dlq show QUEUE` shows the messages"
        )
        for row in rows:
            table.add_row(str(row["queue"]), str(row["messages"]), escape(str(row["last_reason"])))
        out.print(table)


@app.command()
def show(queue: QueueArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """The messages of one dead letter queue, with reason, headers and body.

    Example: mxmesh dlq show DLQ.data-collection
    """
    with explained(*FAULTS):
        letters = anyio.run(_letters, home, queue)
    if as_json:
        print_json([_describe(letter) for letter in letters])
        return
    for letter in letters:
        described = _describe(letter)
        out.rule(described["message_id"])
        for key in ("reason", "original_destination", "trace_id", "body"):
            out.print(f"[bold]{key}:[/] {escape(str(described[key]))}", highlight=False)
    out.print(
        f"{len(letters)} messages; `mxmesh dlq retry {queue}` tries them again, `mxmesh dlq drop {queue}` deletes"
    )


@app.command()
def retry(
    queue: QueueArgument, message: MessageOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Send the messages back to the queue that they came from.

    Example: mxmesh dlq retry DLQ.data-collection
    """
    _take(home, queue, message, "retried", as_json)


@app.command()
def drop(
    queue: QueueArgument,
    message: MessageOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Delete the messages for good.

    Example: mxmesh dlq drop DLQ.find-spots --message ID:host-1234-1:1
    """
    if not yes:
        typer.confirm(f"Delete {message or 'every message'} of {queue} for good?", abort=True)
    _take(home, queue, message, "dropped", as_json)


def _take(home: Path, queue: str, message: str | None, action: Literal["retried", "dropped"], as_json: bool) -> None:
    with explained(*FAULTS):
        n_taken = anyio.run(_take_letters, home, queue, message, action)
    if as_json:
        print_json({"queue": queue, "action": action, "messages": n_taken})
    else:
        out.print(f"{action} {n_taken} messages of {queue}")


async def _all_letters(home: Path) -> dict[str, list[Delivery]]:
    async with outside(find_broker(home)) as bus:
        held = {queue: await bus.browse(queue) for queue in _queues(bus.topology)}
    return {queue.removeprefix("/queue/"): letters for queue, letters in held.items() if letters}


async def _letters(home: Path, queue: str) -> list[Delivery]:
    async with outside(find_broker(home)) as bus:
        return await bus.browse(f"/queue/{queue}")


async def _take_letters(home: Path, queue: str, message: str | None, action: Literal["retried", "dropped"]) -> int:
    """Take what is in the queue now; what a retry brings back to it later is left."""
    async with outside(find_broker(home)) as bus:
        wanted = {letter.message_id for letter in await bus.browse(f"/queue/{queue}")}
        wanted &= {message} if message else wanted
        n_taken = 0
        async with bus.subscribe(f"/queue/{queue}", prefetch=100) as letters:
            with anyio.move_on_after(QUIET_S) as quiet:
                async for letter in letters:
                    quiet.deadline = anyio.current_time() + QUIET_S
                    if letter.message_id in wanted:
                        with anyio.CancelScope(shield=True):  # the silence must not cut a settlement in two
                            await _settle(bus, letter, queue, action)
                        n_taken += 1
                    if n_taken == len(wanted):
                        break
    return n_taken


async def _settle(bus: StompBus, letter: Delivery, queue: str, action: Literal["retried", "dropped"]) -> None:
    original = letter.headers.get("original-message-id", letter.message_id)
    taken = DeadLetterTaken(dead_letter_queue=f"/queue/{queue}", message_id=original, action=action, at=now())
    if action == "retried":
        await bus.forward(letter, _origin(letter, queue))
        await bus.publish(taken)
    else:
        await bus.settle(letter, [taken])


def _origin(letter: Delivery, queue: str) -> str:
    return letter.headers.get("original-destination") or f"/queue/{queue.removeprefix('DLQ.')}"


def _queues(topology: Topology) -> list[str]:
    """The dead letter queue of everything that some service reads from a queue."""
    sources = {
        topology.source(route.message, service, **fields)
        for route in ROUTES
        for service in route.listeners
        if service in SERVICES
        for fields in families_of(route)
    }
    return sorted(topology.dead_letters(source) for source in sources if source.startswith("/queue/"))


def _reason(letter: Delivery) -> str:
    return letter.headers.get("dead-letter-reason") or letter.headers.get("dlqDeliveryFailureCause") or "unknown"


def _describe(letter: Delivery) -> dict[str, Any]:
    traceparent = letter.headers.get("traceparent", "")
    return {
        "message_id": letter.message_id,
        "reason": _reason(letter),
        "original_destination": letter.headers.get("original-destination"),
        "trace_id": traceparent.split("-")[1] if traceparent.count("-") == 3 else None,  # noqa: PLR2004 - W3C format
        "headers": letter.headers,
        "body": letter.body.decode(errors="replace"),
    }
