"""Grid scans through the whole mesh, undisturbed and disturbed."""

from functools import partial

import anyio
import pytest

from cli.beamline import new_dcid
from cli.traces import services_in
from shared import telemetry
from shared.messages import CollectionEnds, CollectionStarts
from simulator.gda import collect, describe_grid, detector_of
from tests.mesh.conftest import centre_of

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


@pytest.fixture
def grid_scan(mesh, small_grid, small_grid_frames):
    """A grid scan to collect: its description, and a detector of a given frame rate [Hz]."""
    collection = describe_grid(mesh.session, small_grid, new_dcid())
    return collection, partial(detector_of, small_grid, small_grid_frames)


async def test_the_crystal_is_found_where_it_is(mesh, grid_scan, small_grid):
    collection, detector = grid_scan
    async with mesh.world() as bus:
        await collect(bus, collection, detector(40))
        result = await centre_of(bus, collection.ref)
    assert (result.status, result.n_found, result.n_failed) == ("whole", 48, 0)
    (x, y), (true_x, true_y) = result.crystals[0].centre_of_mass, small_grid.truth().centre_boxes
    assert abs(x - true_x) < 1
    assert abs(y - true_y) < 1


@pytest.mark.parametrize("victim", ["spotfinder", "writer", "ingester", "aggregator", "broker"])
async def test_a_kill_in_the_middle_of_a_grid_loses_nothing_and_doubles_nothing(mesh, grid_scan, victim):
    collection, detector = grid_scan

    def written(image: int) -> None:
        if image == 20:
            mesh.kill(victim)

    async with mesh.world() as bus:
        await collect(bus, collection, detector(20), written)
        result = await centre_of(bus, collection.ref)
    images = await mesh.images_recorded(collection.ref, 48)
    assert (images.n_found, images.n_failed) == (48, 0)
    assert (result.status, result.version) == ("whole", 1)
    await mesh.until(lambda: mesh.recorded.n_reports(collection.ref) >= 48, "every image in the journal")
    assert mesh.recorded.n_reports(collection.ref) == 48


async def test_a_collection_is_one_trace_from_announcement_to_centre(mesh, grid_scan):
    collection, detector = grid_scan
    telemetry.configure("test")
    async with mesh.world() as bus:
        with telemetry.tracer.start_as_current_span("collect"):
            trace_id = telemetry.trace_id()
            await collect(bus, collection, detector(None))
        await centre_of(bus, collection.ref)
    expected = {"mxmesh-ingester", "mxmesh-spotfinder", "mxmesh-writer", "mxmesh-aggregator"}
    await mesh.until(lambda: expected <= services_in(mesh.running.spans, trace_id), "spans of every service")


async def test_an_aborted_grid_is_centred_with_what_there_is(mesh, grid_scan):
    collection, _ = grid_scan
    ref = collection.ref
    async with mesh.world() as bus:
        await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))
        await bus.publish(CollectionEnds(event="abort", beamline=ref.beamline, visit=ref.visit, dcid=ref.id))
        result = await centre_of(bus, ref)
    assert (result.status, result.outcome, result.n_found) == ("partial", "no crystal", 0)


async def test_two_grids_at_once_are_both_centred(mesh, small_grid, small_grid_frames):
    first, second = (describe_grid(mesh.session, small_grid, new_dcid() + i) for i in (1_000_000, 2_000_000))
    detector = detector_of(small_grid, small_grid_frames, 40)
    async with mesh.world() as bus, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, bus, first, detector)
        tasks.start_soon(collect, bus, second, detector)
        results = {}
        async with bus.subscribe(bus.topology.queue("xrc.i03"), prefetch=1) as deliveries:
            async for delivery in deliveries:
                await bus.settle(delivery)
                results[delivery.body] = delivery
                if all(str(c.dcid).encode() in b"".join(results) for c in (first, second)):
                    break
    assert len(results) >= 2
