import sqlite3

from benchmarks.soak.commits import Commits
from benchmarks.soak.counts import Count
from benchmarks.soak.disk import on_disk
from benchmarks.soak.heap import read_histogram
from benchmarks.soak.judgement import Point, Row, Rule, judge
from benchmarks.soak.sampling import Sample, findings
from benchmarks.soak.table import counted, faults, rows

HISTOGRAM = """12345:
 num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:         53928       20000000  org.apache.activemq.command.ActiveMQBytesMessage
   2:         12345         500000  [B (java.base@17.0.15)
   3:            40           9000  org.apache.activemq.broker.region.Queue
   4:            22           5000  org.apache.activemq.broker.region.Topic
   5:             1             80  org.apache.activemq.broker.region.TopicRegion
   6:             7            900  org.apache.activemq.broker.jmx.ManagedTransportConnection
Total         66343       20514980
"""


def by_name(values):
    return {str(row): value for row, value in values.items()}


def test_a_histogram_of_the_heap_tells_its_size_and_what_is_in_it():
    assert by_name(read_histogram(HISTOGRAM)) == {
        "broker: heap after a full collection": 20.51498,
        "broker: destinations": 62,
        "broker: connections": 7,
        "broker: messages in its heap": 53928,
    }


def test_a_database_is_as_big_as_the_pages_in_use_its_write_ahead_log_included(tmp_path):
    file = tmp_path / "results.sqlite"
    database = sqlite3.connect(file, isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "CREATE TABLE t (body)"):
        database.execute(statement)
    empty = by_name(on_disk(tmp_path, tmp_path))
    database.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    full = by_name(on_disk(tmp_path, tmp_path))
    database.execute("DELETE FROM t")
    emptied = by_name(on_disk(tmp_path, tmp_path))

    in_use, wal = "databases: results.sqlite, pages in use", "databases: results.sqlite-wal"
    assert 0.99 < full[in_use] - empty[in_use] < 1.1
    assert full["databases: results.sqlite"] == empty["databases: results.sqlite"]
    assert full[wal] > 1
    assert abs(emptied[in_use] - empty[in_use]) < 0.01
    database.close()


def test_files_count_for_what_they_are(tmp_path):
    for name in (
        "spans/writer.jsonl",
        "spans/writer.jsonl.1",
        "broker/data/kahadb/db-1.log",
        "broker/data/kahadb/db.data",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 1000)

    found = by_name(on_disk(tmp_path, tmp_path))

    assert found["logs and spans: spans of writer"] == 0.002
    assert found["files: logs and spans"] == 2
    assert (found["files: broker's journals"], found["broker's store: all but journals"]) == (1, 0.001)
    assert found["files: all else in the mesh's folder"] == 2


HEAP, LOG = Row("broker", "heap", "MB", 2.0), Row("disk", "log", "MB", 0.001, Rule.KEPT)


def samples():
    return [Sample(n / 10, 10 * n, {HEAP: 20.0 + n, LOG: 0.05 * n**2}) for n in range(20)]


def test_a_fault_names_the_row_and_both_figures():
    (heap, log) = faults(findings(samples()), [])
    assert heap == "broker: heap has grown from 21 to 38 MB, above 1.2 times"
    assert log.startswith("disk: log has grown from 0.0")
    assert log.endswith("MB per collection, above 1.2 times")


def test_a_row_that_some_samples_lack_is_judged_by_the_others():
    late = Row("page", "/", "ms", 20)
    partly = [Sample(n, n, {HEAP: 1.0, **({late: 50.0} if n > 10 else {})}) for n in range(20)]
    assert [finding.row for finding in findings(partly)] == [HEAP, late]


def test_a_count_that_is_not_as_wanted_is_a_fault_be_it_more_or_less():
    counts = [Count("grids", 5, 5), Count("images", 240, 239), Count("dead letters", 2, 3)]
    assert faults(findings(samples()), counts)[2:] == ["images: 239, not 240", "dead letters: 3, not 2"]
    assert counted(counts).count("WRONG") == 2


def test_a_soak_that_measured_nothing_is_a_fault():
    (fault,) = faults(findings(samples()[:3]), [Count("grids", 5, 5)])
    assert "too few samples" in fault


def test_the_table_has_what_grew_in_bold_and_what_a_collection_adds_in_its_own_unit():
    table = rows(findings(samples()))
    assert "| broker: heap | 21 | 38 | 1.81 | +100 | MB | 2 | **GROWN** |" in table
    grown = judge(LOG, [Point(10 * n, 0.05 * n) for n in range(20)])
    assert "| disk: log (added per collection; halves) | 5 | 5 | 1 | +5 | kB | 1 | ok |" in rows([grown])


async def test_commits_are_those_of_beats_that_tell_of_enough_of_them():
    commits = Commits(bus=None)
    for beat in (
        {"service": "writer", "commits": 40, "commit_median_ms": 1.5, "commit_longest_ms": 9.0},
        {"service": "writer", "commits": 60, "commit_median_ms": 2.5, "commit_longest_ms": 9.0},
        {"service": "launcher", "commits": 2, "commit_median_ms": 30.0, "commit_longest_ms": 50.0},
        {"service": "aggregator", "commits": 0, "commit_median_ms": None, "commit_longest_ms": None},
        {"service": "ingester"},
    ):
        commits.note(beat)

    assert by_name(commits.times()) == {"COMMIT: writer, median": 2.0}
    assert commits.times() == {}
