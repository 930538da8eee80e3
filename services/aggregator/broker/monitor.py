"""Asks the broker's Jolokia how it is, now and then, beside the messages."""

import ssl
import time
from collections.abc import Callable, Sequence

import anyio
import httpx

from services.aggregator.broker.answers import AnswerError, BrokerReport, Store, questions, understand
from services.aggregator.broker.watching import BrokerHealth, Watch
from services.aggregator.settings import MonitorSettings
from shared.messages import now
from shared.settings import BrokerSettings

MAX_ANSWER_BYTES = 16_000_000  # twenty thousand destinations and more
REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


async def watch(
    settings: MonitorSettings,
    broker: BrokerSettings,
    is_inbox: Callable[[str], bool],
    tell: Callable[[BrokerHealth], None],
) -> None:
    """Look at the broker for ever, where it is known whom to ask."""
    if settings.url is None:
        return
    seen = Watch(is_inbox)
    async with _client(settings, broker) as http:
        while True:
            tell(await look(http, settings.url.split(","), settings.timeout_s, seen))
            await anyio.sleep(settings.interval_s)


async def look(http: httpx.AsyncClient, urls: Sequence[str], timeout_s: float, seen: Watch) -> BrokerHealth:
    """One look, at the first address where a broker works; whatever comes of it is told."""
    faults = []
    for url in urls:
        try:
            report = await _ask(http, f"{url.rstrip('/')}/", timeout_s)
        except AnswerError as fault:
            faults.append(str(fault))
        else:
            return seen.told(report, now(), time.monotonic(), await _written_ago_s(report.store))
    return seen.silent("; ".join(faults), now(), time.monotonic())


def _client(settings: MonitorSettings, broker: BrokerSettings) -> httpx.AsyncClient:
    """Who asks, with its login; without one of its own, with that of the services."""
    user, password = (settings.user, settings.password) if settings.user else (broker.user, broker.password)
    auth = (user, password.get_secret_value() if password else "") if user else None
    return httpx.AsyncClient(auth=auth, verify=ssl.create_default_context(), trust_env=False)


async def _ask(http: httpx.AsyncClient, url: str, timeout_s: float) -> BrokerReport:
    origin = {"origin": "/".join(url.split("/", 3)[:3])}  # ActiveMQ's own access file asks for one
    try:
        with anyio.fail_after(timeout_s):
            async with http.stream("POST", url, json=questions(), headers=origin, timeout=timeout_s) as answer:
                return understand(await _body(answer))
    except (TimeoutError, httpx.TimeoutException):
        raise AnswerError(f"no answer from {url} within {timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as fault:
        raise AnswerError(f"no answer from {url}: {str(fault) or type(fault).__name__}") from fault


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code in REFUSED:
        raise AnswerError(f"{answer.url} refuses user and password ({answer.status_code})")
    if answer.status_code != httpx.codes.OK:
        raise AnswerError(f"{answer.url} answers {answer.status_code} {answer.reason_phrase}")
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise AnswerError(f"{answer.url} answers more than {MAX_ANSWER_BYTES / 1e6:g} MB")
    return bytes(body)


async def _written_ago_s(store: Store | None) -> float | None:
    """Age of the oldest journal file, where the broker's folder can be looked at; Jolokia does not tell it."""
    if store is None or not store.folder or not store.files:
        return None
    try:
        found = await anyio.Path(store.folder, f"db-{store.files[0]}.log").stat()
    except (OSError, ValueError):
        return None
    return time.time() - found.st_mtime
