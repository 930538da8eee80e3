"""`mxmesh status` says of the broker what the page says."""

import orjson
import pytest

from cli import console
from cli.status import show
from services.aggregator.broker.watching import OldestFile
from services.aggregator.health import Circumstances
from services.aggregator.web.view import status_of
from shared.topology import Topology
from tests.aggregator.brokers import commits, health
from tests.aggregator.builders import T0, beats, fold_all, s


def said(capsys, **circumstances):
    """What the terminal shows."""
    view = status_of(fold_all(beats()), Circumstances(T0, s(-3600), **circumstances), "i03", Topology())
    show(orjson.loads(orjson.dumps(view)), "http://127.0.0.1:8600")
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal that wraps nothing."""
    assert console.out
    monkeypatch.setenv("COLUMNS", "400")


def test_a_sound_broker_is_one_line(capsys):
    line = (
        "broker: all right, COMMIT writer 1.4 ms, heap 25 %, store 2 % in 3 files, oldest file 1.5 h, 3 queues, "
        "14 messages wait"
    )
    assert line in said(capsys, broker=health(), commits=(commits(),))


def test_a_broker_in_trouble_is_among_the_reasons(capsys):
    text = said(capsys, broker=health(oldest_file=OldestFile(7, 9 * 86400, at_least=False)))
    assert "i03: look here" in text
    assert "it has had to keep db-7.log for 9 d 0 h" in text
    assert "broker: look here" in text


def test_what_is_not_known_is_said(capsys):
    assert "broker: not watched Its heap, store and destinations are not watched" in said(capsys)
    assert "broker: does not tell Its heap" in said(capsys, broker=health(report=None, oldest_file=None, fault="no"))
