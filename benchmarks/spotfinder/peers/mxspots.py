"""mxspots on one thread; images already decompressed and converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mxspots
import numpy as np

from benchmarks.spotfinder.peers.course import Course, Pass, serve
from benchmarks.spotfinder.peers.recorded_set import Recording, read_set


def parameters(recorded: Recording) -> mxspots.SpotParams:
    """Its own defaults, and where the detector stands."""
    (beam_x, beam_y), pixel = recorded.beam_centre_px, recorded.pixel_mm
    return mxspots.SpotParams(
        beam_x=beam_x,
        beam_y=beam_y,
        pixel_size_x=pixel,
        pixel_size_y=pixel,
        distance=recorded.distance_mm,
        wavelength=recorded.wavelength,
    )


def prepare(master: str) -> Course:
    """Its spot search, and its score that contains it."""
    recorded = read_set(master)
    wanted, (slow, fast), images = parameters(recorded), recorded.valid.shape, recorded.as_float()
    context = mxspots.SpotFinderContext(fast, slow)

    def find_spots(image: np.ndarray[Any, Any]) -> object:
        return mxspots.findspots_data(image, wanted, context=context)

    def score(image: np.ndarray[Any, Any]) -> object:
        return mxspots.score_data(image, wanted)

    def over_all(work: Callable[[Any], object]) -> Pass:
        return lambda: [work(image) for image in images]

    passes = {"mxspots findspots": over_all(find_spots), "mxspots score": over_all(score)}
    return Course(len(images), passes, remarks=dict.fromkeys(passes, "without decompression"))


if __name__ == "__main__":
    serve(prepare)
