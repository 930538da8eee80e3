"""What a night at i03 looks like: a big grid with two crystals, and the page that shows it."""

from datetime import datetime, timedelta
from typing import Any

from services.aggregator.board import Board
from services.aggregator.broker.watching import BrokerHealth
from services.aggregator.heard import Heard
from services.aggregator.heatmap import box_of
from services.aggregator.web.app import Page
from shared.messages import Grid, GridResult, ServiceBeat, SpotsFound
from shared.pulse import Pulse
from tests.aggregator.builders import T0, accepted, centred, crystal, fold_all, found, heard

BIG_GRID = Grid(steps_x=41, steps_y=29, box_x_um=10, box_y_um=10, snaked=True)


def brightness(x: float, y: float) -> int:
    """Two crystals, a big one and a small one; a little noise everywhere."""
    big = 190 - 14 * ((x - 12.5) ** 2 / 2.2 + (y - 10.5) ** 2)
    small = 120 - 17 * ((x - 29.5) ** 2 + (y - 19.5) ** 2 / 1.6)
    return int(max(big, small, 0)) + int(7 * x + 13 * y) % 4


def block(first: int, n: int, at: datetime, failed: tuple[int, ...] = ()) -> SpotsFound:
    """The result of consecutive images of the big grid."""
    images = [image for image in range(first, first + n) if image not in failed]
    return found({image: brightness(*box_of(BIG_GRID, image)) for image in images}, at, failed)


def big_grid(n_images: int, start: datetime, failed: tuple[int, ...] = ()) -> list[Heard]:
    """The big grid, announced at ``start`` and analysed as far as ``n_images``."""
    first = [heard(accepted(BIG_GRID, start, exposure_s=0.02))]
    blocks = [(i, min(16, n_images - i)) for i in range(0, n_images, 16)]
    for i, n in blocks:
        lost = tuple(image for image in failed if i <= image < i + n)
        first.append(heard(block(i, n, start + timedelta(seconds=1.1 + i * 0.02), lost)))
    return first


def big_result(at: datetime) -> GridResult:
    return centred(BIG_GRID, at, crystals=(crystal(12.97, 11.03, 71, 193), crystal(29.88, 20.01, 18, 121)))


def page(events: list[Heard], clock: datetime | None = None, broker: BrokerHealth | None = None, **pulse: Any) -> Page:
    """A page of which everything but the time, and what the broker told, is real."""
    at = clock or T0
    listener = Pulse("aggregator", started_at=at - timedelta(hours=1), prepared=True, broker_connected=lambda: True)
    for name, value in pulse.items():
        setattr(listener, name, value)
    board = Board(fold_all(events))
    for each in events:
        if isinstance(each.message, ServiceBeat):
            board.commits.follow(each.message, each.at)
    if broker:
        board.show_broker(broker)
    return Page(board, listener, "i03", broker_url="stomp://127.0.0.1:61613", clock=lambda: at)
