"""Processing requests as Zocalo's clients send them."""

import pytest
from pydantic import ValidationError

from services.ingester.gda import Announced
from services.ingester.handler import ingest, reprocess
from services.ingester.ispyb import Ispyb
from services.ingester.memory import Memory
from services.ingester.settings import Settings, ZocaloSettings
from services.ingester.zocalo import ProcessingJob, Sweep, UnusableRequestError, request_of
from services.launcher.pipelines import TABLE
from shared.database import open_database
from shared.messages import Collection, ProcessCollection, RunRecipes
from shared.service import RefusedError
from shared.transactions import Transactions
from tests.announcements import GRIDSCAN, ROTATION, announce
from tests.ingester.ispyb_database import add_job

RECIPES = ZocaloSettings().recipes
ROTATIONS = {
    dcid: Collection.model_validate({**ROTATION, "dcid": dcid, "visit_directory": "/dls/i03/cm12345-1"})
    for dcid in (2001, 2002)
}


def job(recipe="autoprocessing-xia2-dials-eiger", parameters=(), sweeps=()):
    return ProcessingJob(6406100, 2001, recipe, tuple(parameters), tuple(sweeps))


@pytest.mark.parametrize(
    ("recipe", "pipeline"),
    [
        ("autoprocessing-fast-dp", "fast_dp"),
        ("autoprocessing-fast-dp-eiger", "fast_dp"),
        ("autoprocessing-xia2-dials-eiger-cluster", "xia2-dials"),
        ("autoprocessing-multi-xia2-3dii", "xia2-3dii"),
        ("autoprocessing-autoPROC-eiger", "autoPROC"),
    ],
)
def test_a_recipe_stands_for_a_pipeline(recipe, pipeline):
    assert request_of(job(recipe), RECIPES, ROTATIONS).pipeline == pipeline


def test_the_pipelines_of_recipes_are_there():
    assert set(RECIPES.values()) <= set(TABLE)


def test_parameters_keep_their_values_and_get_the_names_of_our_pipelines():
    asked = [("spacegroup", "P43212"), ("unit_cell", "79,79,37,90,90,90"), ("resolution.d_min", "1.8"), ("atom", "Se")]
    assert request_of(job(parameters=asked), RECIPES, ROTATIONS).parameters == {
        "space_group": "P43212",
        "unit_cell": "79,79,37,90,90,90",
        "d_min": "1.8",
        "atom": "Se",
    }


@pytest.mark.parametrize(
    ("sweeps", "images", "others"),
    [
        ([], None, []),
        ([Sweep(2001, 1, 40)], None, []),
        ([Sweep(2001, 1, 20)], (1, 20), []),
        ([Sweep(2001, 1, 40), Sweep(2002, 1, 40)], None, [2002]),
        ([Sweep(2002, 1, 40), Sweep(2001, 1, 40)], None, [2002]),
    ],
    ids=str,
)
def test_image_sweeps_become_a_range_and_further_collections(sweeps, images, others):
    request = request_of(job(sweeps=sweeps), RECIPES, ROTATIONS)
    assert (request.collection.dcid, request.images) == (2001, images)
    assert [other.dcid for other in request.others] == others


@pytest.mark.parametrize(
    ("bad", "advice"),
    [
        (job("mimas"), "recipe 'mimas' stands for no pipeline: none of fast-dp, xia2-dials"),
        (job("processing-rlv-eiger"), "add it to zocalo.recipes"),
        (job(sweeps=[Sweep(2001, 1, 10), Sweep(2001, 20, 30)]), "ask for one range"),
        (job(sweeps=[Sweep(2002, 1, 40)]), "no images of its own collection 2001"),
        (job(sweeps=[Sweep(2001, 1, 40), Sweep(2002, 5, 40)]), "only whole sweeps"),
        (job(parameters=[("d_min", "2"), ("resolution.d_min", "3")]), "sets d_min more than once"),
    ],
    ids=lambda value: value if isinstance(value, str) else "job",
)
def test_a_job_that_we_cannot_do_is_refused_with_what_to_do(bad, advice):
    with pytest.raises(UnusableRequestError, match=advice):
        request_of(bad, RECIPES, ROTATIONS)


def test_only_rotations_are_processed():
    grid = Collection.model_validate({**GRIDSCAN, "visit_directory": "/dls/i03/cm12345-1"})
    with pytest.raises(UnusableRequestError, match="1001 is a gridscan"):
        request_of(job(), RECIPES, {2001: grid})


def test_every_job_has_a_run_of_its_own():
    first = request_of(job(), RECIPES, ROTATIONS)
    second = request_of(ProcessingJob(6406101, 2001, job().recipe), RECIPES, ROTATIONS)
    assert first.run_id != second.run_id


