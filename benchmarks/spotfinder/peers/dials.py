"""DIALS: find_spots in both of its ways, its parts, and its per-image analysis; runs under the Python that has it."""

from __future__ import annotations

from typing import Any

from dials.algorithms.image.threshold import DispersionExtendedThreshold, DispersionThreshold
from dials.algorithms.spot_finding.per_image_analysis import stats_for_reflection_table
from dials.array_family import flex
from dials.command_line.find_spots import phil_scope
from dxtbx.model.experiment_list import ExperimentList, ExperimentListFactory
from libtbx.phil import parse

from benchmarks.spotfinder.dials_reference import PARAMETERS, describe
from benchmarks.spotfinder.names import DIALS_EXTENDED, DIALS_FIND_SPOTS
from benchmarks.spotfinder.peers.course import Course, Pass, serve

WINDOW, NSIGMA_B, NSIGMA_S, GLOBAL_THRESHOLD, MIN_LOCAL = (3, 3), 6, 3, 0, 2


class Dials:
    """The images of a set as DIALS sees them."""

    def __init__(self, master: str) -> None:
        self.experiments: ExperimentList = ExperimentListFactory.from_filenames([master])
        self.imageset = self.experiments[0].imageset
        self.reflections = flex.reflection_table()

    def __len__(self) -> int:
        return len(self.imageset)

    def find_spots(self) -> None:
        """What the others are compared with; keeps what it finds."""
        self.reflections = self._found_by("dispersion")

    def find_spots_extended(self) -> None:
        """What dials.find_spots does unless told otherwise."""
        self._found_by("dispersion_extended")

    def _found_by(self, algorithm: str) -> flex.reflection_table:
        # with shoeboxes the spots of a rotation extend over its images, whatever force_2d says
        wanted = parse(f"{PARAMETERS}\nspotfinder.threshold.algorithm = {algorithm}\noutput.shoeboxes = False")
        return flex.reflection_table.from_observations(self.experiments, phil_scope.fetch(wanted).extract())

    def read(self) -> None:
        """Pixels into memory."""
        for image in range(len(self)):
            self.imageset.get_raw_data(image)

    def threshold(self, kind: type) -> Pass:
        """One of the thresholds alone, images and masks in memory."""
        pixels = [self.imageset.get_raw_data(image)[0].as_double() for image in range(len(self))]
        masks = [self.imageset.get_mask(image)[0] for image in range(len(self))]
        find = kind(pixels[0].all(), WINDOW, NSIGMA_B, NSIGMA_S, GLOBAL_THRESHOLD, MIN_LOCAL)
        strong = flex.bool(flex.grid(pixels[0].all()))

        def work() -> None:
            for image, mask in zip(pixels, masks, strict=True):
                find(image, mask, strong)

        return work

    def analyse(self) -> None:
        """Figures of each image from the spots found last."""
        self.reflections.centroid_px_to_mm(self.experiments)
        self.reflections.map_centroids_to_reciprocal_space(self.experiments)
        for image in self.by_image():
            stats_for_reflection_table(image)

    def by_image(self) -> list[flex.reflection_table]:
        """The spots of each image."""
        images = flex.floor(self.reflections["xyzobs.px.value"].parts()[2])
        return [self.reflections.select(images == image) for image in range(len(self))]

    def results(self) -> list[dict[str, Any]]:
        """Spots and figures of each image, as found last."""
        return [_with_none(describe(image)) for image in self.by_image()]


def _with_none(described: dict[str, Any]) -> dict[str, Any]:
    """What could not be estimated is -1 in DIALS."""
    figures = {name: None if value == -1 else value for name, value in described["analysis"].items()}
    return {**described, "analysis": figures}


def prepare(master: str) -> Course:
    """All of it in the order in which one needs the other."""
    dials = Dials(master)
    passes = {
        DIALS_FIND_SPOTS: dials.find_spots,
        DIALS_EXTENDED: dials.find_spots_extended,
        "DIALS read": dials.read,
        "DIALS threshold, dispersion": dials.threshold(DispersionThreshold),
        "DIALS threshold, dispersion_extended": dials.threshold(DispersionExtendedThreshold),
        "DIALS per-image analysis": dials.analyse,
    }
    return Course(len(dials), passes, dials.results)


if __name__ == "__main__":
    serve(prepare)
