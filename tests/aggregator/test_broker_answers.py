"""What Jolokia's answers mean; bodies as brokers give them."""

import orjson
import pytest

from services.aggregator.broker.answers import AnswerError, Heap, Queue, Store, questions, understand

NAME = "org.apache.activemq:brokerName=mxmesh"
KAHADB = "KahaDBPersistenceAdapter[/var/i03 broker/kahadb,Index:/var/i03 broker/kahadb]"


def pool(kind, used, collected, most=1000):
    after = None if collected is None else {"init": 0, "committed": 0, "max": most, "used": collected}
    return {"Type": kind, "Usage": {"init": 0, "committed": 0, "max": most, "used": used}, "CollectionUsage": after}


def pools(**each):
    return {f"java.lang:name={name.replace('_', ' ')},type=MemoryPool": told for name, told in each.items()}


SERIAL = pools(
    Metaspace=pool("NON_HEAP", 9, None, -1), Eden_Space=pool("HEAP", 99, 0), Tenured_Gen=pool("HEAP", 300, 200)
)
SOUND = {
    "broker": {f"{NAME},type=Broker": {"BrokerVersion": "5.17.2", "StoreLimit": 4096, "StorePercentUsage": 3}},
    "pools": SERIAL,
    "stores": {
        f"{NAME},instanceName=x,service=PersistenceAdapter": {"Name": KAHADB, "Size": 123, "Data": "[1, 3, 12]"}
    },
    "queues": {f"{NAME},destinationName=a_b": {"Name": "a:b", "QueueSize": 4, "ConsumerCount": 0}},
    "topics": {f"{NAME},destinationName=t": {"ConsumerCount": 1}, f"{NAME},destinationName=u": {"ConsumerCount": 1}},
}
MISSING = {"status": 404, "error_type": "javax.management.InstanceNotFoundException", "error": "No MBean\n\tat x"}
FORBIDDEN = {
    "status": 403,
    "error_type": "java.lang.Exception",
    "error": "Reading attribute Usage is forbidden\n\tat x",
}


def body(**changes):
    """Answers in the order of the questions; a change is the value of a bean, or a whole answer."""
    told = [{"status": 200, "value": SOUND[name]} for name in SOUND]
    for name, change in changes.items():
        told[list(SOUND).index(name)] = change if "status" in change else {"status": 200, "value": change}
    return orjson.dumps(told)


def test_there_is_an_answer_for_each_question():
    assert len(questions()) == len(SOUND)
    assert {question["type"] for question in questions()} == {"read"}


def test_a_sound_answer_is_understood():
    report = understand(body())
    assert report.heap == Heap(after_collection_bytes=200, now_bytes=300, limit_bytes=1000)
    assert report.store == Store(123, 4096, 3, (1, 3, 12), "/var/i03 broker/kahadb")
    assert (report.queues, report.n_topics) == ((Queue("a:b", 4, 0),), 2)
    assert (report.version, report.untold) == ("5.17.2", ())


@pytest.mark.parametrize(
    ("told", "heap"),
    [
        (pools(PS_Eden_Space=pool("HEAP", 9, 0), PS_Old_Gen=pool("HEAP", 5, 4)), Heap(4, 5, 1000)),
        (pools(G1_Survivor_Space=pool("HEAP", 9, 9, -1), G1_Old_Gen=pool("HEAP", 5, 0)), Heap(None, 5, 1000)),
        (pools(ZHeap=pool("HEAP", 5, 4)), Heap(4, 5, 1000)),
        (pools(ZGC_Young_Generation=pool("HEAP", 9, 9), ZGC_Old_Generation=pool("HEAP", 5, 4)), Heap(4, 5, 1000)),
        (pools(Shenandoah=pool("HEAP", 5, None)), Heap(None, 5, 1000)),
    ],
)
def test_every_collector_of_java_has_a_pool_for_what_lives_long(told, heap):
    assert understand(body(pools=told)).heap == heap


def test_a_broker_without_any_queue_or_topic_is_no_fault():
    report = understand(body(queues=MISSING, topics=MISSING))
    assert (report.queues, report.n_topics, report.untold) == ((), 0, ())


def test_a_store_that_is_no_kahadb_has_no_files():
    store = {"Name": "JDBCPersistenceAdapter", "Size": 5, "Data": "whatever"}
    assert understand(body(stores={"x": store})).store == Store(5, 4096, 3, None, None)


def test_of_a_store_beside_one_for_dead_letters_the_files_count():
    main, letters = (
        {"Name": f"KahaDBPersistenceAdapter[/broker/{folder},Index:/broker/{folder}]", "Size": 5, "Data": data}
        for folder, data in (("#210", "[2, 3]"), ("queue#3a#2f#2fDLQ.#3e", "[1, 9]"))
    )
    told = understand(body(stores={"x": letters, "y": main})).store
    assert told == Store(10, 4096, 3, (2, 3), "/broker/#210")


def test_several_stores_are_one_size():
    store = {"Name": KAHADB, "Size": 5, "Data": "[1]"}
    assert understand(body(stores={"x": store, "y": store})).store == Store(10, 4096, 3, None, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pools": FORBIDDEN}, "does not tell its heap: Reading attribute Usage is forbidden."),
        ({"pools": pools(Unheard_Of=pool("HEAP", 5, 4))}, "does not tell its heap: a kind of Java"),
        ({"pools": pools(Old=pool("HEAP", 5, 4, -1))}, "does not tell its heap: it has no limit."),
        ({"pools": {"x old": {"Type": "HEAP", "Usage": 7, "CollectionUsage": None}}}, "of its heap is not understood"),
        ({"stores": MISSING}, "does not tell its store: there is none"),
        ({"stores": {"x": {"Name": KAHADB, "Size": "much", "Data": "[1]"}}}, "of its store is not understood"),
        ({"queues": {"x": {"QueueSize": 3}}}, "of its queues is not understood ('Name')."),
        ({"topics": {"status": 500}}, "does not tell its topics: Jolokia says 500."),
    ],
)
def test_what_is_not_told_is_said_and_spoils_nothing_else(changes, words):
    report = understand(body(**changes))
    (untold,) = report.untold
    assert words in untold
    parts = {"pools": report.heap, "stores": report.store, "queues": report.queues, "topics": report.n_topics}
    assert {name for name, part in parts.items() if part is None} == set(changes)


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"[]", b"{}", b"[1,2,3,4,5]", b'{"status": 200, "value": {}}', b"\xff"]
)
def test_what_is_not_from_jolokia_is_no_answer(text):
    with pytest.raises(AnswerError, match="no Jolokia"):
        understand(text)


def test_the_waiting_half_of_a_pair_says_that_no_broker_works_there():
    with pytest.raises(AnswerError, match="of a pair"):
        understand(body(broker=MISSING))
