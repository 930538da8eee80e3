"""What an operator may set for the spot finder."""

from os import cpu_count
from typing import Annotated

from pydantic import Field, FilePath, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from services.spotfinder.finder import Algorithm, Parameters
from services.spotfinder.untrusted import Untrusted
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the spot finder."""

    workers: PositiveInt = Field(default_factory=lambda: cpu_count() or 1, description="worker processes, one per core")
    prefetch: PositiveInt = Field(
        default=1000,
        description="blocks in hand at a time, those that wait for images included; only among them are turns taken, "
        "and only what is in nobody's hand goes to a further replica",
    )
    slice_s: NonNegativeFloat = Field(
        default=0.1, description="a collection keeps the workers so long while another of its kind waits [s]"
    )
    poll_s: PositiveFloat = Field(default=0.05, description="time between two looks for a collection's next image [s]")
    algorithm: Algorithm = Field(default="dispersion", description="which threshold of DIALS makes a pixel strong")
    nsigma_b: PositiveFloat = Field(default=6.0, description="background threshold of the dispersion test [sigma]")
    nsigma_s: PositiveFloat = Field(default=3.0, description="strong-pixel threshold [sigma]")
    d_max_A: PositiveFloat = Field(default=40.0, description="spots at lower resolution do not count [Å]")
    ice_ring_width: PositiveFloat = Field(default=0.004, description="full width of an ice ring in 1/d² [1/Å²]")

    untrusted_rectangles: tuple[tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt], ...] = Field(
        default=(), description="regions without spots: x0, x1, y0, y1, fast and slow [px], x1 and y1 excluded"
    )
    untrusted_circles: tuple[tuple[float, float, PositiveFloat], ...] = Field(
        default=(), description="regions without spots, such as the beamstop: x, y, radius, fast and slow [px]"
    )
    untrusted_polygons: tuple[Annotated[tuple[tuple[float, float], ...], Field(min_length=3)], ...] = Field(
        default=(), description="regions without spots: corners x, y, fast and slow [px]"
    )
    mask_file: FilePath | None = Field(
        default=None,
        description="mask: numpy array, HDF5 file or image that fabio reads; a valid pixel is 0, or true",
    )

    @property
    def untrusted(self) -> Untrusted:
        """Where there are no spots, beside the detector's own mask."""
        return Untrusted(
            rectangles=self.untrusted_rectangles,
            circles=self.untrusted_circles,
            polygons=self.untrusted_polygons,
            mask_file=self.mask_file,
        )

    @property
    def parameters(self) -> Parameters:
        """What a spot is, for the finder."""
        return Parameters(
            algorithm=self.algorithm,
            nsigma_b=self.nsigma_b,
            nsigma_s=self.nsigma_s,
            d_max=self.d_max_A,
            ice_ring_width=self.ice_ring_width,
        )
