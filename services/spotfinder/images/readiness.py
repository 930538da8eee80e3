"""An image that cannot be read: not there yet, or never to be read."""

import time
from pathlib import Path

SETTLING_S = 10.0  # a file changed more recently may still be in its writer's hands


class ImageNotReady(Exception):  # noqa: N818 - a state to wait out, not an error
    """The image is not there yet: ask again."""


class ImageUnreadable(Exception):  # noqa: N818 - named for what the image is
    """The image cannot be read, now or later; the message says why."""


def has_settled(path: Path) -> bool:
    """Whether nobody has changed the file for a while."""
    try:
        return time.time() - path.stat().st_mtime > SETTLING_S
    except FileNotFoundError:
        return False
