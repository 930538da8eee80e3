"""Bad announcements: answered, visible, and nobody stops."""

import orjson
import pytest

from cli.announce import _announce
from cli.dlq import _all_letters, _take_letters
from tests.announcements import GRIDSCAN, announce

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]
BAD = {
    "not JSON": (b"start the grid, please", "not JSON"),
    "a field is missing": (orjson.dumps({k: v for k, v in GRIDSCAN.items() if k != "dcid"}), "dcid is missing"),
    "outside the data roots": (announce(GRIDSCAN, "/etc"), "outside the data roots"),
    "a negative number of images": (announce(GRIDSCAN, "/etc", number_of_images=-1), "greater than 0"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_announcement_is_answered_shown_and_kept(mesh, case):
    body, reason = BAD[case]
    answer = await _announce(body, mesh.running.broker, wait_s=10)
    assert reason in answer["reason"]
    assert answer["remedy"]
    await mesh.until(lambda: any(reason in r["reason"] for r in mesh.status()["rejections"]), "it on the page")
    letters = await _all_letters(mesh.home)
    assert body in [letter.body for letter in letters["DLQ.data-collection"]]

    def all_live():
        return {service["condition"] for service in mesh.status()["health"]["services"]} == {"alive"}

    await mesh.until(all_live, "a sign of life of every service")


async def test_a_repeated_announcement_is_rejected_once_the_first_is_accepted(mesh):
    body = announce({**GRIDSCAN, "exposure_s": 0.0001}, mesh.session.visit_directory, dcid=77)
    accepted = await _announce(body, mesh.running.broker, wait_s=10)
    repeated = await _announce(body, mesh.running.broker, wait_s=10)
    assert accepted["schema"] == "collection-accepted/1"
    assert "announced before" in repeated["reason"]


async def test_a_dead_letter_can_be_retried_and_dropped_and_leaves_the_page(mesh):
    body = announce(GRIDSCAN, "/etc", dcid=4242)
    await _announce(body, mesh.running.broker, wait_s=10)
    letters = (await _all_letters(mesh.home))["DLQ.data-collection"]
    (letter,) = [letter for letter in letters if letter.body == body]
    assert await _take_letters(mesh.home, "DLQ.data-collection", letter.message_id, "retried") == 1

    def came_back():
        return [d for d in mesh.status()["rejections"] if d["dcid"] == "4242"][1:]

    await mesh.until(came_back, "the second rejection")
    n_letters = len((await _all_letters(mesh.home))["DLQ.data-collection"])
    assert await _take_letters(mesh.home, "DLQ.data-collection", None, "dropped") == n_letters
    assert "DLQ.data-collection" not in await _all_letters(mesh.home)
    await mesh.until(lambda: {"retried", "dropped"} <= {d["fate"] for d in mesh.status()["dead_letters"]}, "their fate")
