"""When a collection and its images came, so that they can go; indexes for whoever asks for collections."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision: str | None = "0001"

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
COLUMNS = {
    "recorded_at": "when the first message about it was written here; the age of its results [UTC]",
    "images_since": "when the first of its images was written here; NULL: none is kept [UTC]",
    "images_removed_at": "when its images began to be removed; none was taken since [UTC]",
}
INDEXES = {
    "collections_id": ["id"],
    "collections_accepted_at": ["accepted_at"],
    "collections_visit": ["visit", "accepted_at"],
    "collections_recorded_at": ["recorded_at"],
    "collections_images_since": ["images_since"],
}


def upgrade() -> None:
    """What stands already is as old as its acceptance; what was never accepted counts from now."""
    for name, comment in COLUMNS.items():
        op.add_column("collections", sa.Column(name, MOMENT, comment=comment))
    _date_what_stands()
    for name, columns in INDEXES.items():
        op.create_index(name, "collections", columns)


def downgrade() -> None:
    """Ages are forgotten; images that were removed stay so."""
    for name in INDEXES:
        op.drop_index(name, "collections")
    for name in COLUMNS:
        op.drop_column("collections", name)


def _date_what_stands() -> None:
    collections = sa.table("collections", *(sa.column(name) for name in ("beamline", "id", "accepted_at", *COLUMNS)))
    images = sa.table("images", sa.column("beamline"), sa.column("collection_id"))
    here = sa.and_(images.c.beamline == collections.c.beamline, images.c.collection_id == collections.c.id)
    now = sa.literal(datetime.now(UTC).replace(tzinfo=None), MOMENT)
    since = sa.func.coalesce(collections.c.accepted_at, now)
    op.execute(collections.update().values(recorded_at=since))
    op.execute(collections.update().where(sa.exists().where(here)).values(images_since=collections.c.recorded_at))
