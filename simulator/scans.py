"""What every data collection has, be it a grid scan or a rotation, for those who generate and write its images."""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.detector import Detector
from simulator.sample import Beam

Exposer = Callable[[int], NDArray[np.unsignedinteger]]
"""Makes the image of a 0-based number in collection order; shape `detector.shape`, type `detector.dtype`."""


class Axis(NamedTuple):
    """One axis of the goniometer, as NXmx describes it.

    Attributes:
        name: of the dataset.
        kind: of motion.
        values: for each image, or one for all [degrees or mm].
        vector: direction in the NeXus (McStas) frame.
    """

    name: str
    kind: Literal["rotation", "translation"]
    values: NDArray[np.float64]
    vector: tuple[float, float, float]


class Scan(Protocol):
    """A data collection to simulate; a frozen dataclass, so that its `repr` names it completely."""

    @property
    def detector(self) -> Detector: ...

    @property
    def beam(self) -> Beam: ...

    @property
    def exposure_s(self) -> float: ...

    @property
    def n_images(self) -> int: ...

    @property
    def axes(self) -> list[Axis]:
        """The goniometer from its base to the sample."""
        ...

    def prepare(self) -> Exposer:
        """Computes once what all images share, and returns what makes each of them.

        An image depends on the scan and its number alone: any process may make any image.
        """
        ...


def image_rng(seed: int, image: int) -> np.random.Generator:
    """Independent random numbers for each image of a scan."""
    return np.random.default_rng([seed, image])
