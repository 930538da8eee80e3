"""The broker's health: told in words before anybody feels it, by value."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from services.aggregator.broker.answers import Heap, Queue
from services.aggregator.broker.commits import CommitLog
from services.aggregator.broker.judgement import judge_broker
from services.aggregator.broker.watching import OldestFile, Unread, Watch
from services.aggregator.health import Circumstances, Verdict, judge
from services.aggregator.settings import MonitorSettings
from tests.aggregator.brokers import HEAP, QUEUES, STORE, commits, health, log_of, report
from tests.aggregator.builders import T0, beat, beats, fold_all, s

LIMITS = MonitorSettings()
DAY_S = 86400


def reasons(broker=None, told=(), limits=LIMITS):
    return list(judge_broker(broker, told, limits))


def test_a_sound_broker_and_one_that_nobody_asks_are_all_right():
    assert reasons(health(), [commits()]) == []
    assert reasons(None, []) == []


def test_the_limits_themselves_are_sound():
    at_limits = health(
        report=report(heap=Heap(75, 75, 100), store=replace(STORE, percent=70)),
        oldest_file=OldestFile(7, 7 * DAY_S, at_least=False),
    )
    assert reasons(at_limits, [commits(median_ms=20)]) == []


@pytest.mark.parametrize(
    ("broker", "told", "what", "remedy"),
    [
        (None, [commits(31.4)], "takes 31 ms to commit what the writer says", "disk of its store"),
        (
            health(report=report(heap=Heap(76_000, 90_000, 100_000))),
            [],
            "76 % of its heap are in use after a collection",
            "Start the broker again",
        ),
        (
            health(report=report(store=replace(STORE, percent=71))),
            [],
            "71 % of 4.3 GB are used",
            "find-spots (12), DLQ.find-spots (2)",
        ),
        (
            health(oldest_file=OldestFile(7, 7.5 * DAY_S, at_least=False)),
            [],
            "keep db-7.log for 7 d 12 h",
            "find-spots (12)",
        ),
        (health(oldest_file=OldestFile(7, 8 * DAY_S, at_least=True)), [], "for at least 8 d 0 h", "Retry or drop"),
        (
            health(unread=(Unread("Consumer.writer.VirtualTopic.Old", 1, 61),)),
            [],
            "Nobody reads Consumer.writer.VirtualTopic.Old, where 1 message waits",
            "delete the queue",
        ),
        (health(report=None, fault="it refuses", silent_s=90), [], "for 1 min 30 s: it refuses", "monitor.url"),
    ],
)
def test_each_trouble_is_told_with_a_remedy_and_breaks_no_beamline(broker, told, what, remedy):
    (reason,) = reasons(broker, told)
    assert what in reason.what
    assert remedy in reason.remedy
    assert reason.verdict is Verdict.LOOK_HERE


def test_a_full_store_without_queues_hints_at_durable_subscriptions():
    (reason,) = reasons(health(report=report(store=replace(STORE, percent=90), queues=())))
    assert "durable subscription" in reason.remedy


def test_garbage_in_the_heap_is_no_trouble():
    """What the next collection frees makes a saw-tooth, up to the limit."""
    assert reasons(health(report=report(heap=Heap(9, 99, 100)))) == []
    assert reasons(health(report=report(heap=Heap(None, 99, 100)))) == []


def test_a_few_slow_commits_say_nothing_about_the_broker():
    assert reasons(told=[commits(500, n=19)]) == []


def test_the_slowest_service_is_named():
    (reason,) = reasons(told=[commits(25, service="ingester"), commits(70, service="spotfinder"), commits(2)])
    assert "spotfinder" in reason.what


def test_what_lasts_less_than_a_minute_is_a_restart():
    assert reasons(health(unread=(Unread("find-spots", 3, 59),))) == []
    assert reasons(health(report=None, fault="no answer", silent_s=59)) == []


def test_limits_are_settings():
    strict = MonitorSettings(heap_percent=20, store_percent=1, commit_ms=1, oldest_file_days=0.5)
    trouble = health(oldest_file=OldestFile(7, DAY_S, at_least=False))
    assert len(reasons(trouble, [commits(1.4)], strict)) == 4


def test_without_a_broker_its_health_is_nobodys_concern():
    bad = Circumstances(T0, s(-3600), broker_connected=False, broker=health(unread=(Unread("find-spots", 3, 99),)))
    (reason,) = judge(fold_all(beats()), bad).reasons
    assert reason.verdict is Verdict.BROKEN


def test_commits_of_all_processes_of_a_service_count():
    log = log_of(
        ("writer", 90, 1.0, 3.0), ("writer", 10, 50.0, 80.0), ("ingester", 1, 2.0, 2.0), ("launcher", 0, None, None)
    )
    ingester, writer = log.recent(T0)
    assert (writer.service, writer.n, writer.median_ms, writer.longest_ms) == ("writer", 100, 1.0, 80.0)
    assert (ingester.n, ingester.median_ms) == (1, 2.0)


def test_commits_are_forgotten_after_five_minutes():
    log = log_of(("writer", 3, 1.0, 1.0))
    assert log.recent(s(299))
    assert log.recent(s(300)) == ()


@pytest.mark.parametrize("step_s", [5, 0, -5], ids=["running", "standing", "running backwards"])
def test_a_year_of_beats_takes_no_more_room_than_five_minutes(step_s):
    log = CommitLog()
    for number in range(2000):
        told = beat("writer", instance=f"pod-{number // 500}", commits=2, commit_median_ms=1, commit_longest_ms=1)
        log.follow(told, T0 + timedelta(seconds=number * step_s))
    (writer,) = log.recent(T0 + timedelta(seconds=1999 * step_s))
    assert writer.n <= 4 * 60 * 2


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1000)), min_size=1, max_size=40))
def test_the_median_of_medians_stands_in_the_middle_of_the_commits(told):
    (writer,) = log_of(*(("writer", n, median, median) for n, median in told)).recent(T0)
    each = [median for n, median in told for _ in range(n)]
    assert sum(value <= writer.median_ms for value in each) >= len(each) / 2
    assert sum(value >= writer.median_ms for value in each) >= len(each) / 2


def watch():
    return Watch(is_inbox=lambda name: not name.startswith(("xrc", "DLQ")))


def test_a_file_that_is_kept_ages_from_the_moment_that_a_newer_one_is_seen():
    seen = watch()

    def oldest(now_s, *files):
        return seen.told(report(store=replace(STORE, files=files)), T0, now_s, None).oldest_file

    assert oldest(0, 7) is None
    assert oldest(100, 7, 8) == OldestFile(7, 0, at_least=True)
    assert oldest(400, 7, 9) == OldestFile(7, 300, at_least=True)
    assert oldest(500, 9, 10) == OldestFile(9, 0, at_least=True)


def test_the_file_itself_knows_better_where_it_can_be_seen():
    assert watch().told(report(), T0, 0, 3600).oldest_file == OldestFile(7, 3600, at_least=False)
    assert watch().told(report(), T0, 0, -5).oldest_file == OldestFile(7, 0, at_least=False)  # the clock was put back


def test_an_unread_queue_is_watched_until_somebody_reads_or_it_is_empty():
    seen = watch()

    def unread(now_s, *queues):
        return seen.told(report(queues=queues), T0, now_s, None).unread

    assert unread(0, Queue("find-spots", 3, 0), *QUEUES[1:]) == (Unread("find-spots", 3, 0),)
    assert unread(70, Queue("find-spots", 5, 0)) == (Unread("find-spots", 5, 70),)
    assert unread(80, Queue("find-spots", 5, 1)) == ()
    assert unread(90, Queue("find-spots", 5, 0)) == (Unread("find-spots", 5, 0),)
    assert unread(95, Queue("find-spots", 0, 0), Queue("dials-results", -1, 0)) == ()  # ActiveMQ may miscount


def test_silence_is_counted_until_the_broker_tells_again():
    seen = watch()
    assert [seen.silent("no answer", T0, now_s).silent_s for now_s in (10, 40, 100)] == [0, 30, 90]
    assert seen.told(report(), T0, 130, None).fault is None
    assert seen.silent("no answer", T0, 160).silent_s == 0


def test_the_heap_is_known_only_once_it_was_collected():
    assert HEAP.percent == pytest.approx(25.14, abs=0.01)
    assert Heap(None, 5, 100).percent is None
