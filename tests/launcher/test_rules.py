"""Which pipelines run for which collection."""

import pytest
from pydantic import ValidationError

from services.launcher.pipelines import TABLE
from services.launcher.pipelines.rules import RULES, Outcome, Rule, When, decide, expand
from services.launcher.plan import plan_job
from services.launcher.settings import Settings
from shared.messages import Collection, ProcessCollection
from shared.topology import Topology
from tests.launcher.builders import request, settings, table
from tests.launcher.test_launcher import make, replies_to

SYNCHROTRON = (
    Rule(
        name="anomalous",
        when=When(kinds=("rotation",), anomalous=True),
        run=(Outcome(pipeline="xia2-3dii", parameters={"atom": "Se"}), Outcome(pipeline="fast_dp")),
    ),
    Rule(
        name="rotation",
        when=When(kinds=("rotation",)),
        run=(Outcome(pipeline="fast_dp", urgency="secondary"), Outcome(pipeline="autoPROC", urgency="secondary")),
    ),
    Rule(name="screening", when=When(kinds=("screening",)), run=(Outcome(pipeline="dials"),)),
    Rule(name="together", when=When(kinds=("multi-sweep",)), run=(Outcome(pipeline="xia2-dials"),)),
    Rule(name="i24", when=When(beamlines=("i24",), detectors=("EIGER2 9M",)), run=(Outcome(pipeline="xia2-dials"),)),
    Rule(
        name="known",
        when=When(kinds=("screening",), cell_is_known=True, space_group_is_known=True),
        run=(Outcome(pipeline="xia2-dials"),),
    ),
)
CELL = (78.9, 78.9, 37.1, 90, 90, 90)


def undecided(tmp_path, others=(), **changes):
    return request(tmp_path, pipeline="", **changes).model_copy(update={"others": tuple(others)})


@pytest.mark.parametrize(
    ("announced", "run"),
    [
        ({}, ["fast_dp", "autoPROC"]),
        ({"anomalous_scatterer": "Se"}, ["xia2-3dii", "fast_dp", "autoPROC"]),
        ({"purpose": "screening"}, ["dials"]),
        ({"purpose": "screening", "space_group": "P43212", "unit_cell": CELL}, ["dials", "xia2-dials"]),
        ({"purpose": "characterisation"}, []),
        ({"beamline": "i24", "detector": "EIGER2 9M"}, ["fast_dp", "autoPROC", "xia2-dials"]),
        ({"beamline": "i24"}, ["fast_dp", "autoPROC"]),
        ({"preferred_pipeline": "dials"}, ["fast_dp", "autoPROC", "dials"]),
    ],
    ids=str,
)
def test_what_is_announced_decides(tmp_path, announced, run):
    decisions = decide(undecided(tmp_path, **announced), SYNCHROTRON)
    assert [decision.outcome.pipeline for decision in decisions] == run


def test_sweeps_that_belong_together_have_rules_of_their_own(tmp_path):
    other = request(tmp_path, dcid=2002).collection
    assert [d.outcome.pipeline for d in decide(undecided(tmp_path, [other]), SYNCHROTRON)] == ["xia2-dials"]


def test_where_two_rules_name_a_pipeline_the_first_counts(tmp_path):
    (_, fast_dp, _) = decide(undecided(tmp_path, anomalous_scatterer="Se"), SYNCHROTRON)
    assert (fast_dp.outcome.urgency, fast_dp.why) == ("primary", "rule 'anomalous'")


def test_what_the_user_prefers_is_not_put_off(tmp_path):
    decisions = decide(undecided(tmp_path, preferred_pipeline="autoPROC"), SYNCHROTRON)
    assert {d.outcome.pipeline: d.outcome.urgency for d in decisions} == {"fast_dp": "secondary", "autoPROC": "primary"}


def test_without_settings_a_rotation_runs_through_dials_and_a_grid_scan_through_nothing(tmp_path):
    assert [d.outcome.pipeline for d in decide(undecided(tmp_path), RULES)] == ["dials"]
    grid = Collection.model_validate(
        request(tmp_path).collection.model_dump()
        | {"experiment": "gridscan", "grid": {"steps_x": 8, "steps_y": 5}, "number_of_images": 40}
    )
    assert decide(ProcessCollection(collection=grid), RULES) == ()


def test_what_the_request_sets_wins_over_the_rule(tmp_path):
    asked = undecided(tmp_path, anomalous_scatterer="Se").model_copy(update={"parameters": {"atom": "S"}})
    named = {each.pipeline: each.parameters for each in expand(asked, SYNCHROTRON)}
    assert named["xia2-3dii"] == {"atom": "S"}


async def test_a_request_without_a_pipeline_becomes_one_for_each_and_the_same_ones_again(tmp_path):
    mesh = make(tmp_path, table(), rules=SYNCHROTRON)
    first, again = [await replies_to(undecided(tmp_path), mesh) for _ in range(2)]
    assert [(each.pipeline, each.urgency) for each in first] == [("fast_dp", "secondary"), ("autoPROC", "secondary")]
    assert [each.run_id for each in first] == [each.run_id for each in again]


def test_secondary_requests_wait_in_a_queue_of_their_own_where_they_hold_up_nothing(tmp_path):
    secondary, _ = expand(undecided(tmp_path), SYNCHROTRON)
    sent = [[name for _, name in Topology().destinations(each)] for each in (request(tmp_path), secondary)]
    assert sent == [["/queue/process-collection"], ["/queue/process-collection.secondary"]]
    read = [Topology().source(ProcessCollection, "launcher", urgency=each) for each in ("primary", "secondary")]
    assert sent == [[name] for name in read]


@pytest.mark.parametrize(
    ("rule", "advice"),
    [
        ({"name": "a", "run": [{"pipeline": "xia3"}]}, "rule 'a': there is no pipeline 'xia3'; there are dials"),
        ({"name": "a", "run": [{"pipeline": "dials", "parameters": {"d_min": 0.01}}]}, "a number from 0.5 to 20 Å"),
        ({"name": "a", "when": {"kind": ["rotation"]}, "run": []}, "Extra inputs are not permitted"),
    ],
)
def test_a_rule_that_cannot_work_stops_the_service_at_start(rule, advice):
    with pytest.raises(ValidationError, match=advice):
        Settings(rules=[rule])


def test_what_is_known_of_the_crystal_reaches_the_program(tmp_path):
    asked = request(tmp_path, "fast_dp", space_group="P43212", unit_cell=CELL, anomalous_scatterer="Se")
    words = plan_job(asked, settings(tmp_path), TABLE, {}).command
    assert {"--spacegroup=P43212", "--cell=78.9,78.9,37.1,90,90,90", "--atom=Se"} <= set(words)


def test_a_space_group_that_was_announced_empty_is_not_known(tmp_path):
    asked = request(tmp_path, "fast_dp", space_group="")
    assert not [word for word in plan_job(asked, settings(tmp_path), TABLE, {}).command if "spacegroup" in word]
    assert not When(space_group_is_known=True).fits(asked)
