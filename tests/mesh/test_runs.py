"""Runs of a whole mesh as a user sees and cancels them."""

import subprocess
import sys

import orjson
import pytest
from anyio import to_thread

from cli.beamline import new_dcid
from cli.collections import KnownCollections, UnknownCollectionError
from shared.messages import CancelProcessing, Collection, CollectionStarts, ProcessCollection, Rotation

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


def rotation(mesh):
    """A rotation whose images never come: its master file is there, and empty."""
    collection = Collection(
        beamline="i03",
        visit="cm12345-1",
        dcid=new_dcid(),
        experiment="rotation",
        visit_directory=str(mesh.session.visit_directory),
        folder="endless",
        prefix="xtal1",
        run_number=1,
        number_of_images=10,
        exposure_s=0.1,
        rotation=Rotation(width_deg=1),
    )
    mesh.session.visit_directory.joinpath("endless").mkdir(parents=True, exist_ok=True)
    mesh.session.visit_directory.joinpath("endless/xtal1_1_master.h5").touch()
    return collection


async def mxmesh(mesh, *arguments, answer=""):
    """A command, as a user types it, and what they answer when it asks."""
    command = [sys.executable, "-m", "cli", *arguments, "--home", str(mesh.home)]
    typed = {"input": answer, "capture_output": True, "text": True}
    return await to_thread.run_sync(lambda: subprocess.run(command, check=False, **typed))


async def listed(mesh, *options):
    return orjson.loads((await mxmesh(mesh, "runs", "--json", *options)).stdout)


async def test_a_run_is_listed_followed_and_cancelled_by_its_user(mesh):
    collection = rotation(mesh)
    asked = ProcessCollection(collection=collection, pipeline="dials", parameters={"d_min": 2.5})
    async with mesh.world() as bus:
        await bus.publish(asked)

    def waits_for_images():
        runs = [run for view in mesh.status()["collections"] if view["id"] == collection.dcid for run in view["runs"]]
        return [run for run in runs if run["state"] == "running" and run["steps"]]

    await mesh.until(waits_for_images, "the run to begin")
    (run,) = await listed(mesh, "--collection", str(collection.dcid))
    assert (run["ref"]["run_id"], run["ref"]["parameters"]) == (asked.run_id, {"d_min": 2.5})
    assert "=== 01_await_images.log" in (await mxmesh(mesh, "logs", asked.run_id)).stdout

    done = await mxmesh(mesh, "cancel", asked.run_id, "--reason", "wrong crystal")
    assert (done.returncode, done.stdout.strip()) == (0, f"{asked.run_id}: cancelled"), done.stderr
    (run,) = await listed(mesh, "--collection", str(collection.dcid), "--state", "cancelled")
    assert "wrong crystal" in run["detail"]

    again = await mxmesh(mesh, "cancel", asked.run_id)
    assert (again.returncode, again.stdout.strip()) == (0, f"{asked.run_id}: cancelled, had ended before")
    said = orjson.loads((await mxmesh(mesh, "cancel", str(collection.dcid), "--json")).stdout)
    assert [run["state"] for run in said["runs"]] == ["cancelled"]
    assert said["answer"]["stopped"] == []


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("logs", "i03-0-none"), "`mxmesh runs` lists them"),
        (("cancel", "999999999"), "999999999 is not in the record"),
    ],
)
async def test_an_unknown_run_is_answered_with_where_to_look(mesh, command, advice):
    done = await mxmesh(mesh, *command)
    assert done.returncode == 1
    assert advice in done.stderr


async def test_the_cancellation_of_what_nobody_knows_says_so_and_is_remembered(mesh):
    asked = ProcessCollection(collection=rotation(mesh), pipeline="dials")
    done = await mxmesh(mesh, "cancel", asked.run_id, "--reason", "not wanted")
    assert done.returncode == 2
    assert f"nothing is known of {asked.run_id}" in done.stdout
    async with mesh.world() as bus:
        await bus.publish(asked)

    def ended():
        runs = [run for view in mesh.status()["collections"] for run in view["runs"]]
        return [run for run in runs if run["ref"]["run_id"] == asked.run_id and run["terminal"]]

    (run,) = await mesh.until(ended, "the end of the cancelled run")
    assert (run["state"], run["directory"]) == ("cancelled", None)
    assert run["detail"].endswith("not wanted")


async def test_a_collection_of_which_nothing_runs_is_answered_and_remembered(mesh):
    collection = rotation(mesh)
    async with mesh.world() as bus:
        await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))
    known = KnownCollections(mesh.running.database)
    await mesh.until(lambda: known.rotations(collection.visit, None, None), "the collection in the record")
    done = await mxmesh(mesh, "cancel", str(collection.dcid), "--pipeline", "xia2-dials")
    assert done.returncode == 2, done.stderr
    assert f"nothing is known of processing of i03/{collection.dcid} by xia2-dials" in " ".join(done.stdout.split())


