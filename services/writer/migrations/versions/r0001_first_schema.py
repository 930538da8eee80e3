"""The first schema: collections, images, grid results with crystals, processing results with shells."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision: str | None = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables; those that others refer to first."""
    _make_collections()
    _make_images()
    _make_grid_results()
    _make_crystals()
    _make_processing_results()
    _make_shells()


def downgrade() -> None:
    """Drop them all; nothing is kept."""
    for table in ("shells", "processing_results", "crystals", "grid_results", "images", "collections"):
        op.drop_table(table)


def _of_collection(table: str) -> sa.ForeignKeyConstraint:
    target = ["collections.beamline", "collections.id"]
    return sa.ForeignKeyConstraint(["beamline", "collection_id"], target, name=f"{table}_of_collection")


def _make_collections() -> None:
    op.create_table(
        "collections",
        sa.Column("beamline", sa.String(8), nullable=False, comment="such as i03"),
        sa.Column("id", sa.BigInteger(), nullable=False, comment="dcid, ISPyB's dataCollectionId"),
        sa.Column("visit", sa.String(32), nullable=False, comment="proposal and session, such as cm12345-1"),
        sa.Column("experiment", sa.String(16), comment="gridscan or rotation; NULL until accepted"),
        sa.Column("details", sa.JSON(), comment="the collection as announced; NULL until accepted"),
        sa.Column("number_of_images", sa.Integer(), comment="images in this collection; NULL until accepted"),
        sa.Column("announced_at", MOMENT, comment="when GDA said that it starts, by its own clock [UTC]"),
        sa.Column("accepted_at", MOMENT, comment="when the ingester accepted it [UTC]"),
        sa.Column("ended_at", MOMENT, comment="when the ingester heard of its end [UTC]"),
        sa.Column("outcome", sa.String(16), comment="ended or aborted; NULL while it goes on"),
        sa.Column("deadline", MOMENT, comment="a grid is centred with what there is once this has passed [UTC]"),
        sa.Column("traceparent", sa.String(64), comment="W3C trace context of this collection"),
        sa.Column("unreported", sa.Boolean(), nullable=False, comment="images came since the latest grid result"),
        sa.PrimaryKeyConstraint("beamline", "id"),
        comment="One row per data collection, from the first message that names it",
    )
    op.create_index("collections_unreported", "collections", ["unreported"])


def _make_images() -> None:
    op.create_table(
        "images",
        sa.Column("beamline", sa.String(8), nullable=False, comment="such as i03"),
        sa.Column("collection_id", sa.BigInteger(), nullable=False, comment="dcid"),
        sa.Column("image", sa.Integer(), nullable=False, comment="0-based index within the collection"),
        sa.Column("n_spots_total", sa.Integer(), comment="spots with d <= 40 Å"),
        sa.Column("n_spots_no_ice", sa.Integer(), comment="spots away from ice rings"),
        sa.Column("n_spots_4A", sa.Integer(), comment="spots with d > 4 Å"),
        sa.Column("total_intensity", sa.Double(), comment="summed over the spots away from ice rings [counts]"),
        sa.Column("estimated_d_min", sa.Double(), comment="resolution limit [Å]; NULL: too few spots"),
        sa.Column("d_min_distl_method_1", sa.Double(), comment="resolution limit, distl method 1 [Å]"),
        sa.Column("d_min_distl_method_2", sa.Double(), comment="resolution limit, distl method 2 [Å]"),
        sa.Column("noisiness_method_1", sa.Double(), comment="0 (clean) to 1 (noise), method 1"),
        sa.Column("noisiness_method_2", sa.Double(), comment="0 (clean) to 1 (noise), method 2"),
        sa.Column("found_at", MOMENT, nullable=False, comment="when the block of this image was done [UTC]"),
        sa.Column("failure", sa.Text(), comment="why there is no result; NULL: there is one"),
        sa.PrimaryKeyConstraint("beamline", "collection_id", "image"),
        _of_collection("images"),
        sa.CheckConstraint("(failure IS NULL) = (n_spots_total IS NOT NULL)", name="images_found_or_failed"),
        comment="One row per analysed image",
    )


def _make_grid_results() -> None:
    op.create_table(
        "grid_results",
        sa.Column("beamline", sa.String(8), nullable=False, comment="such as i03"),
        sa.Column("collection_id", sa.BigInteger(), nullable=False, comment="dcid"),
        sa.Column("version", sa.Integer(), nullable=False, comment="1 for the first result of a grid"),
        sa.Column("status", sa.String(16), nullable=False, comment="whole, partial or amended"),
        sa.Column("outcome", sa.String(16), nullable=False, comment="found or no crystal"),
        sa.Column("n_found", sa.Integer(), nullable=False, comment="images with a result"),
        sa.Column("n_failed", sa.Integer(), nullable=False, comment="images that could not be analysed"),
        sa.Column("result", sa.JSON(), nullable=False, comment="the GridResult message"),
        sa.Column("centred_at", MOMENT, nullable=False, comment="when it was computed [UTC]"),
        sa.Column("published_at", MOMENT, comment="when the broker had stored it; NULL until then [UTC]"),
        sa.PrimaryKeyConstraint("beamline", "collection_id", "version"),
        _of_collection("grid_results"),
        comment="One row per version of a grid's result; a later one replaces an earlier one",
    )
    op.create_index("grid_results_published_at", "grid_results", ["published_at"])


