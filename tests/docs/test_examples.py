"""What the documents show works: settings are accepted, messages are valid, rules decide as they say."""

import re
from pathlib import Path

import orjson
import pytest

from services.ingester.settings import Settings as IngesterSettings
from services.launcher.pipelines import TABLE
from services.launcher.pipelines.rules import decide
from services.launcher.settings import Settings as LauncherSettings
from shared import messages as m
from tests.launcher.builders import request

DOCS = Path(__file__).parents[2] / "docs"


def examples(file):
    """JSON blocks of a document."""
    return [orjson.loads(block) for block in re.findall(r"```json\n(.*?)```", (DOCS / file).read_text(), re.DOTALL)]


@pytest.fixture
def synchrotron():
    rules, places = examples("how-to/choose-pipelines.md")
    return LauncherSettings(**rules, **places)


@pytest.mark.parametrize(
    ("announced", "run"),
    [
        ({"anomalous_scatterer": "Se"}, ["fast_dp", "xia2-3dii", "autoPROC", "xia2-dials"]),
        ({"beamline": "i19-1", "unit_cell": (7.1, 8.2, 9.3, 90, 90, 90)}, ["xia2-dials"]),
        ({"beamline": "i23", "detector": "PILATUS 12M"}, ["dials", "xia2-dials"]),
        ({}, ["fast_dp", "xia2-dials", "autoPROC"]),
        ({"purpose": "screening"}, ["dials"]),
    ],
    ids=str,
)
def test_a_synchrotrons_rules_decide_as_the_document_says(synchrotron, announced, run):
    decisions = decide(request("/dls/i03/cm12345-1", "", **announced), synchrotron.rules)
    assert [decision.outcome.pipeline for decision in decisions] == run


def test_sweeps_together_have_a_rule_of_their_own_in_the_example(synchrotron):
    one, other = request("/dls/i03/cm12345-1", ""), request("/dls/i03/cm12345-1", "", dcid=2002)
    together = one.model_copy(update={"others": (other.collection,)})
    assert [d.why for d in decide(together, synchrotron.rules)] == ["rule 'several sweeps together'"]


def test_the_limits_of_the_document_are_those_of_the_table():
    rows = re.findall(r"\| `(.+?)` \| (\S+) \| (\S+) \| (\S+) MB \|", (DOCS / "how-to/limit-runs.md").read_text())
    shown = {name: tuple(map(float, figures)) for name, *figures in rows}
    assert shown == {name: (row.time_limit_s, row.memory_gb, row.mb_per_image) for name, row in TABLE.items()}


@pytest.mark.parametrize("place", ["limit-runs", "run-on-slurm", "run-on-kubernetes"])
def test_settings_of_the_launcher_are_accepted_and_name_pipelines_there_are(place):
    (shown,) = examples(f"how-to/{place}.md")
    settings = LauncherSettings(**shown)
    assert settings.memory_gb.keys() | settings.time_limit_s.keys() <= TABLE.keys()


def test_the_ispyb_of_the_example_is_accepted():
    (shown,) = examples("how-to/reprocess.md")
    assert IngesterSettings(**shown).zocalo.recipes


def test_messages_of_the_document_are_valid_and_have_no_field_that_is_ignored():
    process, cancel = examples("messages/README.md")
    for shown, kind in ((process, m.ProcessCollection), (cancel, m.CancelProcessing)):
        read = orjson.loads(kind.model_validate(shown).to_json())
        assert {name: read[name] for name in shown if name != "collection"} == {
            name: value for name, value in shown.items() if name != "collection"
        }
        assert shown["collection"].items() <= read["collection"].items()
