"""The page and its JSON, asked for over HTTP."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import httpx
import pytest

from services.aggregator.broker.watching import OldestFile, Unread
from services.aggregator.web.app import make_app
from services.aggregator.web.formats import local
from shared.messages import Alternative, Reduction, RunRef, RunState
from tests.aggregator.brokers import health, report
from tests.aggregator.builders import (
    LATE,
    ROTATION,
    T0,
    TRACE,
    accepted,
    beat,
    beats,
    centred,
    changed,
    dead_letter,
    found,
    heard,
    recorded,
    rejected,
    s,
    shell,
)
from tests.aggregator.night import page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"
GRID_NIGHT = [
    *beats(),
    heard(accepted(at=s(-60))),
    heard(found({0: 3, 1: 80, 2: 7}, s(-58), failed=(3,))),
    heard(centred(at=s(-50))),
]
RUN_NIGHT = [*beats(), heard(accepted(None, s(-60))), heard(changed(RunState.SUCCEEDED, 9)), heard(recorded())]


async def get(path, events, clock=T0, broker=None, **pulse):
    transport = httpx.ASGITransport(make_app(page(events, clock, broker, **pulse)))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        return await client.get(path)


class Tags(HTMLParser):
    """Collects what a browser would make of the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


async def test_the_page_of_an_idle_beamline_says_all_right_and_what_to_try():
    answer = await get("/", beats())

    assert answer.status_code == 200
    assert "i03: data analysis is all right" in answer.text
    assert "5 of 5 services live, the broker is connected" in answer.text
    assert "mxmesh simulate" in answer.text


async def test_a_page_that_has_just_begun_to_listen_does_not_call_services_live_unheard():
    assert "0 of 5 services live" in (await get("/", [], started_at=s(-1))).text


async def test_the_page_says_how_the_broker_is():
    at_work = heard(beat("writer", commits=412, commit_median_ms=1.42, commit_longest_ms=37))
    text = (await get("/", [*beats(but="writer"), at_work], broker=health())).text

    for words in (
        "ActiveMQ 5.17.2",
        "25\N{NO-BREAK SPACE}%",
        "90.0\N{NO-BREAK SPACE}MB of 358.0\N{NO-BREAK SPACE}MB; with garbage 210.0\N{NO-BREAK SPACE}MB",
        "105.0\N{NO-BREAK SPACE}MB of 4.3\N{NO-BREAK SPACE}GB in 3 files",
        "<dd>1 h 30 min old</dd>",
        "3 queues, 14 topics",
        "14 messages wait",
        "the last 5\N{NO-BREAK SPACE}min",
        "1.4\N{NO-BREAK SPACE}ms",
    ):
        assert words in text
    assert "data analysis is all right" in text


async def test_a_broker_in_trouble_is_a_reason_to_look():
    old = OldestFile(7, 9.5 * 86400, at_least=True)
    unread = (Unread("find-spots", 3, 61),)
    text = (await get("/", beats(), broker=health(oldest_file=old, unread=unread))).text

    assert "works, but look here" in text
    assert "at least 9 d 12 h old" in text
    assert "Queues that nobody reads" in text


async def test_what_is_not_known_of_the_broker_is_said():
    nobody = (await get("/", beats())).text
    assert "names no Jolokia" in nobody
    assert "not watched" in nobody
    silent = (
        await get("/", beats(), broker=health(report=None, fault="no answer from http://mq:8161/ within 5 s"))
    ).text
    assert "does not tell" in silent
    assert "are not known: no answer from http://mq:8161/ within 5 s." in silent
    partly = (await get("/", beats(), broker=health(report=report(heap=None, untold=("No heap: forbidden.",))))).text
    assert "No heap: forbidden." in partly
    assert "with garbage" not in partly


async def test_the_status_tells_programs_how_the_broker_is():
    told = (await get("/api/status", beats(), broker=health())).json()["broker"]
    assert (told["condition"], told["version"], told["n_queues"]) == ("all right", "5.17.2", 3)
    assert (told["heap_after_collection_bytes"], told["store_bytes"], told["n_files"]) == (90_000_000, 105_000_000, 3)
    assert (await get("/api/status", beats(), broker_connected=lambda: False)).json()["broker"]["condition"] == "away"