def _make_crystals() -> None:
    op.create_table(
        "crystals",
        sa.Column("beamline", sa.String(8), nullable=False, comment="such as i03"),
        sa.Column("collection_id", sa.BigInteger(), nullable=False, comment="dcid"),
        sa.Column("version", sa.Integer(), nullable=False, comment="of the grid result"),
        sa.Column("rank", sa.Integer(), nullable=False, comment="1 for the biggest region"),
        sa.Column("centre_x", sa.Double(), nullable=False, comment="[boxes] from the left edge of the grid"),
        sa.Column("centre_y", sa.Double(), nullable=False, comment="[boxes] from the top edge of the grid"),
        sa.Column("max_voxel_x", sa.Integer(), nullable=False, comment="column of the box with the most spots, from 0"),
        sa.Column("max_voxel_y", sa.Integer(), nullable=False, comment="row of the box with the most spots, from 0"),
        sa.Column("max_count", sa.Double(), nullable=False, comment="spots in that box"),
        sa.Column("n_voxels", sa.Integer(), nullable=False, comment="boxes in the region"),
        sa.Column("total_count", sa.Double(), nullable=False, comment="spots in the region"),
        sa.Column("x0", sa.Integer(), nullable=False, comment="first column of the region"),
        sa.Column("y0", sa.Integer(), nullable=False, comment="first row of the region"),
        sa.Column("x1", sa.Integer(), nullable=False, comment="first column right of the region"),
        sa.Column("y1", sa.Integer(), nullable=False, comment="first row below the region"),
        sa.PrimaryKeyConstraint("beamline", "collection_id", "version", "rank"),
        sa.ForeignKeyConstraint(
            ["beamline", "collection_id", "version"],
            ["grid_results.beamline", "grid_results.collection_id", "grid_results.version"],
            name="crystals_of_grid_result",
        ),
        comment="One row per connected region of a grid result",
    )


def _make_processing_results() -> None:
    op.create_table(
        "processing_results",
        sa.Column("run_id", sa.String(200), nullable=False, comment="deterministic name of the run"),
        sa.Column("beamline", sa.String(8), nullable=False, comment="such as i03"),
        sa.Column("collection_id", sa.BigInteger(), nullable=False, comment="dcid"),
        sa.Column("pipeline", sa.String(64), nullable=False, comment="such as xia2-dials"),
        sa.Column("family", sa.String(32), nullable=False, comment="dials, xia2, fast_dp or autoPROC"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="counts deliberate repeats of the same processing"),
        sa.Column("state", sa.String(16), nullable=False, comment="succeeded, failed, timed out, cancelled or lost"),
        sa.Column("reason", sa.Text(), comment="why it did not succeed"),
        sa.Column("space_group", sa.String(32), comment="Hermann-Mauguin symbol"),
        sa.Column("cell_a", sa.Double(), comment="[Å]"),
        sa.Column("cell_b", sa.Double(), comment="[Å]"),
        sa.Column("cell_c", sa.Double(), comment="[Å]"),
        sa.Column("cell_alpha", sa.Double(), comment="[degrees]"),
        sa.Column("cell_beta", sa.Double(), comment="[degrees]"),
        sa.Column("cell_gamma", sa.Double(), comment="[degrees]"),
        sa.Column("n_spots", sa.Integer(), comment="strong spots found"),
        sa.Column("n_indexed", sa.Integer(), comment="spots indexed"),
        sa.Column("started_at", MOMENT, comment="when the run began [UTC]"),
        sa.Column("ended_at", MOMENT, nullable=False, comment="when the run ended [UTC]"),
        sa.Column("recorded_at", MOMENT, nullable=False, comment="when it was first written here [UTC]"),
        sa.Column("result", sa.JSON(), nullable=False, comment="the ProcessingResult message"),
        sa.Column("traceparent", sa.String(64), comment="W3C trace context of this run"),
        sa.PrimaryKeyConstraint("run_id"),
        _of_collection("processing_results"),
        comment="One row per run of a pipeline, once it has ended",
    )
    op.create_index("processing_results_collection", "processing_results", ["beamline", "collection_id"])


def _make_shells() -> None:
    op.create_table(
        "shells",
        sa.Column("run_id", sa.String(200), nullable=False, comment="of the processing result"),
        sa.Column("shell", sa.String(16), nullable=False, comment="overall, inner or outer"),
        sa.Column("d_max_A", sa.Double(), nullable=False, comment="low resolution limit [Å]"),
        sa.Column("d_min_A", sa.Double(), nullable=False, comment="high resolution limit [Å]"),
        sa.Column("n_observations", sa.Integer(), nullable=False, comment="total observations"),
        sa.Column("n_unique", sa.Integer(), nullable=False, comment="unique reflections"),
        sa.Column("completeness_percent", sa.Double(), comment="[%]"),
        sa.Column("multiplicity", sa.Double(), comment="mean observations per unique reflection"),
        sa.Column("i_over_sigma", sa.Double(), comment="mean I/sigma(I)"),
        sa.Column("r_merge", sa.Double(), comment="Rmerge within I+/I-, fraction"),
        sa.Column("r_meas", sa.Double(), comment="Rmeas over all I+ and I-, fraction"),
        sa.Column("r_meas_anomalous", sa.Double(), comment="Rmeas within I+/I-, fraction"),
        sa.Column("r_pim", sa.Double(), comment="Rpim over all I+ and I-, fraction"),
        sa.Column("r_pim_anomalous", sa.Double(), comment="Rpim within I+/I-, fraction"),
        sa.Column("cc_half", sa.Double(), comment="CC1/2"),
        sa.Column("cc_anomalous", sa.Double(), comment="anomalous correlation of half sets"),
        sa.Column("anomalous_completeness_percent", sa.Double(), comment="[%]"),
        sa.Column("anomalous_multiplicity", sa.Double(), comment="mean observations per anomalous pair"),
        sa.PrimaryKeyConstraint("run_id", "shell"),
        sa.ForeignKeyConstraint(["run_id"], ["processing_results.run_id"], name="shells_of_processing_result"),
        comment="Merging statistics, one row per resolution shell of a run",
    )
