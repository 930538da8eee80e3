"""The table of pipelines: adding one is an entry here, a module beside it, and a reader in ``reports``."""

from collections.abc import Mapping

from services.launcher.pipelines.autoproc import AUTOPROC
from services.launcher.pipelines.dials import DIALS
from services.launcher.pipelines.fast_dp import FAST_DP
from services.launcher.pipelines.model import (
    PAYLOAD as PAYLOAD,
    Pipeline as Pipeline,
    StepPlan as StepPlan,
    Sweep as Sweep,
    UnsuitableWorkError as UnsuitableWorkError,
    Work as Work,
    image_file as image_file,
)
from services.launcher.pipelines.xia2 import XIA2_3DII, XIA2_DIALS

TABLE = {pipeline.name: pipeline for pipeline in (DIALS, FAST_DP, XIA2_DIALS, XIA2_3DII, AUTOPROC)}


class UnknownPipelineError(ValueError):
    """The table has no such row; the text says what there is."""


def pipeline_named(name: str, table: Mapping[str, Pipeline] = TABLE) -> Pipeline:
    """A row of the table.

    Raises:
        UnknownPipelineError: there is none of that name.
    """
    if name not in table:
        raise UnknownPipelineError(f"there is no pipeline {name!r}; there are {', '.join(table)}")
    return table[name]
