"""The aggregator asks a broker how it is: a real one, and servers that answer as facilities' do on a bad day."""

import base64
import os
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from cli.activemq import debian
from cli.broker import LocalBroker
from cli.broker_configuration import free_ports
from services.aggregator.broker.monitor import watch
from services.aggregator.settings import MonitorSettings
from shared.settings import BrokerSettings
from shared.stomp import connect
from shared.topology import Topology
from shared.web import serve_http
from tests.aggregator.test_broker_answers import body

BROKER = BrokerSettings(user="mesh", password="secret")
IS_INBOX = Topology().is_inbox


class Facility:
    """Jolokia as ActiveMQ's distribution serves it: with a login, and for whoever says where he comes from."""

    def __init__(self):
        self.answers = self.sound
        self.seen = []

    async def serve(self, request: Request) -> Response:
        self.seen.append(request.headers)
        login = base64.b64encode(b"mesh:secret").decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return PlainTextResponse("who are you?", 401)
        if "origin" not in request.headers:
            return PlainTextResponse("where do you come from?", 403)
        return await self.answers(request)

    async def sound(self, request):
        assert len(await request.json()) == 5
        return Response(body(), media_type="application/json")

    async def slow(self, request):
        await anyio.sleep(60)

    async def garbage(self, request):
        return Response(os.urandom(1000))

    async def endless(self, request):
        async def stream():
            while True:
                yield b"[" * 1_000_000
                await anyio.lowlevel.checkpoint()

        return StreamingResponse(stream())

    async def trickle(self, request):
        async def stream():
            while True:
                yield b" "
                await anyio.sleep(0.05)

        return StreamingResponse(stream())

    async def broken(self, request):
        return PlainTextResponse("sorry", 503)

    async def elsewhere(self, request):
        return RedirectResponse("https://login.example.org/")


@pytest.fixture
def facility():
    return Facility()


@asynccontextmanager
async def serving(facility):
    """Its address."""
    (port,) = free_ports(1)
    app = Starlette(routes=[Route("/api/jolokia/", facility.serve, methods=["POST"])])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_http, app, "127.0.0.1", port)
        with anyio.fail_after(10):
            while True:
                try:
                    await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    await anyio.sleep(0.02)
        yield f"http://127.0.0.1:{port}/api/jolokia"
        tasks.cancel_scope.cancel()


async def watched(settings, until, broker=BROKER, is_inbox=IS_INBOX, within_s=30):
    """What the watch tells first that fulfils a condition."""
    told = []
    with anyio.move_on_after(within_s):
        async with anyio.create_task_group() as tasks:

            def tell(health):
                told.append(health)
                if until(health):
                    tasks.cancel_scope.cancel()

            tasks.start_soon(watch, settings, broker, is_inbox, tell)
    assert told, "nothing was told"
    assert until(told[-1]), told[-1]
    return told[-1]


first = partial(watched, until=lambda health: True)


async def test_a_broker_is_asked_with_the_login_of_the_services(facility):
    async with serving(facility) as url:
        health = await first(MonitorSettings(url=url))
    assert (health.fault, health.report.version) == (None, "5.17.2")
    assert facility.seen[0]["origin"] == url.removesuffix("/api/jolokia")


async def test_jolokia_may_have_a_login_of_its_own(facility):
    other = BrokerSettings(user="services", password="for STOMP")
    async with serving(facility) as url:
        assert (await first(MonitorSettings(url=f"{url}/", user="mesh", password="secret"), broker=other)).report


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ("slow", "within 0.4 s"),
        ("trickle", "within 0.4 s"),
        ("garbage", "what answers there is no Jolokia"),
        ("endless", "more than 16 MB"),
        ("broken", "503 Service Unavailable"),
        ("elsewhere", "307 Temporary Redirect"),
    ],
)
async def test_what_is_no_answer_is_told_in_words(facility, answers, words):
    facility.answers = getattr(facility, answers)
    limit_s = 0.4 if "0.4" in words else 20
    async with serving(facility) as url:
        health = await first(MonitorSettings(url=url, timeout_s=limit_s))
    assert words in health.fault
    assert health.report is None


async def test_of_a_pair_the_one_that_works_is_asked(facility):
    (port,) = free_ports(1)
    async with serving(facility) as url:
        assert (await first(MonitorSettings(url=f"http://127.0.0.1:{port},{url}"))).report
        facility.answers = facility.broken
        health = await first(MonitorSettings(url=f"http://127.0.0.1:{port},{url}"))
    assert f"127.0.0.1:{port}" in health.fault
    assert "503" in health.fault


async def test_a_wrong_password_is_told_but_not_what_it_was(facility):
    async with serving(facility) as url:
        health = await first(MonitorSettings(url=url, user="mesh", password="hunter2"))
    assert "refuses user and password (401)" in health.fault
    assert "hunter2" not in health.fault


async def test_nobody_there_is_told_with_the_address():
    (port,) = free_ports(1)
    health = await first(MonitorSettings(url=f"http://127.0.0.1:{port}"))
    assert f"no answer from http://127.0.0.1:{port}/" in health.fault


@pytest.mark.parametrize("host", ["mq..example", "mq" * 40, "mq:99999"])
async def test_an_address_that_is_none_is_told(host):
    health = await first(MonitorSettings(url=f"http://{host}/api/jolokia"))
    assert f"no answer from http://{host}/api/jolokia/: " in health.fault


async def test_a_broker_that_comes_back_is_told_of_at_the_next_look(facility):
    facility.answers = facility.broken
    looks = []

    def until(health):
        looks.append(health)
        facility.answers = facility.sound
        return health.report is not None

    async with serving(facility) as url:
        await watched(MonitorSettings(url=url, interval_s=0.05), until)
    assert [look.fault is None for look in looks[:2]] == [False, True]


async def test_without_an_address_nobody_is_asked():
    with anyio.fail_after(5):
        await watch(MonitorSettings(), BROKER, IS_INBOX, lambda health: pytest.fail("told something"))


@pytest.mark.broker
@pytest.mark.timeout(180)
async def test_a_real_broker_tells_of_a_forgotten_queue_and_of_a_message_that_holds_a_file(tmp_path):
    """One message stays in the first journal file while others fill the next: KahaDB has to keep it."""
    source = debian()
    if source is None or source.jolokia is None:
        pytest.skip("no ActiveMQ of Debian with its Jolokia")
    local = LocalBroker(tmp_path / "broker", monitored=True, source=source)
    await anyio.to_thread.run_sync(local.start)
    try:
        broker = BrokerSettings(url=local.url, user=local.user, password=local.password)
        topology = Topology(prefix="i03.")
        async with connect("ingester", broker, topology) as bus:
            await bus.send_raw("/queue/i03.of-an-earlier-version", b"forgotten")
            for _ in range(36):  # the journal's files have 32 MB
                await bus.send_raw("/queue/i03.find-spots", b"x" * 1_000_000)
            settings = MonitorSettings(url=local.monitor_url, interval_s=0.2, timeout_s=20)
            health = await watched(settings, lambda health: health.oldest_file is not None, broker, topology.is_inbox)
    finally:
        await anyio.to_thread.run_sync(local.stop)
    assert (health.oldest_file.number, health.oldest_file.at_least) == (1, False)
    assert 0 <= health.oldest_file.age_s < 60
    assert {queue.queue: queue.n_waiting for queue in health.unread} == {
        "i03.of-an-earlier-version": 1,
        "i03.find-spots": 36,
    }
    assert health.report.store.used_bytes > 36_000_000
    assert health.report.untold == ()
