"""Beside the existing scripts: everything is recorded and shown, and the beamline is told nothing."""

import pytest

from services.writer.publisher import Publisher
from services.writer.schema import grid_results
from shared.clock import Deadlines
from shared.topology import Topology
from tests.results import REF, accepted, found

OUTSIDE = f"/queue/xrc.{REF.beamline}"
INSIDE = "/queue/Consumer.aggregator.VirtualTopic.GridResult"


@pytest.mark.parametrize("mode", ["shadow", "live"])
async def test_a_centre_reaches_the_beamline_only_in_live_mode(writer, mode):
    shadow = mode == "shadow"
    writer.bus.topology = Topology(shadow=shadow)
    publisher = Publisher(writer.bus, writer.grids, writer.bell, shadow=shadow, deadlines=Deadlines(writer.clock))
    await writer.record.accept(accepted(), None)
    await writer.record.add_spots(found(range(12)), None)
    await publisher.look()

    (result,) = writer.said
    assert (result.status, result.shadow) == ("whole", shadow)
    (row,) = await writer.rows(grid_results)
    assert row["result"]["shadow"] is shadow
    assert len(writer.bus.broker.queues[INSIDE]) == 1
    assert len(writer.bus.broker.queues[OUTSIDE]) == (0 if shadow else 1)
