"""What is written from the models of values: schema, values.yaml, and the tables of the README."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from textwrap import wrap
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cli.chart.broker import activemq_xml
from cli.chart.kubernetes import Resources, Values
from cli.chart.services import FILLED_IN, KINDS
from cli.chart.values import Root
from shared.settings import ServiceSettings

FOLDER = Path("charts/mxmesh")
WIDTH = 120
PLAIN = re.compile(r"[A-Za-z/][-A-Za-z0-9/_.]*")
WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
Row = tuple[str, str, str]


def schema() -> dict[str, Any]:
    """JSON Schema by which helm checks values before it renders anything."""
    document = Root.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "values of the chart mxmesh"
    document["properties"]["global"] = {"type": "object", "description": "Helm's own"}
    return document


def values_yaml() -> str:
    """Every value with its default and its meaning."""
    head = (
        "# Values of one beamline. Written by `python -m cli.chart` from cli/chart; the schema beside it is strict.\n"
    )
    return head + "\n".join(_block(Root(), 0))


def _block(values: Values, depth: int) -> Iterator[str]:
    margin = "  " * depth
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if depth == 0:
            yield ""
        yield from (f"{margin}# {line}" for line in wrap(_meaning(field), WIDTH - len(margin) - 2))
        if isinstance(value, Values) and not isinstance(value, Resources):
            yield f"{margin}{field.alias}:"
            yield from _block(value, depth + 1)
        else:
            yield f"{margin}{field.alias}: {flow(_plain(value))}"
    if depth == 0:
        yield ""


def _meaning(field: FieldInfo) -> str:
    return field.description or "CPU and memory"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a value may be
    """As JSON has it, without what is not set."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return orjson.loads(orjson.dumps(value))


def flow(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """YAML on one line, as people would write it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(flow(each) for each in value) + "]"
        case str() if PLAIN.fullmatch(value) and value.lower() not in WORDS_OF_YAML:
            return value
    return json.dumps(value)


def readme(template: str) -> str:
    """The README: its text with the tables filled in."""
    settings = "\n\n".join(f"### {name}\n\n{_table(settings_rows(kind), 'setting')}" for name, kind in KINDS.items())
    filled_in = "\n".join(f"- `{name}` from {source}" for name, source in FILLED_IN.items())
    values = _table(_shared(_value_rows(Root(), "")), "value")
    return Template(template).substitute(values=values, settings=settings, filled_in=filled_in)


def _value_rows(values: Values, path: str) -> Iterator[Row]:
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if isinstance(value, Values) and not isinstance(value, Resources):
            yield from _value_rows(value, f"{path}{field.alias}.")
        else:
            yield f"{path}{field.alias}", flow(_plain(value)), _meaning(field)


def _shared(rows: Iterator[Row]) -> Iterator[Row]:
    """One row for what services have in common."""
    told = set()
    listed = list(rows)
    for name, default, meaning in listed:
        _, *rest = name.removeprefix("services.").split(".")
        alike = [row for row in listed if row[0].startswith("services.") and row[0].split(".")[2:] == rest]
        if name.startswith("services.") and len(alike) > 1 and len({row[1:] for row in alike}) == 1:
            name = ".".join(("services", "<name>", *rest))  # noqa: PLW2901 - told once for all of them
        if name not in told:
            told.add(name)
            yield name, default, meaning


def settings_rows(kind: type[ServiceSettings]) -> Iterator[Row]:
    """Settings that values may set, with their defaults."""
    document = kind.model_json_schema()
    for name, each in document["properties"].items():
        if name not in FILLED_IN:
            yield name, flow(each["default"]) if "default" in each else "", each["description"]


def _table(rows: Iterator[Row], first: str) -> str:
    lines = [f"| {first} | default | meaning |", "|---|---|---|"]
    for name, default, meaning in rows:
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{name}` | {shown} | {meaning.replace('<', '&lt;')} |".replace("|  |", "| |"))
    return "\n".join(lines)


def documents(folder: Path) -> dict[str, str]:
    """File name to content of everything generated."""
    pretty = orjson.dumps(schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)
    return {
        "values.schema.json": pretty.decode(),
        "values.yaml": values_yaml(),
        "files/activemq.xml": activemq_xml(),
        "README.md": readme((folder / "README.md.in").read_text()),
    }
