"""Rounds in which every competitor has its turn, so that a busy machine is as busy for each."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.spotfinder.compare_with_dials import Comparison, Result
from benchmarks.spotfinder.competitors import DIALS, OURS, Competitor, Running
from benchmarks.spotfinder.figures import Equality, Row, SetFigures
from benchmarks.spotfinder.sets import ImageSet, load
from services.spotfinder.bitshuffle import decoded
from services.spotfinder.per_image_analysis import ImageAnalysis
from simulator.frames import OnProgress


def measure(
    image_set: ImageSet, master: Path, competitors: list[Competitor], rounds: int, on_progress: OnProgress
) -> SetFigures:
    """All competitors on one set, ``rounds`` times in turn; our spots beside those of DIALS.

    Raises:
        CompetitorError: if one dies at work.
    """
    absent = {who.name: f"no {who.python}; see --install-peers" for who in competitors if not who.python.exists()}
    with ExitStack() as stack:
        started = [stack.enter_context(Running(who, master)) for who in competitors if who.name not in absent]
        running = [who for who in started if not who.absent]
        rows = take_turns(running, rounds, on_progress)
        results = {who.name: who.results() for who in running if who.name in (OURS.name, DIALS.name)}
    absent |= {who.name: who.absent for who in started if who.absent}
    absent |= {row: reason for who in running for row, reason in who.missing.items()}
    figures = describe(image_set, master, [len(image["spots"]) for image in results.get(OURS.name, [])])
    equality = compare(results[OURS.name], results[DIALS.name]) if {OURS.name, DIALS.name} <= results.keys() else None
    return figures.model_copy(update={"rows": rows, "absent": absent, "equality": equality})


def take_turns(running: list[Running], rounds: int, on_progress: OnProgress) -> dict[str, Row]:
    """CPU times by row."""
    rows = {row: Row(remark=remark) for who in running for row, remark in who.remarks.items()}
    for number in range(rounds):
        for turn, who in enumerate(running, start=1):
            for row, passes in who.turn().items():
                rows.setdefault(row, Row()).rounds.append(passes)
            on_progress(number * len(running) + turn, rounds * len(running))
    return rows


def describe(image_set: ImageSet, master: Path, n_spots: list[int]) -> SetFigures:
    """What the images of a set are, as measured."""
    images = load(master)
    counts = [float(decoded(chunk)[images.mask].mean()) for chunk in images.chunks]
    spots = n_spots or [0]
    return SetFigures(
        name=image_set.name,
        title=image_set.title,
        n_images=len(images.chunks),
        shape=images.chunks[0].shape,
        dtype=images.chunks[0].dtype.name,
        counts_per_px=float(np.mean(counts)),
        counts_range=(min(counts), max(counts)),
        spots_per_image=float(np.mean(spots)),
        spots_range=(min(spots), max(spots)),
        bytes_per_px=float(np.mean([len(chunk.encoded) for chunk in images.chunks])) / images.mask.size,
    )


def compare(ours: list[dict[str, Any]], dials: list[dict[str, Any]]) -> Equality:
    """Image by image, spot by spot."""
    comparisons = [
        Comparison(image, _result(**mine), _result(**theirs), 0.0)
        for image, (mine, theirs) in enumerate(zip(ours, dials, strict=True))
    ]
    return Equality(
        images=len(comparisons),
        equal_images=sum(comparison.is_equal for comparison in comparisons),
        spots=sum(comparison.n_spots for comparison in comparisons),
        equal_spots=sum(comparison.n_equal_spots for comparison in comparisons),
        our_counts=sum(float(comparison.ours.spots[:, 2].sum()) for comparison in comparisons),
        dials_counts=sum(float(comparison.dials.spots[:, 2].sum()) for comparison in comparisons),
    )


def _result(spots: list[list[float]], analysis: dict[str, Any]) -> Result:
    return Result(np.array(spots, float).reshape(-1, 3), ImageAnalysis(**analysis))
