"""Cutting a collection into blocks of images."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil

from services.ingester.settings import Settings
from shared.messages import Collection, FindSpots


def block_size(exposure_s: float, settings: Settings) -> int:
    """Images per block: as many as ``block_s`` brings, within the configured bounds.

    Small blocks answer soon, large ones spare the broker, whose synchronous writes bound the transactions per second.
    """
    return min(settings.largest_block, max(settings.smallest_block, ceil(settings.block_s / exposure_s)))


def image_wait_s(collection: Collection, grace_s: float) -> float:
    """How long an image is waited for: until ``grace_s`` [s] after the collection's last image was due [s]."""
    return collection.number_of_images * collection.exposure_s + grace_s


def cut_blocks(collection: Collection, start: datetime, settings: Settings) -> Iterator[FindSpots]:
    """Every image of the collection in exactly one block, in collection order."""
    size = block_size(collection.exposure_s, settings)
    wait_s = image_wait_s(collection, settings.image_grace_s)
    for first in range(0, collection.number_of_images, size):
        yield FindSpots(
            collection=collection.ref,
            experiment=collection.experiment,
            master_file=collection.master_path.as_posix(),
            first_image=first,
            n_images=min(size, collection.number_of_images - first),
            deadline=start + timedelta(seconds=wait_s),
            wait_s=wait_s,
        )
