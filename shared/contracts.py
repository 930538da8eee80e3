"""`python -m shared.contracts`: write the wire contracts, from message types and topology, to docs/messages."""

import re
import sys
from pathlib import Path
from typing import Any

import orjson

from shared.topology import ROUTES, WORLD, Kind, Route, Topology

FOLDER = Path("docs/messages")


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of every message type, by its name."""
    kinds = dict.fromkeys(route.message for route in ROUTES)
    return {kind.__name__: kind.model_json_schema(mode="serialization") for kind in kinds}


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 document: one channel per destination, one operation per route."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "mxmesh",
            "version": "1",
            "description": "Messages over ActiveMQ (STOMP 1.1); destination names may carry a prefix per beamline.",
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": {f"{_speaker(route)}-{_id(route)}": _operation(route) for route in ROUTES},
        "components": {"messages": {name: _message(name) for name in json_schemas()}},
    }


def _channels() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for route in ROUTES:
        channel = channels.setdefault(_channel(route), {"address": _address(route), "messages": {}})
        channel["messages"][route.message.__name__] = {"$ref": f"#/components/messages/{route.message.__name__}"}
        if fields := re.findall(r"{(\w+)}", channel["address"] or ""):
            channel["parameters"] = {field: {"description": f"the message's {field}"} for field in fields}
    return channels


def _operation(route: Route) -> dict[str, Any]:
    return {
        "action": "receive" if route.speaker == WORLD else "send",
        "channel": {"$ref": f"#/channels/{_channel(route)}"},
        "summary": f"{route.speaker} to {', '.join(route.listeners)} by {route.kind.value}",
    }


def _message(name: str) -> dict[str, Any]:
    return {"name": name, "payload": {"$ref": f"./{name}.schema.json"}}


def _address(route: Route) -> str | None:
    name = re.sub(r"{\w+\.(\w+)}", r"{\1}", route.name)
    match route.kind:
        case Kind.REPLY:
            return None
        case Kind.VIRTUAL:
            return f"/topic/VirtualTopic.{name}"
        case Kind.TOPIC:
            return f"/topic/{name}"
        case Kind.QUEUE:
            return Topology().queue(name)


def _channel(route: Route) -> str:
    return re.sub(r"[{}.]", "-", f"{route.kind.name.lower()}-{route.name}").strip("-")


def _speaker(route: Route) -> str:
    return route.speaker.replace(" ", "-")


def _id(route: Route) -> str:
    return "-".join(filter(None, (route.message.__name__, route.kind.name.lower(), route.urgency)))


def documents() -> dict[str, bytes]:
    """File name to content of everything generated."""
    pretty = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    files = {f"{name}.schema.json": orjson.dumps(schema, option=pretty) for name, schema in json_schemas().items()}
    return {**files, "asyncapi.json": orjson.dumps(asyncapi(), option=pretty)}


def write(folder: Path) -> None:
    """Write every document."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