async def test_a_collection_is_explained_and_processed_again_without_overwriting(mesh):
    collection = rotation(mesh)
    async with mesh.world() as bus:
        await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))
    known = KnownCollections(mesh.running.database)

    def recorded():
        try:
            return known.one(collection.dcid)
        except UnknownCollectionError:
            return None

    await mesh.until(recorded, "the collection in the record")
    number = str(collection.dcid)
    (explanation,) = orjson.loads((await mxmesh(mesh, "explain", number, "--set", "d_min=2", "--json")).stdout)
    assert (explanation["pipeline"], explanation["why"]) == ("dials", "rule 'every rotation'")
    (scale,) = [step for step in explanation["steps"] if step["name"] == "dials.scale"]
    assert "d_min=2.0" in scale["argv"]

    asked = ["reprocess", number, "--set", "d_min=2", "--images", "1-5", "--json"]
    (dry,) = orjson.loads((await mxmesh(mesh, *asked, "--dry-run")).stdout)
    (first,) = orjson.loads((await mxmesh(mesh, *asked)).stdout)
    assert (dry["attempt"], dry["run_id"]) == (1, first["run_id"])

    def begun():
        runs = [run for view in mesh.status()["collections"] if view["id"] == collection.dcid for run in view["runs"]]
        return [run for run in runs if run["ref"]["run_id"] == dry["run_id"]]

    (run,) = await mesh.until(begun, "the run on the page")
    assert (run["ref"]["parameters"], run["ref"]["images"]) == ({"d_min": 2}, [1, 5])
    (second,) = orjson.loads((await mxmesh(mesh, *asked)).stdout)
    assert second["run_id"] == dry["run_id"].removesuffix("-1") + "-2"
    cancelled = await mxmesh(mesh, "cancel", number)
    assert cancelled.returncode == 0, cancelled.stderr


async def test_a_whole_visit_is_processed_again_when_there_is_room(mesh):
    first = rotation(mesh).model_copy(update={"visit": "cm77777-7"})
    second = first.model_copy(update={"dcid": first.dcid + 1})
    elsewhere = first.model_copy(update={"dcid": first.dcid + 2, "visit": "cm99999-9"})
    async with mesh.world() as bus:
        for collection in (first, second, elsewhere):
            await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))
    known = KnownCollections(mesh.running.database)
    await mesh.until(lambda: len(known.rotations("cm77777-7", None, None)) == 2, "the visit in the record")
    await mesh.until(lambda: known.rotations("cm99999-9", None, None), "the other visit in the record")

    asked = ["reprocess", "--visit", "cm77777-7", "--since", "2026-01-01", "--dry-run", "--json"]
    found = orjson.loads((await mxmesh(mesh, *asked)).stdout)
    assert {each["collection"]["dcid"] for each in found} == {first.dcid, second.dcid}
    assert {each["urgency"] for each in found} == {"secondary"}


async def test_more_than_twenty_collections_are_processed_again_only_if_that_is_meant(mesh):
    first = rotation(mesh).model_copy(update={"visit": "cm55555-5"})
    visit = [first.model_copy(update={"dcid": first.dcid + number}) for number in range(21)]
    async with mesh.world() as bus:
        for collection in visit:
            await bus.publish(CollectionStarts(**collection.model_dump(), event="start"))
    known = KnownCollections(mesh.running.database)
    await mesh.until(lambda: len(known.rotations("cm55555-5", None, None)) == 21, "the visit in the record")

    def processed():
        return {view["id"] for view in mesh.status()["collections"] if view["visit"] == "cm55555-5" and view["runs"]}

    refused = await mxmesh(mesh, "reprocess", "--visit", "cm55555-5", answer="n\n")
    assert refused.returncode == 1
    assert "Process 21 collections again, 21 runs?" in refused.stdout
    assert processed() == set()
    agreed = await mxmesh(mesh, "reprocess", "--visit", "cm55555-5", "--yes")
    assert agreed.stdout.count("asked for i03-") == 21, agreed.stderr
    await mesh.until(lambda: len(processed()) == 21, "every run on the page")
    async with mesh.world() as bus:
        for collection in visit:
            await bus.publish(CancelProcessing(collection=collection.ref))


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (("reprocess", "999999999"), "is not in the record"),
        (("reprocess",), "name one collection"),
        (("explain", "999999999"), "is not in the record"),
    ],
)
async def test_what_cannot_be_processed_again_is_answered_with_why(mesh, command, advice):
    done = await mxmesh(mesh, *command)
    assert done.returncode == 1
    assert advice in done.stderr
