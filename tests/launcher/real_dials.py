"""Real DIALS asked of the launcher as a process on a real broker, which is killed by signal 9 while the run goes on."""

import signal
from pathlib import Path

import anyio
import orjson
import pytest
from anyio import to_thread

from shared import stomp
from shared.messages import ProcessingResult, RunState
from simulator.collection import write_live
from simulator.demo import demo_rotation
from simulator.frames import cached_frames
from tests.launcher.builders import request
from tests.launcher.test_dials import QUICK
from tests.launcher.test_restart import launcher

PATIENCE_S = 800
QUEUE = "dials-results"


async def rotation(visit, frames):
    """A request to process the lysozyme of the demonstration; its images are there."""
    scan = demo_rotation()
    asked = request(visit, "dials", number_of_images=scan.n_images, parameters=QUICK)
    master = Path(asked.collection.master_path)
    master.parent.mkdir(parents=True)
    await to_thread.run_sync(lambda: write_live(scan, cached_frames(scan, frames), master))
    return asked


def write_settings(file, broker, topology, **own):
    """Of a launcher whose index lies beside them."""
    reach = {"url": broker.url, "user": broker.user, "prefix": topology.prefix}
    secret = {"password": broker.password.get_secret_value()}
    fixed = {"state_directory": str(file.parent / "state"), "poll_s": 0.1, "niceness": 0}
    file.write_bytes(orjson.dumps({"broker": reach | secret, **fixed, **own}))
    return file


async def survive_a_kill(asked, settings_file, broker, topology):
    """The result, after which nothing more is said."""
    queue = topology.queue(QUEUE)
    async with stomp.connect("writer", broker, topology) as mesh:
        with launcher(settings_file) as process, anyio.fail_after(PATIENCE_S):
            await mesh.publish(asked)
            await spots_are_sought(asked)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        with launcher(settings_file) as process, anyio.fail_after(PATIENCE_S):
            async with mesh.subscribe(queue, prefetch=1) as deliveries:
                await mesh.settle(delivery := await anext(deliveries))
            process.terminate()
            assert await to_thread.run_sync(process.wait, 30) == 0
        assert await mesh.browse(queue) == []
    return ProcessingResult.model_validate_json(delivery.body)


async def spots_are_sought(asked):
    processed = Path(asked.collection.visit_directory) / "processed"
    while not list(processed.glob("**/*_dials.find_spots.log")):
        await anyio.sleep(0.1)


def assert_true(result, asked):
    """One run of all programs found what was simulated."""
    truth = demo_rotation().truth()
    assert (result.run.run_id, result.state, result.reason) == (asked.run_id, RunState.SUCCEEDED, None)
    assert result.reduction.unit_cell == pytest.approx(truth.cell, rel=0.002)
    assert result.reduction.space_group in {"P 41 21 2", "P 43 21 2"}  # enantiomorphs, which intensities cannot tell
    assert result.reduction.shells[0].cc_half > 0.98
    names = [step.name for step in result.steps]
    assert len(names) == len(set(names)) == 12
