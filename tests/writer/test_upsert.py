"""The statements of the record in the three dialects; SQLite's are run by every other test."""

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite

from services.writer.schema import images
from services.writer.upsert import insert_once, upsert

DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect(), "mysql": mysql.dialect()}
CLAUSES = {
    "sqlite": "ON CONFLICT (beamline, collection_id, image) DO UPDATE SET",
    "postgresql": "ON CONFLICT (beamline, collection_id, image) DO UPDATE SET",
    "mysql": "ON DUPLICATE KEY UPDATE",
}
INCOMING = {"sqlite": "excluded.", "postgresql": "excluded.", "mysql": "VALUES("}


def compiled(statement, dialect):
    return " ".join(str(statement.compile(dialect=DIALECTS[dialect])).split())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_its_words_for_an_upsert(dialect):
    changes = upsert(dialect, images, lambda new: {"found_at": new["found_at"], "failure": new["failure"]})
    statement = compiled(changes, dialect)
    assert CLAUSES[dialect] in statement
    assert INCOMING[dialect] in statement
    assert statement.rindex("found_at") < statement.rindex("failure")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_row_inserted_once_keeps_all_but_its_own_key(dialect):
    statement = compiled(insert_once(dialect, images), dialect)
    assert statement.split(CLAUSES[dialect])[1].replace("`", "").strip() == "beamline = images.beamline"


def test_another_dialect_is_refused_by_name():
    with pytest.raises(ValueError, match="not oracle"):
        insert_once("oracle", images)
