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


def image_deadline(collection: Collection, start: datetime, grace_s: float) -> datetime:
    """When an image that has not come is given up: ``grace_s`` [s] after the collection's last image was due."""
    return start + timedelta(seconds=collection.number_of_images * collection.exposure_s + grace_s)


def cut_blocks(collection: Collection, start: datetime, settings: Settings) -> Iterator[FindSpots]:
    """Every image of the collection in exactly one block, in collection order."""
    size = block_size(collection.exposure_s, settings)
    deadline = image_deadline(collection, start, settings.image_grace_s)
    for first in range(0, collection.number_of_images, size):
        yield FindSpots(
            collection=collection.ref,
            experiment=collection.experiment,
            master_file=collection.master_path.as_posix(),
            first_image=first,
            n_images=min(size, collection.number_of_images - first),
            deadline=deadline,
        )
