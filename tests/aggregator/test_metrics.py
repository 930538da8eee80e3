"""What Prometheus reads: figures by value, and the page that serves them."""

import httpx
import pytest
from hypothesis import given, strategies as st
from prometheus_client.parser import text_string_to_metric_families

from services.aggregator.broker.watching import OldestFile, Unread
from services.aggregator.metrics import quantile
from services.aggregator.web.app import make_app
from shared.messages import RunState
from shared.topology import SERVICES
from tests.aggregator.brokers import health
from tests.aggregator.builders import (
    GRID,
    ROTATION,
    accepted,
    beat,
    beats,
    centred,
    changed,
    dead_letter,
    ended,
    found,
    heard,
    rejected,
    s,
)
from tests.aggregator.night import page


async def figures(*events, at=0, broker=None, **pulse):
    """Every sample: name and labels (in alphabetical order) except the beamline, to value."""
    app = make_app(page(list(events), s(at), broker, **pulse))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples]
    assert {sample.labels.pop("beamline") for sample in samples} == {"i03"}
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


async def test_a_silent_service_has_no_instances():
    told = await figures(*beats(but="launcher"))
    assert {name: told["mxmesh_service_instances", name] for name in SERVICES} == {
        name: float(name != "launcher") for name in SERVICES
    }


async def test_two_processes_of_a_service_count_and_tell_their_messages():
    second = beat("spotfinder", instance="i03-ws002:7", handled=3, rejected=1)
    told = await figures(*beats(), heard(second))
    assert told["mxmesh_service_instances", "spotfinder"] == 2
    assert told["mxmesh_messages_handled_total", "i03-ws002:7", "spotfinder"] == 3
    assert told["mxmesh_messages_rejected_total", "i03-ws002:7", "spotfinder"] == 1


async def test_a_broker_that_is_away_is_told():
    assert (await figures())["mxmesh_broker_connected",] == 1
    assert (await figures(broker_connected=lambda: False))["mxmesh_broker_connected",] == 0


async def test_a_broker_is_told_as_far_as_it_tells():
    silent = await figures(broker=health(report=None, oldest_file=None, fault="no answer"))
    assert {name for name in silent if "broker" in name[0]} == {("mxmesh_broker_connected",), ("mxmesh_broker_told",)}
    assert silent["mxmesh_broker_told",] == 0
    assert ("mxmesh_broker_told",) not in await figures()


async def test_heap_store_and_destinations_of_the_broker_are_told_with_their_units():
    unread = (Unread("find-spots", 3, 61), Unread("dials-results", 1, 5))
    told = await figures(broker=health(oldest_file=OldestFile(7, 86400, at_least=False), unread=unread))
    assert {name[0]: value for name, value in told.items() if name[0].startswith("mxmesh_broker_")} == {
        "mxmesh_broker_connected": 1,
        "mxmesh_broker_told": 1,
        "mxmesh_broker_heap_after_collection_bytes": 90e6,
        "mxmesh_broker_heap_after_collection_percent": pytest.approx(25.14, abs=0.01),
        "mxmesh_broker_heap_limit_bytes": 358e6,
        "mxmesh_broker_store_bytes": 105e6,
        "mxmesh_broker_store_percent": 2,
        "mxmesh_broker_store_files": 3,
        "mxmesh_broker_store_oldest_file_seconds": 86400,
        "mxmesh_broker_queues": 3,
        "mxmesh_broker_topics": 14,
        "mxmesh_broker_queues_unread": 1,
    }
    assert (await figures(broker=health(oldest_file=None)))["mxmesh_broker_store_oldest_file_seconds",] == 0


async def test_the_time_of_commits_is_told_by_service():
    told = await figures(heard(beat("writer", commits=30, commit_median_ms=1.5, commit_longest_ms=42)))
    assert told["mxmesh_broker_commit_seconds", "0.5", "writer"] == 0.0015
    assert told["mxmesh_broker_commit_seconds", "1", "writer"] == 0.042
    few = await figures(heard(beat("writer", commits=19, commit_median_ms=1.5, commit_longest_ms=42)))
    assert ("mxmesh_broker_commit_seconds", "0.5", "writer") not in few


async def test_dead_letters_are_counted_by_queue():
    told = await figures(heard(dead_letter()), heard(dead_letter(message_id="ID:another")))
    assert told["mxmesh_dead_letters", "DLQ.find-spots"] == 2
    assert not [name for name in await figures() if name[0] == "mxmesh_dead_letters"]


async def test_rejections_are_counted_for_an_hour():
    assert (await figures(heard(rejected()), at=3599))["mxmesh_rejections",] == 1
    assert (await figures(heard(rejected()), at=3600))["mxmesh_rejections",] == 0


async def test_latencies_are_those_of_the_last_hour():
    grid = [heard(accepted(GRID)), heard(found({0: 5}, s(2))), heard(centred(GRID, s(3.5)))]
    told = await figures(*grid, at=10)
    assert told["mxmesh_centring_seconds", "0.98"] == pytest.approx(1.5)
    assert told["mxmesh_first_result_seconds", "0.5"] == pytest.approx(2.04)
    assert not [name for name in await figures(*grid, at=4000) if "seconds" in name[0]]


async def test_images_wait_once_they_are_due():
    grid = [heard(accepted(GRID)), heard(found({0: 5, 1: 0}, s(0.1)))]
    assert (await figures(*grid, at=0.5))["mxmesh_images_waiting",] == 3  # five are exposed, 0.04 s after the word
    assert (await figures(*grid, at=60))["mxmesh_images_waiting",] == GRID.n_boxes - 2


@pytest.mark.parametrize("over", [centred(GRID, s(1)), ended("aborted", s(1))])
async def test_no_image_of_a_grid_that_is_over_waits(over):
    assert (await figures(heard(accepted(GRID)), heard(over), at=60))["mxmesh_images_waiting",] == 0


async def test_images_of_a_rotation_wait_only_where_spots_are_sought():
    rotation = heard(accepted(None))
    assert (await figures(rotation, at=20))["mxmesh_images_waiting",] == 0
    sought = heard(found({0: 310}, s(1), ref=ROTATION))
    assert (await figures(rotation, sought, at=20))["mxmesh_images_waiting",] == 199


async def test_runs_that_have_not_ended_are_counted_by_state():
    told = await figures(heard(changed(RunState.RUNNING, 3)))
    assert told["mxmesh_runs", "running"] == 1
    assert told["mxmesh_runs", "queued"] == 0
    assert (await figures(heard(changed(RunState.FAILED, 3))))["mxmesh_runs", "running"] == 0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9, 0.98, 1.0]))
def test_a_quantile_is_the_least_value_that_covers_its_share(values, q):
    found = quantile(values, q)
    assert sum(value <= found for value in values) >= q * len(values)
    assert sum(value < found for value in values) < q * len(values)
