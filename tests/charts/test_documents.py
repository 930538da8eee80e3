"""What of the chart is generated: equal to the code, strict, and the same in values, schema and services."""

from itertools import pairwise

import pytest
import yaml
from jsonschema import Draft202012Validator

from cli.chart.documents import documents, schema
from cli.chart.services import FILLED_IN, KINDS, Services
from cli.chart.values import Root
from shared.topology import SERVICES
from tests.charts.chart import BEAMLINES, CHART, FULL, SMALL, values_of

DEFAULTS = CHART / "values.yaml"
FILES = [DEFAULTS, FULL, SMALL, *map(values_of, BEAMLINES)]


@pytest.mark.parametrize("name", ["README.md", "files/activemq.xml", "values.schema.json", "values.yaml"])
def test_the_committed_document_is_what_the_code_generates(name):
    assert (CHART / name).read_text() == documents(CHART)[name], "run: python -m cli.chart"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_values_file_suits_the_schema_and_the_models(file):
    values = yaml.safe_load(file.read_text())
    Draft202012Validator(schema()).validate(values)
    Root.model_validate(values)


def test_the_defaults_say_what_the_models_say():
    assert Root.model_validate(yaml.safe_load(DEFAULTS.read_text())) == Root()


def test_every_value_has_its_comment():
    lines = DEFAULTS.read_text().splitlines()
    undocumented = [line for above, line in pairwise(lines) if ":" in line and "#" not in line + above]
    assert undocumented == []


def test_the_chart_has_a_block_for_each_service():
    assert tuple(Services.model_fields) == tuple(KINDS) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_values_offer_every_setting_of_a_service_that_the_chart_does_not_fill_in(name):
    block = schema()["$defs"][name.capitalize()]["properties"]["settings"]
    assert set(block["properties"]) == set(KINDS[name].model_fields) - set(FILLED_IN)
    assert block["additionalProperties"] is False


def test_no_block_of_values_takes_unknown_keys():
    document = schema()
    blocks = {"all": document, **{name: block for name, block in document["$defs"].items() if "properties" in block}}
    assert [name for name, block in blocks.items() if block.get("additionalProperties") is not False] == []
