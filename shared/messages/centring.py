"""From the writer to the beamline: where the crystal is."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from shared.messages.collection import Grid
from shared.messages.envelope import CollectionRef, Message, Moment, Part


class Crystal(Part):
    """One connected region of a grid; boxes count from 0 at the top left, x to the right, y downwards."""

    centre_of_mass: tuple[float, float] = Field(description="[x, y] in boxes; the centre of the first box is 0.5, 0.5")
    max_voxel: tuple[NonNegativeInt, NonNegativeInt] = Field(description="[x, y] of the box with the most spots")
    max_count: NonNegativeFloat = Field(description="spots in that box")
    n_voxels: PositiveInt = Field(description="boxes in the region")
    total_count: NonNegativeFloat = Field(description="spots in the region")
    bounding_box: tuple[tuple[int, int], tuple[int, int]] = Field(description="half-open [[x0, y0], [x1, y1]] in boxes")


class GridResult(Message):
    """The crystals of a grid scan, biggest region first. A later version of the same grid replaces an earlier one."""

    schema_: Literal["grid-result/1"] = Field(default="grid-result/1", alias="schema")
    collection: CollectionRef
    version: PositiveInt = Field(description="1 for the first result of this grid, counting up")
    status: Literal["whole", "partial", "amended"] = Field(
        description="whole: every image has a result; partial: the deadline passed first; amended: late images came"
    )
    outcome: Literal["found", "no crystal"]
    crystals: tuple[Crystal, ...] = ()
    grid: Grid
    n_images: PositiveInt = Field(description="images of the grid")
    n_found: NonNegativeInt = Field(description="images with a result")
    n_failed: NonNegativeInt = Field(description="images that could not be analysed")
    centred_at: Moment
    shadow: bool = Field(default=False, description="true while the mesh only listens beside the existing scripts")