class Mesh:
    """An ingester that has heard some announcements, beside an ISPyB in a file."""

    def __init__(self, folder):
        self.folder = folder
        self.settings = Settings(data_roots=(folder,), database_url=f"sqlite+aiosqlite:///{folder}/ingester.db")

    async def hear(self, *bodies):
        async with open_database(self.settings.database_url) as engine:
            memory = Memory(engine)
            await memory.prepare()
            for number, body in enumerate(bodies):
                async for _ in ingest(Announced(body, f"m{number}", None, None), memory=memory, settings=self.settings):
                    pass

    async def ask(self, body, *, has_ispyb=True) -> list[ProcessCollection]:
        url = f"sqlite+aiosqlite:///{self.folder}/ispyb.sqlite"
        async with open_database(self.settings.database_url) as engine, open_database(url) as ispyb:
            memory, jobs = Memory(engine), Ispyb(Transactions(ispyb, patience_s=1)) if has_ispyb else None
            await memory.prepare()
            asked = RunRecipes.model_validate_json(body)
            return [request async for request in reprocess(asked, memory=memory, ispyb=jobs, recipes=RECIPES)]

    async def refusal(self, body, **changes):
        with pytest.raises(RefusedError) as refused:
            await self.ask(body, **changes)
        return str(refused.value)


@pytest.fixture
async def mesh(tmp_path):
    made = Mesh(tmp_path)
    await made.hear(announce(ROTATION, tmp_path), announce(ROTATION, tmp_path, dcid=2002, run_number=2))
    return made


async def test_a_processing_job_is_looked_up_in_ispyb(mesh):
    asked = job(parameters=[("resolution.d_min", "1.8")], sweeps=[Sweep(2001, 1, 40), Sweep(2002, 1, 40)])
    add_job(mesh.folder / "ispyb.sqlite", asked)
    (request,) = await mesh.ask(b'{"recipes": [], "parameters": {"ispyb_process": 6406100}}')
    assert (request.pipeline, request.parameters, request.attempt) == ("xia2-dials", {"d_min": "1.8"}, 6406100)
    assert [other.run_number for other in request.others] == [2]


async def test_the_same_request_again_asks_for_the_same_run(mesh):
    add_job(mesh.folder / "ispyb.sqlite", ProcessingJob(7, 2001, "autoprocessing-fast-dp"))
    first, again = [await mesh.ask(b'{"parameters": {"ispyb_process": "7"}}') for _ in range(2)]
    assert first[0].run_id == again[0].run_id


async def test_recipes_and_a_collection_need_no_ispyb(mesh):
    body = b'{"recipes": ["autoprocessing-fast-dp", "autoprocessing-autoPROC"], "parameters": {"ispyb_dcid": "2001"}}'
    requests = await mesh.ask(body, has_ispyb=False)
    assert [(each.pipeline, each.collection.dcid, each.attempt) for each in requests] == [
        ("fast_dp", 2001, 1),
        ("autoPROC", 2001, 1),
    ]


async def test_an_unknown_collection_is_refused_with_what_to_do(mesh):
    body = b'{"recipes": ["autoprocessing-fast-dp"], "parameters": {"ispyb_dcid": 999}}'
    assert "collection 999 was not announced to this mesh; announce it" in await mesh.refusal(body)


async def test_a_number_that_two_beamlines_have_is_refused(mesh):
    await mesh.hear(announce(ROTATION, mesh.folder, beamline="i24"))
    body = b'{"recipes": ["autoprocessing-fast-dp"], "parameters": {"ispyb_dcid": 2001}}'
    assert "announced by several beamlines" in await mesh.refusal(body)


async def test_an_unknown_job_is_refused_with_what_to_do(mesh):
    add_job(mesh.folder / "ispyb.sqlite", ProcessingJob(7, 2001, "autoprocessing-fast-dp"))
    assert "ISPyB has no processing job 8" in await mesh.refusal(b'{"parameters": {"ispyb_process": 8}}')


async def test_without_an_ispyb_a_job_is_refused_with_the_setting_that_names_one(mesh):
    assert "set zocalo.ispyb_url" in await mesh.refusal(b'{"parameters": {"ispyb_process": 8}}', has_ispyb=False)


@pytest.mark.parametrize("body", [b'{"parameters": {}}', b'{"parameters": {"ispyb_dcid": 2001}}'])
async def test_a_request_that_names_nothing_to_run_is_refused(mesh, body):
    assert "send recipes with ispyb_dcid, or ispyb_process alone" in await mesh.refusal(body)


def test_a_request_without_parameters_is_no_request():
    with pytest.raises(ValidationError, match="parameters"):
        RunRecipes.model_validate_json(b'{"recipes": ["autoprocessing-fast-dp"]}')
