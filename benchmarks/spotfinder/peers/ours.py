"""This spot finder, from the raw chunk to the record of the image."""

from pathlib import Path
from typing import Any

from benchmarks.spotfinder.names import OURS, OURS_ON_PIXELS
from benchmarks.spotfinder.peers.course import Course, serve
from benchmarks.spotfinder.sets import Images, load
from services.spotfinder.bitshuffle import decoded
from services.spotfinder.finder import SpotFinder
from services.spotfinder.per_image_analysis import ImageAnalyser


def prepare(master: str) -> Course:
    """Kernels compiled, buffers touched."""
    images = load(Path(master))
    analyser = ImageAnalyser(images.mask, images.detector)

    def analyse() -> None:
        for chunk in images.chunks:
            analyser.analyse(chunk)

    def analyse_pixels() -> None:
        for chunk in images.chunks:
            analyser.analyse(decoded(chunk))

    analyse()
    analyse_pixels()
    passes = {OURS: analyse, OURS_ON_PIXELS: analyse_pixels}
    remarks = {OURS_ON_PIXELS: "no choice of method: all pixels are looked at"}
    return Course(len(images.chunks), passes, lambda: results(images, analyser), remarks)


def results(images: Images, analyser: ImageAnalyser) -> list[dict[str, Any]]:
    """Spots and figures of each image."""
    finder = SpotFinder(images.mask, images.detector.saturation)
    answers = []
    for chunk in images.chunks:
        spots = finder.find_spots(chunk)
        rows = [list(spot) for spot in zip(spots.x.tolist(), spots.y.tolist(), spots.counts.tolist(), strict=True)]
        answers.append({"spots": rows, "analysis": analyser.analyse(chunk)._asdict()})
    return answers


if __name__ == "__main__":
    serve(prepare)
