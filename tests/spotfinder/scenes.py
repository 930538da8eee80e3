"""Images that are hard on a spot finder, in collections as detectors write them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle, product
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from simulator.background import Scatterer, background
from simulator.chunks import Compressor, eiger_format
from simulator.detector import Detector
from simulator.kernels import draw_spots_out
from simulator.live import data_files, write_data_files
from simulator.nxmx import DETECTOR, link_data, write_master
from simulator.sample import Beam
from simulator.scans import Axis
from tests.spotfinder import patterns

SPOTS_PER_MEGAPIXEL = 300
ISLANDS = np.s_[200:450, 150:500]  # where every third pixel is dead


@dataclass(frozen=True)
class Camera:
    """A detector, and how it stores its images.

    Attributes:
        highest: count of a valid pixel; what is higher is saturated.
    """

    model: str
    dtype: type
    highest: int

    @cached_property
    def detector(self):
        return Detector(self.model)

    @cached_property
    def mask(self):
        """NXmx pixel mask, with more dead pixels than a detector has."""
        rng = np.random.default_rng(1)
        mask = self.detector.mask.copy()
        mask[ISLANDS] |= (rng.random(mask[ISLANDS].shape) < 1 / 3).astype(np.uint32) << 1
        mask[:, 700:900] |= (rng.random((len(mask), 200)) < 2e-3).astype(np.uint32) << 1
        return mask

    def record(self, counts):
        """Counts as this camera stores them, its mark in invalid pixels."""
        mark = np.iinfo(self.dtype).max
        return np.where(self.mask > 0, mark, np.minimum(counts, mark)).astype(self.dtype)


Draw = Callable[[np.ndarray, Camera, np.random.Generator], None]


class Scene(NamedTuple):
    """What is on an image, drawn into its background [counts/px, or the name of one that is not flat]."""

    draw: Draw
    background: float | str

    def expose(self, camera, seed):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(expected(self.background, camera.detector), camera.detector.shape)
        self.draw(counts, camera, rng)
        return camera.record(counts)


def expected(level, detector):
    """Mean counts of a background."""
    if level == "gradient":
        return np.linspace(0, 10, detector.shape[1])[None, :]
    if level == "ice":
        heights = {Scatterer.AIR: 2.0, Scatterer.SOLVENT: 0.5, Scatterer.ICE: 3.0}
        return sum(height * background(part, detector, Beam().wavelength) for part, height in heights.items())
    return level


def nothing(counts, camera, rng):
    pass


def crystal(counts, camera, rng):
    """Gaussian spots of all heights everywhere, so many that some touch, some beyond the edges."""
    n = counts.size * SPOTS_PER_MEGAPIXEL // 10**6
    slow, fast = (rng.uniform(-2, side + 2, n) for side in counts.shape)
    mean = np.zeros(counts.shape)
    draw_spots_out(mean, fast, slow, rng.exponential(300, n), 0.8, 4)
    counts += rng.poisson(mean)


def icy_spots(counts, camera, rng):
    """Spots of which most lie in ice rings, and hot pixels."""
    rings = background(Scatterer.ICE, camera.detector, Beam().wavelength)
    for pixel in rng.choice(counts.size, 400, p=(rings / rings.sum()).ravel()):
        stamp(counts, *divmod(pixel, counts.shape[1]), np.array([[9, 40, 9], [40, 90, 20], [9, 30, 5]]))
    crystal(counts, camera, rng)
    mosaic(patterns.hot_pixels, 61)(counts, camera, rng)


def mosaic(make_patterns, pitch):
    """All patterns in turn, one every ``pitch`` pixels, so that they meet edges, corners and gaps in every way."""

    def draw(counts, camera, rng):
        chosen = make_patterns(camera.highest)
        rng.shuffle(chosen)
        places = product(*(range(rng.integers(-2, 1), side, pitch) for side in counts.shape))
        for (y, x), pattern in zip(places, cycle(chosen), strict=False):
            stamp(counts, y, x, pattern)

    return draw


def stamp(counts, y, x, pattern):
    """Put a pattern with its first pixel at (y, x), as much of it as is on the image."""
    there = counts[max(y, 0) : max(y + pattern.shape[0], 0), max(x, 0) : max(x + pattern.shape[1], 0)]
    part = pattern[max(-y, 0) :, max(-x, 0) :][: there.shape[0], : there.shape[1]]
    there[...] = np.where(part > 0, part, there)


def borders(distance):
    """Spots this far from every edge, corner, gap and dead pixel, on both sides of it."""

    def draw(counts, camera, rng):
        near_y, near_x = (sides_of(camera.mask[:, 0] & 1, distance), sides_of(camera.mask[0] & 1, distance))
        along_y, along_x = (range(100, side, 23) for side in counts.shape)
        crossings = [*product(near_y, near_x), *product(near_y, along_x), *product(along_y, near_x)]
        for y, x in crossings:
            stamp(counts, y - 1, x - 1, some_spot(rng))
        for y, x in np.argwhere(camera.detector.mask & 2):
            stamp(counts, y - 1, x - 1 + distance, some_spot(rng))

    return draw


def some_spot(rng):
    """Hardly ever the same twice: how DIALS ranks equal spots is chance."""
    return (np.array([[30, 60, 30], [60, 95, 50], [30, 50, 20]]) * rng.uniform(1, 2.5, (3, 3))).astype(int)


def sides_of(in_gap, distance):
    """Places this far within each stretch of valid pixels, from its first and from its last."""
    change = np.flatnonzero(np.diff(np.pad(in_gap == 0, 1).astype(int)))
    return [*(change[::2] + distance), *(change[1::2] - 1 - distance)]


def long_spots(counts, camera, rng):
    """Spots of 1 to 1001 pixels, of which more than 1000 are too many."""
    for k, n in enumerate((1, 2, 3, 4, 5, 30, 500, 997, 999, 1000, 1001, 1002)):
        stamp(counts, 20 + 11 * k, 3 + k, patterns.line(n))
        stamp(counts, 3 + k, 20 + 11 * k, patterns.line(min(n, 300)).T)
    for k, n in enumerate((100, 998, 999, 1000, 1001, 1002)):
        stamp(counts, 570, 60 + 60 * k, patterns.comb(n))


def islands(counts, camera, rng):
    """Four pixels near the thresholds, and at them, where windows have any number of valid pixels."""
    region = counts[ISLANDS]
    for y, x in rng.integers(0, np.array(region.shape) - 1, (region.size // 60, 2)):
        region[y : y + 2, x : x + 2] = rng.integers(2, 8, (2, 2))


def write_collection(folder: Path, camera, scenes):
    """Master and data file of the scenes, one image each; returns the master."""
    master = folder / "scenes_master.h5"
    scan = Still(camera.detector, len(scenes))
    write_master(scan, master, scan.n_images)
    files, stored = data_files(master, scan.n_images, scan.n_images), eiger_format(camera.detector.shape)
    stored = stored._replace(dtype=np.dtype(camera.dtype))
    compress = Compressor(stored).compress
    write_data_files((compress(scene.expose(camera, seed)) for seed, scene in enumerate(scenes)), files, stored)
    with h5py.File(master, "a") as file:
        file[f"{DETECTOR}/bit_depth_readout"][()] = 8 * stored.dtype.itemsize
        for name in ("data", "data_000001"):
            del file[f"/entry/data/{name}"]
        link_data(file, files, camera.detector.shape, stored.dtype)
        file[f"{DETECTOR}/saturation_value"][()] = camera.highest + 1
        file[f"{DETECTOR}/pixel_mask"][...] = camera.mask
    return master


@dataclass(frozen=True)
class Still:
    """What the simulator's master file says of the collection."""

    detector: Detector
    n_images: int
    beam: Beam = field(default_factory=Beam)
    exposure_s: float = 0.01

    @property
    def axes(self):
        return [
            Axis("omega", "rotation", np.zeros(1), (-1.0, 0.0, 0.0)),
            Axis("sam_x", "translation", np.arange(self.n_images, dtype=float), (1.0, 0.0, 0.0)),
        ]