async def test_the_page_of_a_grid_shows_map_crystal_latencies_and_trace():
    text = (await get("/", GRID_NIGHT)).text

    assert "1.50, 1.00" in text  # boxes
    assert "30.0, 10.0" in text  # micrometres: boxes of 20 x 10
    assert "boxes of 20 \N{MULTIPLICATION SIGN} 10\N{NO-BREAK SPACE}µm" in text
    assert "<dt>first image result</dt><dd>2.0 s" in text
    assert "<dt>centre</dt><dd>8.0 s" in text
    assert TRACE in text
    assert "not written within 25 s after it was due" in text
    assert "1 failed" in text


async def test_a_grid_whose_images_are_no_longer_kept_says_so_instead_of_looking_unfinished():
    """It is shown again, say because somebody amends or processes it, long after its images left the history."""
    night = [*beats(), heard(accepted()), heard(centred(at=s(2)))]
    text = (await get("/collections/i03/42", night)).text
    assert '12, <span class="small">results of single images are no longer kept' in text
    assert "centred" in text
    assert "1.50, 1.00" in text
    assert "0 of 12" not in text
    assert "data-map" not in text
    answer = (await get("/api/collections/i03/42", night)).json()
    assert (answer["collection"]["images_gone"], answer["heat_map"]) == (True, None)


async def test_the_page_of_a_run_shows_steps_statistics_cell_and_files():
    text = (await get("/", RUN_NIGHT)).text

    for words in (
        "P 41 21 2",
        "57.92, 57.92, 150.13 Å; 90.00, 90.00, 90.00°",
        "dials.find_spots",
        "overall",
        "inner",
        "outer",
        "54.10 \N{EN DASH} 1.62",
        "99.7\N{NO-BREAK SPACE}%",
        "123\N{NARROW NO-BREAK SPACE}456",
        "scaled.mtz",
        "&#39;/dls/i03/my data/thau_1_master.h5&#39;",
    ):
        assert words in text
    assert "anomalous multiplicity" not in text  # no shell has it


async def test_runs_of_one_collection_stand_side_by_side_with_what_was_asked_for():
    first = recorded()
    again = RunRef(
        run_id="i03-43-dials-77777777-1",
        collection=ROTATION,
        pipeline="dials",
        parameters={"d_min": 1.8},
        images=(1, 450),
        others=(44,),
    )
    second = first.result.model_copy(update={"run": again})
    night = [heard(first), heard(first.model_copy(update={"result": second}))]

    text = (await get(f"/collections/{ROTATION}", night)).text

    assert "asked for: d_min=1.8, images 1-450, with 44" in text
    assert text.count("asked for:") == 1
    assert text.count("<h3>dials of") == 2


async def test_a_second_result_of_a_run_is_shown_beside_the_first():
    first = recorded()
    found = first.result.reduction.model_copy(update={"n_indexed_by_lattice": (40000, 6007)})
    anisotropic = Reduction(space_group="P 43 21 2", shells=(shell("overall", 54.1, 1.41, 1.0),))
    second = Alternative(name="STARANISO", reduction=anisotropic)
    result = first.result.model_copy(update={"reduction": found, "alternatives": (second,)})
    night = [heard(first.model_copy(update={"result": result}))]

    text = (await get("/", night)).text

    for words in ("STARANISO", "P 43 21 2", "54.10 \N{EN DASH} 1.41", "P 41 21 2", "of 2 crystals"):
        assert words in text


async def test_the_page_of_a_rotation_shows_the_spots_of_its_images():
    counts = {0: 310, 1: 295, 3: 12}
    rotation = [heard(accepted(None, s(-60))), heard(found(counts, s(-9), failed=(2,), ref=ROTATION))]

    text = (await get("/collections/i03/43", rotation)).text
    front = (await get("/", rotation)).text

    assert 'points="0,310 1,295 3,12 "' in text
    assert "Spots of each image, at most 310" in text
    assert LATE in text
    assert "3 of 900" in text
    assert "3 of 900" in front
    assert "No grid scan has been announced yet" in front


async def test_the_page_of_a_rotation_whose_spots_are_not_sought_says_nothing_of_them():
    text = (await get("/collections/i03/43", RUN_NIGHT)).text

    assert "<h2>Spots</h2>" not in text
    assert "0 of 900" not in text


async def test_a_working_run_shows_its_progress():
    text = (await get("/", [heard(accepted(None)), heard(changed(RunState.RUNNING, 3))])).text

    assert '<progress max="9" value="3"' in text
    assert "3 of 9 steps" in text


async def test_trouble_is_shown_with_reason_remedy_and_command():
    text = (await get("/", [*beats(but="launcher"), heard(rejected()), heard(dead_letter())])).text

    assert "data analysis is broken" in text
    for words in ("The launcher has not been heard", "number_of_images is -5", "Announce the number of images"):
        assert words in text
    for command in ("show", "retry", "drop"):
        assert f"mxmesh dlq {command} DLQ.find-spots" in text


