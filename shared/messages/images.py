"""From the ingester to the spot finder to the writer: images of a collection, and what is on them."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from shared.messages.envelope import CollectionRef, Experiment, Message, Moment, Part


class FindSpots(Message):
    """A block of consecutive images to analyse, as they are written."""

    schema_: Literal["find-spots/1"] = Field(default="find-spots/1", alias="schema")
    collection: CollectionRef
    experiment: Experiment = Field(default="gridscan", description="grid scans go before rotations")
    master_file: str = Field(description="absolute path of the NXmx master file, or template of the image files")
    first_image: NonNegativeInt = Field(description="0-based index within the data collection")
    n_images: PositiveInt = Field(description="number of images in this block")
    deadline: Moment = Field(description="when that wait is over, by the sender's clock; counts if wait_s is absent")
    wait_s: NonNegativeFloat | None = Field(
        default=None, description="an image that cannot be read so long after the block's receipt has failed [s]"
    )


class ImageSpots(Part):
    """Spots of one image, as DIALS' per-image analysis defines them (algorithm dispersion)."""

    image: NonNegativeInt = Field(description="0-based index within the data collection")
    n_spots_total: NonNegativeInt = Field(description="spots with d <= 40 Å")
    n_spots_no_ice: NonNegativeInt = Field(description="spots away from ice rings")
    n_spots_4A: NonNegativeInt = Field(description="spots with d > 4 Å")
    total_intensity: NonNegativeFloat = Field(description="summed over the spots away from ice rings [counts]")
    estimated_d_min: PositiveFloat | None = Field(default=None, description="resolution limit [Å]; None: too few spots")
    d_min_distl_method_1: PositiveFloat | None = Field(default=None, description="resolution limit [Å], distl method 1")
    d_min_distl_method_2: PositiveFloat | None = Field(default=None, description="resolution limit [Å], distl method 2")
    noisiness_method_1: NonNegativeFloat | None = Field(default=None, description="0 (clean) to 1 (noise), method 1")
    noisiness_method_2: NonNegativeFloat | None = Field(default=None, description="0 (clean) to 1 (noise), method 2")


class ImageFailure(Part):
    """One image without a result."""

    image: NonNegativeInt = Field(description="0-based index within the data collection")
    reason: str = Field(description="why, in words")


class SpotsFound(Message):
    """The result of one block: every image is either found or failed."""

    schema_: Literal["spots-found/1"] = Field(default="spots-found/1", alias="schema")
    collection: CollectionRef
    experiment: Experiment = Field(default="gridscan", description="only grid scans are centred")
    found: tuple[ImageSpots, ...] = ()
    failed: tuple[ImageFailure, ...] = ()
    found_at: Moment = Field(description="when the last image of the block was done")
    analysis_ms: NonNegativeFloat = Field(description="worker time spent on the whole block [ms]")
