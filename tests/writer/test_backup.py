"""What docs/operations.md says of saving a record in use, and of going back to it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import anyio

from services.writer.migrations import upgrade
from services.writer.schema import images
from shared.database import open_database
from shared.transactions import Transactions
from tests.results import accepted, found
from tests.writer.conftest import Writer

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


def documented(file, copy):
    """The command for saving, as it stands there, with our own files."""
    program = re.search(r'^python -c "(.+)" results.sqlite backup.sqlite$', OPERATIONS.read_text(), re.MULTILINE)
    assert program
    return [sys.executable, "-c", program[1], str(file), str(copy)]


async def test_a_record_in_use_is_saved_whole_and_restored(tmp_path, sqlite):
    writer, copy = Writer(sqlite), tmp_path / "backup.sqlite"
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(6)), None)
    async with sqlite.begin() as busy:
        await busy.exec_driver_sql("SELECT count(*) FROM images")
        await anyio.to_thread.run_sync(lambda: subprocess.run(documented(sqlite.url.database, copy), check=True))
    await writer.record.add_spots(found(range(6, 12)), None)

    restored = shutil.copy(copy, tmp_path / "restored.sqlite")
    async with open_database(f"sqlite+aiosqlite:///{restored}") as engine:
        await upgrade(Transactions(engine, patience_s=5))
        again = Writer(engine)
        assert len(await again.rows(images)) == 6
        await again.record.add_spots(found(range(4, 12)), None)
        assert [row["image"] for row in await again.rows(images)] == list(range(12))
