"""What an operator may set for the ingester."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from shared.settings import ServiceSettings


class ZocaloSettings(BaseModel):
    """How processing requests of Zocalo's clients are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ispyb_url: str | None = Field(
        default=None, description="ISPyB database, to look up processing jobs (SQLAlchemy URL of an async driver)"
    )
    ispyb_patience_s: PositiveFloat = Field(default=60, description="an ISPyB that is away is waited for so long [s]")
    recipes: dict[str, str] = Field(
        default={"fast-dp": "fast_dp", "xia2-dials": "xia2-dials", "xia2-3dii": "xia2-3dii", "autoPROC": "autoPROC"},
        description="pipeline by a part of the recipe's name, upper or lower case",
    )


class Settings(ServiceSettings):
    """Settings of the ingester."""

    data_roots: tuple[Path, ...] = Field(
        default=(Path("/dls"),), description="announced paths must lie below one of these, symbolic links resolved"
    )
    database_url: str = Field(
        default="sqlite+aiosqlite:///state/ingester.db",
        description="where announcements are remembered (SQLAlchemy URL)",
    )
    announcements_days: float = Field(
        default=400, ge=1, description="announcements are remembered for so many days of work [days]"
    )
    rotation_spots: bool = Field(
        default=True, description="find the spots of every rotation image, too, whenever no grid scan waits"
    )
    zocalo: ZocaloSettings | None = Field(
        default=None,
        description="take processing requests from the queue processing_recipe, too; not on a broker where Zocalo does",
    )
    block_s: PositiveFloat = Field(default=0.25, description="exposure time that one block of images covers [s]")
    smallest_block: PositiveInt = Field(default=4, description="images in a block of slow exposures")
    largest_block: PositiveInt = Field(default=64, description="images in a block of fast exposures")
    image_grace_s: PositiveFloat = Field(
        default=25, description="an image counts as failed this long after the collection's last image was due [s]"
    )
