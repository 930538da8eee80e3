"""The wire contracts: documents equal to the code, versions named, examples valid."""

from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from shared.contracts import FOLDER, asyncapi, documents, json_schemas
from shared.messages import data_collection_event
from shared.topology import ROUTES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_committed_document_is_what_the_code_generates(name):
    assert (ROOT / FOLDER / name).read_bytes() == documents()[name], "run: python -m shared.contracts"


def test_no_document_is_left_over():
    committed = {
        path.name
        for path in (ROOT / FOLDER).iterdir()
        if path.suffix == ".json" and not path.name.startswith("example-")
    }
    assert committed == set(documents())


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_message_names_its_version(name):
    schema = json_schemas()[name]
    assert schema["properties"]["schema"]["const"].endswith("/1")
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_number_has_a_description(name):
    """A number without its unit or meaning is not understood on the other side."""
    schema = json_schemas()[name]
    for owner in [schema, *schema.get("$defs", {}).values()]:
        for field, described in owner.get("properties", {}).items():
            kinds = [described, *described.get("anyOf", [])]
            if any(kind.get("type") in ("number", "integer") for kind in kinds):
                assert "description" in described, f"{owner.get('title')}.{field}"


def test_the_asyncapi_document_names_every_route():
    document = asyncapi()
    assert len(document["operations"]) == len(ROUTES)
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]


@pytest.mark.parametrize("example", sorted((ROOT / FOLDER).glob("example-*.json")), ids=lambda path: path.stem)
def test_the_examples_are_valid_announcements(example):
    event = data_collection_event.validate_json(example.read_bytes())
    schema = json_schemas()[type(event).__name__]
    assert set(orjson.loads(example.read_bytes())) <= set(schema["properties"])