async def test_hostile_text_stays_text():
    events = [
        *GRID_NIGHT,
        heard(accepted(None, prefix=HOSTILE.replace("/", ""), visit_directory=HOSTILE)),
        heard(rejected(body=HOSTILE, reason=HOSTILE, remedy=HOSTILE, beamline=HOSTILE, dcid=HOSTILE)),
        heard(dead_letter(reason=HOSTILE, queue=HOSTILE, dead_letter_queue=HOSTILE, message_id=HOSTILE)),
        heard(recorded(RunState.FAILED, reason=HOSTILE)),
        heard(found({}, failed=(5,), reason=HOSTILE)),
    ]
    for path in ("/", "/collections/i03/42", "/collections/i03/43"):
        text = (await get(path, events)).text
        parsed = Tags(text)
        assert parsed.tags.count("script") == 2
        assert "img" not in parsed.tags
        assert not [name for name in parsed.attributes if name.startswith("on")]
        assert "{{7*7}}" in text
        assert "onerror=alert" in text


async def test_only_own_files_may_run_on_the_page():
    answer = await get("/", GRID_NIGHT)

    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)
    assert 'style="' not in answer.text


async def test_the_status_as_json_says_what_the_page_says():
    status = (await get("/api/status", [*GRID_NIGHT, heard(dead_letter()), heard(rejected())])).json()

    (collection,) = status["collections"]
    assert status["health"]["verdict"] == "look here"
    assert {one["condition"] for one in status["health"]["services"]} == {"alive"}
    assert (collection["phase"], collection["n_found"], collection["n_failed"]) == ("centred", 3, 1)
    assert collection["crystals"][0]["centre_um"] == [30.0, 10.0]
    assert collection["centring_latency_s"] == 8.0
    assert collection["trace_id"] == TRACE
    assert status["dead_letters"][0]["retry"] == "mxmesh dlq retry DLQ.find-spots"
    assert status["rejections"][0]["remedy"].startswith("Announce the number")


async def test_one_collection_as_json_has_its_heat_map():
    answer = (await get("/api/collections/i03/42", GRID_NIGHT)).json()

    assert answer["heat_map"]["counts"] == [3, 80, 7, None] + 8 * [None]
    assert answer["heat_map"]["failed"] == [3]
    assert answer["collection"]["details"]["prefix"] == "thau"
    assert (await get("/api/collections", GRID_NIGHT)).json() == [answer["collection"]]


async def test_a_processed_collection_as_json_has_its_statistics():
    collection = (await get("/api/collections/i03/43", RUN_NIGHT)).json()["collection"]

    (run,) = collection["runs"]
    assert (collection["phase"], run["state"], run["n_done"]) == ("processed", "succeeded", 9)
    assert run["result"]["reduction"]["shells"][2]["cc_half"] == 0.998


async def test_the_page_of_one_collection_has_all_times():
    text = (await get("/collections/i03/42", GRID_NIGHT)).text

    assert "464.092\N{NO-BREAK SPACE}mm" in text
    for title in ("announced", "accepted", "first image result", "last image result", "centred"):
        assert f"<dt>{title}</dt><dd><time" in text


@pytest.mark.parametrize("path", ["/collections/i03/7", "/collections/x%22%3E%3Cscript%3E/7", "/nothing"])
async def test_what_is_unknown_is_not_found(path):
    answer = await get(path, [])

    assert answer.status_code == 404
    assert Tags(answer.text).tags.count("script") == 2


async def test_only_the_newest_collections_are_listed_unless_all_are_asked_for():
    events = [heard(accepted(at=s(n), dcid=100 + n)) for n in range(30)]

    assert (await get("/", events)).text.count('<td data-label="collection"><a') == 25
    assert (await get("/?collections=all", events)).text.count('<td data-label="collection"><a') == 30


async def test_the_broker_away_is_broken_and_not_ready():
    gone = {"broker_connected": lambda: False}

    assert (await get("/api/health", beats(), **gone)).json()["verdict"] == "broken"
    assert (await get("/readyz", beats(), **gone)).status_code == 503
    assert (await get("/livez", beats(), **gone)).status_code == 200


def test_old_moments_are_shown_with_their_date():
    assert re.fullmatch(r"\d\d \w{3} \d\d:\d\d:\d\d", local(T0 - timedelta(days=400)))
