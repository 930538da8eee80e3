"""What the ingester answers to announcements, good and bad."""

from pathlib import Path

import pytest

from services.ingester.gda import Announced
from services.ingester.handler import ingest
from services.ingester.memory import Memory
from services.ingester.settings import Settings
from shared.database import open_database
from shared.messages import (
    AnnouncementRejected,
    CollectionAccepted,
    CollectionEnded,
    FindSpots,
    Message,
    ProcessCollection,
)
from shared.service import RefusedError
from tests.announcements import GRIDSCAN, ROTATION, announce, end_of


class Ingester:
    """An ingester whose memory is a file, so that it can be restarted."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.folder = folder
        url = database_url or f"sqlite+aiosqlite:///{folder}/ingester.db"
        self.settings = Settings(data_roots=(folder,), database_url=url)
        self._count = 0

    async def hear(self, body: bytes, message_id: str | None = None, reply_to: str | None = None) -> list[Message]:
        self._count += 1
        announced = Announced(body, message_id or f"m{self._count}", reply_to, None)
        async with open_database(self.settings.database_url) as engine:  # opened anew: each call is a restart
            memory = Memory(engine)
            await memory.prepare()
            return [reply async for reply in ingest(announced, memory=memory, settings=self.settings)]

    async def refusal(self, body: bytes) -> AnnouncementRejected:
        with pytest.raises(RefusedError) as refused:
            await self.hear(body)
        (rejection,) = refused.value.replies
        assert isinstance(rejection, AnnouncementRejected)
        return rejection


@pytest.fixture
def ingester(tmp_path):
    return Ingester(tmp_path)


@pytest.fixture
def ingester_anywhere(tmp_path, database_url):
    return Ingester(tmp_path, database_url)


def kinds(messages: list[Message]) -> list[str]:
    return sorted({type(message).__name__ for message in messages})


async def test_a_grid_scan_becomes_blocks_that_hold_every_image_once(ingester, tmp_path):
    replies = await ingester.hear(announce(GRIDSCAN, tmp_path))
    blocks = [reply for reply in replies if isinstance(reply, FindSpots)]
    images = [i for block in blocks for i in range(block.first_image, block.first_image + block.n_images)]
    assert images == list(range(1189))
    assert isinstance(replies[0], CollectionAccepted)
    assert {block.master_file for block in blocks} == {f"{tmp_path}/lysozyme/grid/xtal1_1_master.h5"}


async def test_a_template_of_image_files_reaches_the_spot_finder_as_it_was_announced(ingester, tmp_path):
    replies = await ingester.hear(announce(GRIDSCAN, tmp_path, master_file="xtal1_1_####.cbf.gz"))
    blocks = [FindSpots.model_validate_json(r.model_dump_json()) for r in replies if isinstance(r, FindSpots)]
    assert {block.master_file for block in blocks} == {f"{tmp_path}/lysozyme/grid/xtal1_1_####.cbf.gz"}


async def test_a_rotation_becomes_blocks_too_marked_as_such(ingester, tmp_path):
    blocks = [m for m in await ingester.hear(announce(ROTATION, tmp_path)) if isinstance(m, FindSpots)]
    images = [i for block in blocks for i in range(block.first_image, block.first_image + block.n_images)]
    assert images == list(range(40))
    assert {block.experiment for block in blocks} == {"rotation"}


async def test_the_spots_of_rotations_are_not_sought_where_the_operator_says_so(ingester, tmp_path):
    ingester.settings = ingester.settings.model_copy(update={"rotation_spots": False})
    assert kinds(await ingester.hear(announce(ROTATION, tmp_path))) == ["CollectionAccepted"]


async def test_a_rotation_is_processed_when_it_ends(ingester_anywhere, tmp_path):
    assert kinds(await ingester_anywhere.hear(announce(ROTATION, tmp_path))) == ["CollectionAccepted", "FindSpots"]
    assert kinds(await ingester_anywhere.hear(end_of(ROTATION))) == ["CollectionEnded", "ProcessCollection"]


async def test_an_end_that_comes_before_its_start_is_remembered(ingester_anywhere, tmp_path):
    assert kinds(await ingester_anywhere.hear(end_of(ROTATION))) == ["CollectionEnded"]
    begun = kinds(await ingester_anywhere.hear(announce(ROTATION, tmp_path)))
    assert begun == ["CollectionAccepted", "FindSpots", "ProcessCollection"]


async def test_an_aborted_rotation_is_not_processed(ingester, tmp_path):
    await ingester.hear(announce(ROTATION, tmp_path))
    (ended,) = await ingester.hear(end_of(ROTATION, "abort"))
    assert isinstance(ended, CollectionEnded)
    assert ended.outcome == "aborted"


async def test_a_repeated_announcement_is_rejected_and_starts_nothing(ingester_anywhere, tmp_path):
    await ingester_anywhere.hear(announce(GRIDSCAN, tmp_path), "first")
    (answer,) = await ingester_anywhere.hear(announce(GRIDSCAN, tmp_path), "second")
    assert isinstance(answer, AnnouncementRejected)
    assert "was announced before" in answer.reason
    assert "message_index" in answer.remedy


async def test_a_redelivered_announcement_is_answered_again_in_full(ingester_anywhere, tmp_path):
    """The ingester was killed after it remembered and before its answer was committed: nothing may be lost."""
    first = await ingester_anywhere.hear(announce(GRIDSCAN, tmp_path), "same")
    again = await ingester_anywhere.hear(announce(GRIDSCAN, tmp_path), "same")
    assert [type(m) for m in again] == [type(m) for m in first]


async def test_a_deliberate_repeat_with_its_own_message_index_is_accepted(ingester, tmp_path):
    await ingester.hear(announce(ROTATION, tmp_path))
    again = kinds(await ingester.hear(announce(ROTATION, tmp_path, message_index=1)))
    assert again == ["CollectionAccepted", "FindSpots"]


async def test_answers_carry_the_reply_to_of_the_announcement(ingester, tmp_path):
    accepted, *_ = await ingester.hear(announce(GRIDSCAN, tmp_path), reply_to="/queue/gda.answers")
    assert accepted.reply_to == "/queue/gda.answers"


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        ({"number_of_images": -3}, "number_of_images: Input should be greater than 0 (got -3)"),
        ({"number_of_images": 12}, "number_of_images is 12, but the grid has 41 x 29 = 1189 boxes"),
        ({"exposure_s": "soon"}, "exposure_s"),
        ({"beamline": "the beamline"}, "beamline"),
        ({"event": "finish"}, "event must be start, end or abort"),
        ({"grid": None}, "a grid scan needs its grid"),
        ({"visit_directory": "/etc"}, "outside the data roots"),
        ({"visit_directory": "visit"}, "not absolute"),
        ({"folder": "../other"}, "leaves the visit directory"),
        ({"master_file": "/etc/passwd"}, "leaves the visit directory"),
    ],
)
async def test_a_bad_announcement_is_rejected_with_reason_and_remedy(ingester, tmp_path, bend, reason):
    visit = tmp_path / "visit"
    visit.mkdir()
    rejection = await ingester.refusal(announce(GRIDSCAN, visit, **bend))
    assert reason in rejection.reason
    assert len(rejection.remedy) > 20
    assert rejection.dcid == "1001"


@pytest.mark.parametrize("field", ["dcid", "visit_directory", "number_of_images", "prefix", "exposure_s"])
async def test_a_missing_field_is_named(ingester, tmp_path, field):
    body = announce({k: v for k, v in GRIDSCAN.items() if k != field}, tmp_path)
    if field == "visit_directory":
        body = body.replace(b'"visit_directory"', b'"another"')
    assert f"field {field} is missing" in (await ingester.refusal(body)).reason


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"not json", b"[1, 2]", b"null", b'"start"', b"{"])
async def test_what_is_no_json_object_is_rejected(ingester, body):
    rejection = await ingester.refusal(body)
    assert "JSON" in rejection.reason
    assert "mxmesh announce" in rejection.remedy


async def test_a_link_that_leads_out_of_the_data_roots_is_rejected(ingester, tmp_path):
    (tmp_path / "visit").symlink_to("/etc")
    assert "outside the data roots" in (await ingester.refusal(announce(GRIDSCAN, tmp_path / "visit"))).reason


async def test_which_pipelines_a_rotation_needs_is_left_to_the_launcher(tmp_path):
    ingester = Ingester(tmp_path)
    await ingester.hear(announce(ROTATION, tmp_path))
    requests = [m for m in await ingester.hear(end_of(ROTATION)) if isinstance(m, ProcessCollection)]
    assert [request.pipeline for request in requests] == [""]
