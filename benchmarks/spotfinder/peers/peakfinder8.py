"""peakfinder8 as OM runs it; images already decompressed and converted, peak lists its only result."""

from __future__ import annotations

import numpy as np
from om.algorithms._crystallography import peakfinder_8

from benchmarks.spotfinder.peers.course import Course, Pass, serve
from benchmarks.spotfinder.peers.recorded_set import Recording, read_set

MAX_PEAKS, ADC_THRESHOLD, MIN_SNR, PIXELS, BACKGROUND_RADIUS = 5000, 2.0, 5.0, (2, 200), 4
FAST_PIXELS = 100_000
"""Drawn for the radial statistics, as OM does in its fast mode."""


def peak_search(recorded: Recording, *, fast: bool) -> Pass:
    """A pass over all images, with radial statistics from all pixels or from some."""
    (slow_px, fast_px), images = recorded.valid.shape, recorded.as_float()
    y, x = np.ogrid[:slow_px, :fast_px]
    radius = np.hypot(x - recorded.beam_centre_px[0], y - recorded.beam_centre_px[1]).astype(np.float32)
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(recorded.valid))[:FAST_PIXELS]
    chosen = np.sort(drawn).astype(np.int32)
    rings, mask = radius.astype(np.int32).ravel()[chosen], recorded.valid.astype(np.int8)
    statistics = (len(chosen), chosen, rings, int(fast))
    limits = (ADC_THRESHOLD, MIN_SNR, *PIXELS, BACKGROUND_RADIUS)

    def work() -> None:
        for image in images:
            peakfinder_8(MAX_PEAKS, image, mask, radius, *statistics, fast_px, slow_px, 1, 1, *limits)

    return work


def prepare(master: str) -> Course:
    """In both of its modes."""
    recorded = read_set(master)
    passes = {f"peakfinder8 (OM), {mode}": peak_search(recorded, fast=mode == "fast") for mode in ("full", "fast")}
    return Course(len(recorded.images), passes, remarks=dict.fromkeys(passes, "without decompression"))


if __name__ == "__main__":
    serve(prepare)
