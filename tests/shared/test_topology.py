"""Who says what to whom, and under which names."""

import pytest

from shared.messages import (
    AnnouncementRejected,
    CollectionRef,
    CollectionStarts,
    FindSpots,
    Grid,
    GridResult,
    Message,
    ProcessingResult,
    RunRef,
    RunState,
    SpotsFound,
    now,
)
from shared.topology import ROUTES, SERVICES, Topology

REF = CollectionRef(beamline="i04-1", visit="cm1-1", id=7)
GRID_RESULT = GridResult(
    collection=REF,
    version=1,
    status="whole",
    outcome="no crystal",
    grid=Grid(steps_x=1, steps_y=1),
    n_images=1,
    n_found=1,
    n_failed=0,
    centred_at=now(),
)


def targets(topology: Topology, message: Message) -> list[str]:
    return [name for _, name in topology.destinations(message)]


def test_a_prefix_stands_in_every_name():
    topology = Topology("i03.")
    assert targets(topology, GRID_RESULT) == ["/queue/i03.xrc.i04-1", "/topic/VirtualTopic.i03.GridResult"]
    assert topology.source(SpotsFound, "writer") == "/queue/Consumer.writer.VirtualTopic.i03.SpotsFound"
    assert topology.source(CollectionStarts, "ingester") == "/queue/i03.data-collection"


def test_a_processing_result_goes_to_the_queue_of_its_family():
    run = RunRef(run_id="r", collection=REF, pipeline="xia2-dials")
    result = ProcessingResult(run=run, family="xia2", state=RunState.SUCCEEDED, ended_at=now())
    assert targets(Topology(), result) == ["/queue/xia2-results"]


def test_in_shadow_mode_nothing_goes_outside():
    assert targets(Topology(shadow=True), GRID_RESULT) == ["/topic/VirtualTopic.GridResult"]


def test_an_answer_goes_to_the_reply_to_of_its_announcement():
    answer = AnnouncementRejected(reason="r", remedy="m", body="", answered_at=now(), reply_to="/queue/gda")
    assert targets(Topology(), answer)[1:] == ["/queue/gda"]
    assert len(targets(Topology(), answer.model_copy(update={"reply_to": None}))) == 1


@pytest.mark.parametrize(("experiment", "priority"), [("gridscan", 6), ("rotation", 4)])
def test_what_is_said_of_a_grid_scan_goes_before_what_is_said_of_a_rotation(experiment, priority):
    about = {"collection": REF, "experiment": experiment}
    block = FindSpots(**about, master_file="/m.h5", first_image=0, n_images=1, deadline=now())
    spots = SpotsFound(**about, found_at=now(), analysis_ms=1)
    for message in (block, spots):
        assert [route.priority_of(message) for route, _ in Topology().destinations(message)] == [priority]


def test_other_messages_have_the_priority_of_their_route():
    assert {route.priority_of(GRID_RESULT) for route, _ in Topology().destinations(GRID_RESULT)} == {6}


def test_a_message_outside_the_table_is_a_programming_error():
    class Stray(Message):
        schema_: str = "stray/1"

    with pytest.raises(LookupError, match="no route for Stray"):
        targets(Topology(), Stray(schema="stray/1"))


def test_a_service_cannot_read_what_is_not_for_it():
    with pytest.raises(LookupError, match="launcher does not listen to SpotsFound"):
        Topology().source(SpotsFound, "launcher")


def test_every_service_speaks_and_is_spoken_to():
    for service in SERVICES:
        assert any(service in route.listeners for route in ROUTES)
        assert list(Topology().spoken_by(service))


def test_the_inboxes_of_a_virtual_topic_are_known_to_its_speaker():
    assert list(Topology().inboxes(SpotsFound)) == [
        "/queue/Consumer.writer.VirtualTopic.SpotsFound",
        "/queue/Consumer.aggregator.VirtualTopic.SpotsFound",
    ]


@pytest.mark.parametrize(
    ("prefix", "queue", "wanted"),
    [
        ("", "find-spots", True),
        ("", "dials-results", True),
        ("", "process-collection.secondary", True),
        ("", "Consumer.writer.VirtualTopic.SpotsFound", True),
        ("", "xrc.i03", False),  # for the world, and it vanishes by itself
        ("", "DLQ.find-spots", False),  # told by other means
        ("", "somebody.else", False),
        ("i03.", "i03.find-spots", True),
        ("i03.", "i03.name-of-an-earlier-version", True),
        ("i03.", "Consumer.aggregator.VirtualTopic.i03.NoMore", True),
        ("i03.", "i03.xrc.i03", False),
        ("i03.", "i04.find-spots", False),
        ("i03.", "find-spots", False),
        ("i03.", "Consumer.writer.VirtualTopic.i04.SpotsFound", False),
        ("i03.", "DLQ.i03.find-spots", False),
    ],
)
def test_the_mesh_knows_the_queues_that_its_services_should_read(prefix, queue, wanted):
    assert Topology(prefix).is_inbox(queue) is wanted
