"""What an operator may set for the ingester."""

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the ingester."""

    data_roots: tuple[Path, ...] = Field(
        default=(Path("/dls"),), description="announced paths must lie below one of these, symbolic links resolved"
    )
    database_url: str = Field(
        default="sqlite+aiosqlite:///state/ingester.db",
        description="where announcements are remembered (SQLAlchemy URL)",
    )
    rotation_spots: bool = Field(
        default=True, description="find the spots of every rotation image, too, whenever no grid scan waits"
    )
    block_s: PositiveFloat = Field(default=0.25, description="exposure time that one block of images covers [s]")
    smallest_block: PositiveInt = Field(default=4, description="images in a block of slow exposures")
    largest_block: PositiveInt = Field(default=64, description="images in a block of fast exposures")
    image_grace_s: PositiveFloat = Field(
        default=25, description="an image counts as failed this long after the collection's last image was due [s]"
    )
