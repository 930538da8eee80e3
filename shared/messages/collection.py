"""From GDA to the mesh: what is announced of a data collection, and what the ingester answers."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, TypeAdapter, model_validator

from shared.messages.envelope import Beamline, CollectionRef, Experiment, Message, Moment, Part, Visit

UnitCell = tuple[PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat]


class Grid(Part):
    """Geometry of a grid scan."""

    steps_x: PositiveInt = Field(description="number of boxes along x, the horizontal")
    steps_y: PositiveInt = Field(description="number of boxes along y, the vertical")
    box_x_um: PositiveFloat = Field(default=10.0, description="width of a box [µm]")
    box_y_um: PositiveFloat = Field(default=10.0, description="height of a box [µm]")
    snaked: bool = Field(default=False, description="whether every second line is scanned backwards")
    orientation: Literal["horizontal", "vertical"] = Field(
        default="horizontal", description="direction of the fast motion"
    )

    @property
    def n_boxes(self) -> int:
        """Number of grid positions."""
        return self.steps_x * self.steps_y


class Rotation(Part):
    """Geometry of a rotation scan."""

    start_deg: float = Field(default=0.0, description="angle of the rotation axis at the first image [degrees]")
    width_deg: PositiveFloat = Field(description="rotation per image [degrees]")


class Collection(Part):
    """What GDA knows of a data collection when it starts."""

    beamline: Beamline = Field(description="such as i03 or i04-1")
    visit: Visit = Field(description="proposal and session, such as cm12345-1")
    dcid: PositiveInt = Field(description="data collection id, ISPyB's dataCollectionId")
    dcgid: PositiveInt | None = Field(default=None, description="data collection group id")
    experiment: Experiment = Field(description="what is done with the sample")
    visit_directory: str = Field(min_length=1, description="absolute path of the visit")
    folder: str = Field(default="", description="folder of the images, relative to the visit directory")
    prefix: str = Field(min_length=1, pattern=r"^[^/]+$", description="file name prefix")
    run_number: NonNegativeInt = Field(description="run number, part of the file name")
    master_file: str | None = Field(
        default=None,
        description="NXmx master file relative to the folder, or a template such as grid_1_####.cbf, "
        "whose file number 1 is image 0; <prefix>_<run_number>_master.h5 if absent",
    )
    number_of_images: PositiveInt = Field(description="images in this data collection")
    exposure_s: PositiveFloat = Field(description="exposure time of one image [s]")
    detector_distance_mm: PositiveFloat | None = Field(default=None, description="crystal to detector [mm]")
    resolution_A: PositiveFloat | None = Field(default=None, description="resolution at the detector's edge [Å]")
    transmission_percent: float | None = Field(default=None, ge=0, le=100, description="beam transmission [%]")
    wavelength_A: PositiveFloat | None = Field(default=None, description="X-ray wavelength [Å]")
    grid: Grid | None = Field(default=None, description="needed for a grid scan")
    rotation: Rotation | None = Field(default=None, description="needed for a rotation")
    sample_id: PositiveInt | None = Field(default=None, description="ISPyB's blSampleId")
    space_group: str | None = Field(default=None, description="known space group, such as P43212")
    anomalous_scatterer: str | None = Field(
        default=None, pattern=r"^[A-Z][a-z]?$", description="element whose anomalous signal is measured, such as Se"
    )
    purpose: Literal["screening", "characterisation"] | None = Field(
        default=None, description="what a rotation is for, if it is no complete data set"
    )
    detector: str | None = Field(default=None, max_length=64, description="such as EIGER2 16M")
    preferred_pipeline: str | None = Field(
        default=None, max_length=64, description="pipeline that its user wants, such as xia2-dials"
    )
    unit_cell: UnitCell | None = Field(default=None, description="known cell a, b, c [Å], alpha, beta, gamma [degrees]")

    @model_validator(mode="after")
    def _geometry_fits_the_experiment(self) -> Self:
        if self.experiment == "gridscan" and self.grid is None:
            raise ValueError("a grid scan needs its grid: steps_x, steps_y, box_x_um, box_y_um, snaked")
        if self.experiment == "rotation" and self.rotation is None:
            raise ValueError("a rotation needs its rotation: start_deg, width_deg")
        if self.experiment == "gridscan" and self.grid and self.grid.n_boxes != self.number_of_images:
            grid = f"{self.grid.steps_x} x {self.grid.steps_y} = {self.grid.n_boxes}"
            raise ValueError(f"number_of_images is {self.number_of_images}, but the grid has {grid} boxes")
        return self

    @property
    def ref(self) -> CollectionRef:
        """Who this is, as every later message says it."""
        return CollectionRef(beamline=self.beamline, visit=self.visit, id=self.dcid)

    @property
    def image_directory(self) -> PurePosixPath:
        """Where the detector writes."""
        return PurePosixPath(self.visit_directory) / self.folder

    @property
    def master_path(self) -> PurePosixPath:
        """The NXmx master file, or the template of the image files."""
        return self.image_directory / (self.master_file or f"{self.prefix}_{self.run_number}_master.h5")


class Announcement(Message):
    """What every announcement of the outside world may carry."""

    schema_: Literal["data-collection/1"] = Field(default="data-collection/1", alias="schema")
    message_index: NonNegativeInt = Field(default=0, description="tells apart repeated events of one collection")
    announced_at: Moment | None = Field(default=None, description="when the sender said it")


class CollectionStarts(Announcement, Collection):
    """The detector is armed: images will come."""

    event: Literal["start"]


class CollectionEnds(Announcement):
    """The last image has been taken, or will never be (abort)."""

    event: Literal["end", "abort"]
    beamline: Beamline = Field(description="such as i03 or i04-1")
    visit: Visit = Field(description="proposal and session, such as cm12345-1")
    dcid: PositiveInt = Field(description="data collection id, ISPyB's dataCollectionId")

    @property
    def ref(self) -> CollectionRef:
        """The collection that ends."""
        return CollectionRef(beamline=self.beamline, visit=self.visit, id=self.dcid)


DataCollectionEvent = Annotated[CollectionStarts | CollectionEnds, Field(discriminator="event")]
data_collection_event: TypeAdapter[CollectionStarts | CollectionEnds] = TypeAdapter(DataCollectionEvent)


class Answer(Message):
    """What a service answers to a message from outside; also sent to that message's reply-to."""

    reply_to: str | None = Field(default=None, description="STOMP destination that the message named")
    correlation_id: str | None = Field(default=None, description="the message's correlation-id header")
    answered_at: Moment


class CollectionAccepted(Answer):
    """A data collection has begun and the mesh works on it."""

    schema_: Literal["collection-accepted/1"] = Field(default="collection-accepted/1", alias="schema")
    collection: Collection
    announced_at: Moment | None = None


class CollectionEnded(Answer):
    """GDA says that no more images will come."""

    schema_: Literal["collection-ended/1"] = Field(default="collection-ended/1", alias="schema")
    collection: CollectionRef
    outcome: Literal["ended", "aborted"]


class AnnouncementRejected(Answer):
    """An announcement that cannot be acted on; unless it is a repeat, the original waits in the dead letter queue."""

    schema_: Literal["announcement-rejected/1"] = Field(default="announcement-rejected/1", alias="schema")
    reason: str = Field(description="what is wrong")
    remedy: str = Field(description="how to mend it")
    beamline: str | None = Field(default=None, description="as announced, unchecked")
    dcid: str | None = Field(default=None, description="as announced, unchecked")
    body: str = Field(description="the announcement, first 4096 characters")
