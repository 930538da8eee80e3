"""What a finished run left behind, as typed results; files that are missing or mutilated are named, never fatal."""

from collections.abc import Callable
from pathlib import Path

from services.launcher.reports.autoproc import read_autoproc
from services.launcher.reports.dials import read_dials
from services.launcher.reports.fast_dp import read_fast_dp
from services.launcher.reports.findings import Findings as Findings
from services.launcher.reports.xia2 import read_xia2
from services.launcher.runs import Ending, Job
from shared.messages import PipelineFamily, ProcessingResult, RunState

READERS: dict[PipelineFamily, Callable[[Path], Findings]] = {
    "dials": read_dials,
    "xia2": read_xia2,
    "fast_dp": read_fast_dp,
    "autoPROC": read_autoproc,
}


def report(job: Job, ending: Ending) -> ProcessingResult:
    """The result message of an ended run; the same again whenever it is made. What a failed run left is in it, too."""
    findings = READERS[job.family](job.directory)
    return ProcessingResult(
        run=job.ref,
        family=job.family,
        state=ending.state,
        reason=_reason(ending, findings.missing),
        reduction=findings.reduction,
        alternatives=findings.alternatives,
        steps=tuple(step.message() for step in ending.steps),
        files=findings.files,
        command=job.command,
        programs=dict(findings.programs or {}),
        host=ending.host,
        directory=str(job.directory),
        started_at=ending.started_at,
        ended_at=ending.ended_at,
    )


def _reason(ending: Ending, missing: tuple[str, ...]) -> str | None:
    """A success without its results says so; a failure has its own reason."""
    if ending.state is RunState.SUCCEEDED and missing:
        return f"not found among the results: {', '.join(missing)}"
    return ending.reason
