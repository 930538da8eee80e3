"""What a function remembers for ever must not depend on what is collected."""

import ast
from pathlib import Path

ROOTS = ("services", "shared", "cli", "simulator")
FOR_EVER = {
    "services.spotfinder.workers._speak_where_the_service_does": "nothing",
    "services.writer.record._knowing": "a dialect, and the columns of one of three messages",
    "services.writer.record._findings": "a dialect",
    "services.writer.record._failures": "a dialect",
}
UNBOUNDED = {"cache", "functools.cache", "lru_cache(None)", "lru_cache(maxsize=None)"}


def remembering_for_ever():
    for path in (path for root in ROOTS for path in Path(root).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            decorators = getattr(node, "decorator_list", ())
            if any(ast.unparse(each).removeprefix("functools.") in UNBOUNDED for each in decorators):
                yield f"{'.'.join(path.with_suffix('').parts)}.{node.name}"


def test_no_cache_grows_with_collections():
    """A wavelength, a path or an id is a new one each time: give such a cache its size."""
    assert set(remembering_for_ever()) == set(FOR_EVER)
