"""The page as Chromium shows it. ``MXMESH_SCREENSHOTS`` names a folder that keeps the pictures."""

import os
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from playwright.async_api import async_playwright

from services.aggregator.broker.answers import Heap
from services.aggregator.broker.watching import OldestFile, Unread
from shared.messages import RunState, now
from tests.aggregator.brokers import STORE, health, report
from tests.aggregator.builders import accepted, beat, beats, changed, dead_letter, heard, recorded, rejected
from tests.aggregator.night import big_grid, big_result, block, page

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
COLOUR_OF_BOX = """([x, y]) => {
    const canvas = document.getElementById("heatmap"), map = heatMap, ratio = window.devicePixelRatio;
    const at = [map.left + (x + 0.5) * map.w, map.top + (y + 0.2) * map.h].map((v) => Math.floor(v * ratio));
    return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3);
}"""
PENDING, FAILED, DARKEST = [211, 215, 220], [192, 27, 38], [43, 24, 78]


@pytest.fixture
def pictures(tmp_path):
    folder = Path(os.environ.get("MXMESH_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@asynccontextmanager
async def browse(url, width=1280, height=900, scheme="light"):
    """A tab on ``url``; any error on its console fails the test."""
    faults = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        tab.set_default_timeout(15_000)
        tab.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda fault: faults.append(str(fault)))
        await tab.goto(url)
        await tab.get_by_text("● live").wait_for()
        yield tab
        await browser.close()
    assert faults == []


async def test_a_running_grid_fills_before_the_eyes(serve, pictures):
    start = now() - timedelta(seconds=15)
    view = page([*beats(now()), *big_grid(640, start, failed=(300, 301))], now())
    async with serve(view) as url, browse(url) as tab:
        assert await tab.evaluate(COLOUR_OF_BOX, [0, 28]) == PENDING
        assert await tab.evaluate(COLOUR_OF_BOX, [27, 7]) == FAILED  # image 300: the 13th of a backward row
        assert sum(await tab.evaluate(COLOUR_OF_BOX, [12, 10])) > sum(DARKEST) + 300
        await tab.screenshot(path=pictures / "grid-running.png", full_page=True)

        for first in range(640, 1189, 61):
            view.board.fold(heard(block(first, min(61, 1189 - first), now())))
        await tab.get_by_text("1\N{NARROW NO-BREAK SPACE}187 of 1\N{NARROW NO-BREAK SPACE}189").first.wait_for()

        assert await tab.evaluate(COLOUR_OF_BOX, [0, 28]) != PENDING


async def test_a_finished_grid_shows_its_crystals_and_tells_about_a_box(serve, pictures):
    start = now() - timedelta(seconds=40)
    view = page([*beats(now()), *big_grid(1189, start), heard(big_result(start + timedelta(seconds=25.4)))], now())
    async with serve(view) as url, browse(url) as tab:
        row = await tab.inner_text("#crystals tbody tr:first-child")
        assert "12.97, 11.03" in row
        assert "129.7, 110.3" in row
        await tab.locator("#heatmap").focus()
        for _ in range(3):
            await tab.keyboard.press("ArrowRight")
        await tab.keyboard.press("ArrowDown")
        assert "box 3, 1 · image 79" in await tab.inner_text("#tip")
        x, y = await tab.evaluate("[heatMap.left + 12.5 * heatMap.w, heatMap.top + 10.5 * heatMap.h]")
        await tab.locator("#heatmap").hover(position={"x": x, "y": y})
        assert "box 12, 10 · image 423" in await tab.inner_text("#tip")
        assert "spots" in await tab.inner_text("#tip")
        await tab.screenshot(path=pictures / "grid-finished.png", full_page=True)
        assert "2 crystals" in await tab.inner_text("#collections")


async def test_processing_is_seen_step_by_step_and_then_its_statistics(serve, pictures):
    start = now() - timedelta(seconds=200)
    events = [*beats(now()), *big_grid(1189, start), heard(big_result(start + timedelta(seconds=25.4)))]
    view = page([*events, heard(accepted(None, start)), heard(changed(n_done=4, at=now()))], now())
    async with serve(view) as url, browse(url) as tab:
        assert await tab.locator(".steps li.running").inner_text() == "◔ dials.integrate running"
        await tab.screenshot(path=pictures / "processing-running.png", full_page=True)

        view.board.fold(heard(changed(RunState.SUCCEEDED, 9, now())))
        view.board.fold(heard(recorded(at=now())))
        await tab.get_by_text("P 41 21 2").first.wait_for()

        assert await tab.locator(".steps li.done").count() == 9
        await tab.locator("#processing details summary").click()
        await tab.screenshot(path=pictures / "processing-done.png", full_page=True)
        view.board.fold(heard(beat("launcher", now()), at=now()))
        await anyio.sleep(0.6)
        assert await tab.get_by_text("scaled.mtz").is_visible()  # what was unfolded stays so
        await tab.goto(f"{url}/collections/i03/43")
        await tab.screenshot(path=pictures / "collection-rotation.png", full_page=True)
        await tab.goto(f"{url}/collections/i03/42")
        await tab.screenshot(path=pictures / "collection-grid.png", full_page=True)


def troubled_page():
    at = now()
    start = at - timedelta(seconds=50)
    events = [
        *beats(at, but="spotfinder"),
        heard(beat("spotfinder", at - timedelta(seconds=132)), at=at - timedelta(seconds=132)),
        *big_grid(700, start, failed=tuple(range(560, 640))),
        heard(dead_letter(at - timedelta(seconds=140))),
        heard(rejected(at - timedelta(seconds=300))),
        heard(accepted(None, start)),
        heard(recorded(RunState.FAILED, at, "dials.index: no lattice found with 48 spots")),
    ]
    return page(events, at)


async def test_trouble_is_told_first_with_what_to_do(serve, pictures):
    async with serve(troubled_page()) as url, browse(url) as tab:
        verdict = await tab.inner_text("#verdict")
        assert "data analysis is broken" in verdict
        assert "The spotfinder has been silent for 2 min 12 s" in verdict
        assert "mxmesh dlq show DLQ.find-spots" in verdict
        await tab.screenshot(path=pictures / "trouble.png", full_page=True)
        await tab.emulate_media(color_scheme="dark")
        await tab.screenshot(path=pictures / "trouble-dark.png", full_page=True)


def page_of_a_sick_broker(at):
    """Everything that can be wrong with a broker, while all services work."""
    slow = {"ingester": 24.1, "spotfinder": 31.4, "writer": 26.0, "aggregator": 22.5}
    events = [
        heard(beat(name, at, commits=412, commit_median_ms=ms, commit_longest_ms=9 * ms), at=at)
        for name, ms in slow.items()
    ]
    broker = health(
        at=at - timedelta(seconds=12),
        report=report(heap=Heap(290_000_000, 330_000_000, 358_000_000), store=replace(STORE, percent=83)),
        oldest_file=OldestFile(7, 9.3 * 86400, at_least=False),
        unread=(Unread("Consumer.archive.VirtualTopic.i03.SpotsFound", 48_211, 340_000),),
    )
    return page([*events, heard(beat("launcher", at), at=at)], at, broker)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_sick_broker_is_told_before_anybody_feels_it(serve, pictures, width, scheme):
    async with serve(page_of_a_sick_broker(now())) as url, browse(url, width, scheme=scheme) as tab:
        verdict = await tab.inner_text("#verdict")
        assert "works, but look here" in verdict
        assert await tab.locator("#verdict .reasons > li").count() == 5
        assert "look here" in await tab.inner_text("#broker h2")
        await tab.screenshot(path=pictures / f"broker-{width}-{scheme}.png", full_page=True)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_sound_broker_and_one_that_nobody_asks_fit_a_narrow_screen(serve, pictures):
    for name, broker in (("sound", health(at=now())), ("unwatched", None)):
        view = page(beats(now()), now(), broker)
        async with serve(view) as url, browse(url, width=390, height=844) as tab:
            assert "is all right" in await tab.inner_text("#verdict")
            await tab.screenshot(path=pictures / f"broker-{name}.png", full_page=True)
            assert await tab.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_narrow_screen_needs_no_sideways_scrolling(serve, pictures):
    async with serve(troubled_page()) as url, browse(url, width=390, height=844) as tab:
        await tab.screenshot(path=pictures / "trouble-narrow.png", full_page=True)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_page_without_its_server_says_that_it_is_not_live(serve):
    view = page(beats(now()), now())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page()
        async with serve(view) as url:
            await tab.goto(url)
            await tab.get_by_text("● live").wait_for()
        await tab.get_by_text("not live: the aggregator does not answer").wait_for(timeout=15_000)
        await browser.close()
