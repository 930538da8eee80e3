"""Services as child processes: their end, and what is said of it."""

import logging

import anyio
import pytest

from cli.processes import ServiceDiedError, ServiceProcess
from shared.rotation import OutputFile, RotatedFile, parts

NOWHERE = "http://127.0.0.1:9/readyz"


@pytest.fixture
def process(tmp_path):
    """A service that is not there; its log and its output are from better days."""
    log = tmp_path / "nobody.jsonl"
    log.write_text('{"message":"ready"}\n')
    output = OutputFile(log.with_suffix(".out"), mb=0.01)
    output.path.write_text("an older fault\n" * 1000)
    return ServiceProcess(
        "nobody", tmp_path / "settings.json", log, output, "http://127.0.0.1:9/readyz", lambda _: None
    )


async def test_a_service_that_dies_at_every_start_ends_with_the_reason(process):
    with pytest.raises(ServiceDiedError) as died:
        await process.supervise()
    said = str(died.value).splitlines()
    assert said[0] == "nobody dies at every start"
    assert "No module named services.nobody" in said[-1]
    assert '{"message":"ready"}' in said
    assert sum(part.stat().st_size for part in parts(process.output.path) if part.exists()) < 10_000


async def test_a_service_that_does_not_get_ready_is_shown_with_what_it_logged_last(process):
    log = RotatedFile(process.log, mb=0.001)
    with anyio.fail_after(10):
        for number in range(20):
            log.handle(logging.makeLogRecord({"msg": f"waits for the broker {number}"}))
        with pytest.raises(TimeoutError) as late:
            await process.wait_until_ready(0.2)
    log.close()
    assert str(late.value).splitlines()[-1] == "waits for the broker 19"
    assert "waits for the broker 5" in str(late.value)
