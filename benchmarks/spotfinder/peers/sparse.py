"""bslz4_to_sparse: from chunks to the pixels above a threshold, as ESRF has it; finds no spots."""

from __future__ import annotations

import h5py
import numpy as np
from bslz4_to_sparse import chunk2sparse

from benchmarks.spotfinder.peers.course import Course, serve
from benchmarks.spotfinder.peers.recorded_set import DETECTOR, linked_images

CUT = 2
"""Pixels above it are kept: those without which no window can pass the dispersion test [counts]."""


def prepare(master: str) -> Course:
    """Chunks in memory."""
    with h5py.File(master) as file:
        valid = file[f"{DETECTOR}/pixel_mask"][()] == 0
        linked = linked_images(file)
        chunks = [images.id.read_direct_chunk((n, 0, 0))[1] for images in linked for n in range(len(images))]
        decode = chunk2sparse(valid.astype(np.uint8), linked[0].dtype)

    def work() -> None:
        for chunk in chunks:
            decode(chunk, CUT)

    row = "bslz4_to_sparse"
    return Course(len(chunks), {row: work}, remarks={row: "chunk to bright pixels, no spots"})


if __name__ == "__main__":
    serve(prepare)
