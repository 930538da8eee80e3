"""Models kept in files: written whole or not at all, and read leniently, since they may be mutilated or gone."""

import os
from pathlib import Path
from threading import get_ident
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def remember(path: Path, model: BaseModel) -> None:
    """Write a model in place of what is there; once this returns, no restart forgets it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}-{get_ident()}.draft")
    draft.write_text(model.model_dump_json())
    draft.replace(path)


def recall(path: Path, kind: type[Model]) -> Model | None:
    """What a file holds; None if it cannot be read as this."""
    try:
        return parse(path.read_bytes(), kind)
    except OSError:
        return None


def parse(text: bytes, kind: type[Model]) -> Model | None:
    """What a text says; None if it cannot be read as this."""
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        return None
