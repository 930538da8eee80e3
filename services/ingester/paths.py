"""Announced paths must stay where data are."""

from collections.abc import Sequence
from pathlib import Path

from services.ingester.gda import UnusableAnnouncementError
from shared.messages import Collection


def check_paths(collection: Collection, data_roots: Sequence[Path]) -> None:
    """The visit lies below a data root, and the images below the visit, symbolic links resolved.

    Raises:
        UnusableAnnouncementError: one of them does not.
    """
    visit = Path(collection.visit_directory)
    if not visit.is_absolute():
        raise UnusableAnnouncementError(
            f"visit_directory {visit} is not absolute", "announce the full path of the visit"
        )
    resolved = visit.resolve()
    if not any(resolved.is_relative_to(root.resolve()) for root in data_roots):
        allowed = ", ".join(map(str, data_roots))
        raise UnusableAnnouncementError(
            f"visit_directory {visit} is outside the data roots ({allowed})",
            "announce data below a data root, or add the root to the ingester's data_roots setting",
        )
    for path in (Path(collection.image_directory), Path(collection.master_path)):
        if not path.resolve().is_relative_to(resolved):
            raise UnusableAnnouncementError(
                f"{path} leaves the visit directory {visit}", "announce folder and master_file relative to the visit"
            )
