"""Models kept in files: written whole or not at all, and read leniently, since they may be mutilated or gone."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import get_ident
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
DRAFT = ".draft"


def remember(path: Path, model: BaseModel) -> None:
    """Write a model in place of what is there; once this returns, no restart forgets it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}-{get_ident()}{DRAFT}")
    draft.write_text(model.model_dump_json())
    draft.replace(path)


def remove_drafts(folder: Path, before: datetime) -> None:
    """Those below a folder that nobody will finish: whoever wrote them was killed."""
    for draft in folder.rglob(f"*{DRAFT}"):
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime < before.timestamp():
                draft.unlink()


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
