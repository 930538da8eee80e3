"""The tables of the record; what a column means, and its unit, stands in its comment."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcMoment(TypeDecorator[datetime]):
    """A moment with microseconds, stored in UTC without its zone, which SQLite and MariaDB would drop."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """MariaDB keeps whole seconds unless told otherwise."""
        return mysql.DATETIME(fsp=6) if dialect.name in {"mysql", "mariadb"} else DateTime()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From any zone."""
        del dialect
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again."""
        del dialect
        return value and value.replace(tzinfo=UTC)


metadata = MetaData()
Json = JSON(none_as_null=True)


def _number(name: str, unit: str) -> Column[float]:
    return Column(name, Double, comment=unit)


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, comment=comment)


def _moment(name: str, comment: str, *, nullable: bool = True) -> Column[datetime]:
    return Column(name, UtcMoment, nullable=nullable, comment=f"{comment} [UTC]")


def _beamline(*, key: bool = True) -> Column[str]:
    return Column("beamline", String(8), primary_key=key, nullable=False, comment="such as i03")


def _collection_id(*, key: bool = True) -> Column[int]:
    return Column("collection_id", BigInteger, primary_key=key, nullable=False, comment="dcid")


def _of_collection(table: str) -> ForeignKeyConstraint:
    target = ["collections.beamline", "collections.id"]
    return ForeignKeyConstraint(["beamline", "collection_id"], target, name=f"{table}_of_collection")


collections = Table(
    "collections",
    metadata,
    _beamline(),
    Column("id", BigInteger, primary_key=True, comment="dcid, ISPyB's dataCollectionId"),
    Column("visit", String(32), nullable=False, comment="proposal and session, such as cm12345-1"),
    Column("experiment", String(16), comment="gridscan or rotation; NULL until accepted"),
    Column("details", Json, comment="the collection as announced; NULL until accepted"),
    _count("number_of_images", "images in this collection; NULL until accepted"),
    _moment("announced_at", "when GDA said that it starts, by its own clock"),
    _moment("accepted_at", "when the ingester accepted it"),
    _moment("ended_at", "when the ingester heard of its end"),
    Column("outcome", String(16), comment="ended or aborted; NULL while it goes on"),
    _moment("deadline", "a grid is centred with what there is once this has passed"),
    Column("traceparent", String(64), comment="W3C trace context of this collection"),
    Column("unreported", Boolean, nullable=False, comment="images came since the latest grid result"),
    _moment("recorded_at", "when the first message about it was written here; the age of its results"),
    _moment("images_since", "when the first of its images was written here; NULL: none is kept"),
    _moment("images_removed_at", "when its images began to be removed; none was taken since"),
    Index("collections_unreported", "unreported"),
    Index("collections_id", "id"),
    Index("collections_accepted_at", "accepted_at"),
    Index("collections_visit", "visit", "accepted_at"),
    Index("collections_recorded_at", "recorded_at"),
    Index("collections_images_since", "images_since"),
    comment="One row per data collection, from the first message that names it",
)

images = Table(
    "images",
    metadata,
    _beamline(),
    _collection_id(),
    Column("image", Integer, primary_key=True, comment="0-based index within the collection"),
    _count("n_spots_total", "spots with d <= 40 Å"),
    _count("n_spots_no_ice", "spots away from ice rings"),
    _count("n_spots_4A", "spots with d > 4 Å"),
    _number("total_intensity", "summed over the spots away from ice rings [counts]"),
    _number("estimated_d_min", "resolution limit [Å]; NULL: too few spots"),
    _number("d_min_distl_method_1", "resolution limit, distl method 1 [Å]"),
    _number("d_min_distl_method_2", "resolution limit, distl method 2 [Å]"),
    _number("noisiness_method_1", "0 (clean) to 1 (noise), method 1"),
    _number("noisiness_method_2", "0 (clean) to 1 (noise), method 2"),
    _moment("found_at", "when the block of this image was done", nullable=False),
    Column("failure", Text, comment="why there is no result; NULL: there is one"),
    _of_collection("images"),
    CheckConstraint("(failure IS NULL) = (n_spots_total IS NOT NULL)", name="images_found_or_failed"),
    comment="One row per analysed image",
)

grid_results = Table(
    "grid_results",
    metadata,
    _beamline(),
    _collection_id(),
    Column("version", Integer, primary_key=True, comment="1 for the first result of a grid"),
    Column("status", String(16), nullable=False, comment="whole, partial or amended"),
    Column("outcome", String(16), nullable=False, comment="found or no crystal"),
    Column("n_found", Integer, nullable=False, comment="images with a result"),
    Column("n_failed", Integer, nullable=False, comment="images that could not be analysed"),
    Column("result", Json, nullable=False, comment="the GridResult message"),
    _moment("centred_at", "when it was computed", nullable=False),
    _moment("published_at", "when the broker had stored it; NULL until then"),
    _of_collection("grid_results"),
    Index("grid_results_published_at", "published_at"),
    comment="One row per version of a grid's result; a later one replaces an earlier one",
)

crystals = Table(
    "crystals",
    metadata,
    _beamline(),
    _collection_id(),
    Column("version", Integer, primary_key=True, comment="of the grid result"),
    Column("rank", Integer, primary_key=True, comment="1 for the biggest region"),
    Column("centre_x", Double, nullable=False, comment="[boxes] from the left edge of the grid"),
    Column("centre_y", Double, nullable=False, comment="[boxes] from the top edge of the grid"),
    Column("max_voxel_x", Integer, nullable=False, comment="column of the box with the most spots, from 0"),
    Column("max_voxel_y", Integer, nullable=False, comment="row of the box with the most spots, from 0"),
    Column("max_count", Double, nullable=False, comment="spots in that box"),
    Column("n_voxels", Integer, nullable=False, comment="boxes in the region"),
    Column("total_count", Double, nullable=False, comment="spots in the region"),
    Column("x0", Integer, nullable=False, comment="first column of the region"),
    Column("y0", Integer, nullable=False, comment="first row of the region"),
    Column("x1", Integer, nullable=False, comment="first column right of the region"),
    Column("y1", Integer, nullable=False, comment="first row below the region"),
    ForeignKeyConstraint(
        ["beamline", "collection_id", "version"],
        ["grid_results.beamline", "grid_results.collection_id", "grid_results.version"],
        name="crystals_of_grid_result",
    ),
    comment="One row per connected region of a grid result",
)

processing_results = Table(
    "processing_results",
    metadata,
    Column("run_id", String(200), primary_key=True, comment="deterministic name of the run"),
    _beamline(key=False),
    _collection_id(key=False),
    Column("pipeline", String(64), nullable=False, comment="such as xia2-dials"),
    Column("family", String(32), nullable=False, comment="dials, xia2, fast_dp or autoPROC"),
    Column("attempt", Integer, nullable=False, comment="counts deliberate repeats of the same processing"),
    Column("state", String(16), nullable=False, comment="succeeded, failed, timed out, cancelled or lost"),
    Column("reason", Text, comment="why it did not succeed"),
    Column("space_group", String(32), comment="Hermann-Mauguin symbol"),
    _number("cell_a", "[Å]"),
    _number("cell_b", "[Å]"),
    _number("cell_c", "[Å]"),
    _number("cell_alpha", "[degrees]"),
    _number("cell_beta", "[degrees]"),
    _number("cell_gamma", "[degrees]"),
    _count("n_spots", "strong spots found"),
    _count("n_indexed", "spots indexed"),
    _moment("started_at", "when the run began"),
    _moment("ended_at", "when the run ended", nullable=False),
    _moment("recorded_at", "when it was first written here", nullable=False),
    Column("result", Json, nullable=False, comment="the ProcessingResult message"),
    Column("traceparent", String(64), comment="W3C trace context of this run"),
    _of_collection("processing_results"),
    Index("processing_results_collection", "beamline", "collection_id"),
    comment="One row per run of a pipeline, once it has ended",
)

shells = Table(
    "shells",
    metadata,
    Column("run_id", String(200), primary_key=True, comment="of the processing result"),
    Column("shell", String(16), primary_key=True, comment="overall, inner or outer"),
    Column("d_max_A", Double, nullable=False, comment="low resolution limit [Å]"),
    Column("d_min_A", Double, nullable=False, comment="high resolution limit [Å]"),
    Column("n_observations", Integer, nullable=False, comment="total observations"),
    Column("n_unique", Integer, nullable=False, comment="unique reflections"),
    _number("completeness_percent", "[%]"),
    _number("multiplicity", "mean observations per unique reflection"),
    _number("i_over_sigma", "mean I/sigma(I)"),
    _number("r_merge", "Rmerge within I+/I-, fraction"),
    _number("r_meas", "Rmeas over all I+ and I-, fraction"),
    _number("r_meas_anomalous", "Rmeas within I+/I-, fraction"),
    _number("r_pim", "Rpim over all I+ and I-, fraction"),
    _number("r_pim_anomalous", "Rpim within I+/I-, fraction"),
    _number("cc_half", "CC1/2"),
    _number("cc_anomalous", "anomalous correlation of half sets"),
    _number("anomalous_completeness_percent", "[%]"),
    _number("anomalous_multiplicity", "mean observations per anomalous pair"),
    ForeignKeyConstraint(["run_id"], ["processing_results.run_id"], name="shells_of_processing_result"),
    comment="Merging statistics, one row per resolution shell of a run",
)
