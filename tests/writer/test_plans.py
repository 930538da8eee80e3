"""Nothing that a collection, the publisher, removal or the command line asks of the record reads a whole table."""

from datetime import timedelta
from pathlib import Path

from cli.collections import KnownCollections
from services.writer.removal import Removal
from shared.messages import now
from shared.retention import tidy
from tests.plans import explained
from tests.results import REF, ROTATION_CHANGES, START, accepted, ended, found, processed
from tests.writer.conftest import Writer


async def test_no_statement_reads_a_whole_table(sqlite):
    writer, rotation = Writer(sqlite), accepted(**ROTATION_CHANGES, dcid=43)
    known = KnownCollections(Path(sqlite.url.database))
    with explained() as plans:
        await writer.record.accept(accepted(), None)
        await writer.record.accept(rotation, None)
        await writer.record.add_spots(found(range(10), failed=[10, 11]), None)
        await writer.record.end(ended(), None)
        await writer.record.add_processing(processed(), None)
        await writer.publisher.look()
        assert known.one(REF.id).dcid == REF.id
        assert known.rotations(REF.visit, None, None) == known.rotations(REF.visit, START, now())
        assert len(known.rotations(None, START, None)) == 1
        assert known.last_attempt(rotation.collection, "i03-43-dials-") == 0
        removal = Removal(writer.transactions)
        assert await removal.remove_images(now()) == 12
        assert await removal.remove_collection(now()) is not None
        await tidy(removal.kinds(timedelta(days=90), timedelta(days=900)), now())
    assert len(writer.said) == 1
    assert len(plans.by_statement) > 30
    assert plans.scans == {}
