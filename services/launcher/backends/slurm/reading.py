"""What Slurm's word means for a run whose wrapper has not written its end. Pure."""

import signal

from services.launcher.backends.slurm.answers import LAUNCH_FAILURE, Exit, SlurmJob
from services.launcher.backends.slurm.requests import LOG, NO_DIRECTORY
from services.launcher.runs import Ending
from shared.messages import RunState

ENDS = {
    "BOOT_FAIL": RunState.LOST,
    "CANCELLED": RunState.CANCELLED,
    "DEADLINE": RunState.TIMED_OUT,
    "NODE_FAIL": RunState.LOST,
    "PREEMPTED": RunState.LOST,
    "REVOKED": RunState.LOST,
    "TIMEOUT": RunState.TIMED_OUT,
}
"""Of all other final states the run has failed: it has left no end of its own."""
UNSEEN = "look whether it sees the run's directory, and whether its user may write there"
SHELL_WORDS = {
    NO_DIRECTORY: f"the node cannot enter the run's directory: {UNSEEN}",
    126: "the node cannot execute `python`; see the launcher's settings",
    127: "the node does not have `python`; see the launcher's settings",
}


def waits_for(job: SlurmJob) -> str | None:
    """What to tell of a job that has not begun or whose files are not seen yet."""
    reason = job.state_reason if job.state_reason not in {None, "", "None"} else None
    if job.state == "PENDING":
        return f"Slurm job {job.job_id} waits: {reason}" if reason else f"Slurm job {job.job_id} waits"
    return None


def end_of(job: SlurmJob | None, job_id: int) -> tuple[RunState, str]:
    """State and reason for a job that has ended, or that Slurm knows no more."""
    if job is None:
        return RunState.LOST, f"Slurm does not know its job {job_id} any more, and it left no exit.json"
    return ENDS.get(job.state, RunState.FAILED), f"Slurm job {job_id} is {job.state}: {_why(job)}"


def stopped_by(job: SlurmJob | None, ending: Ending) -> Ending:
    """The end of a run that was told to stop: preempted, its node lost, past Slurm's own limit, or cancelled there."""
    if job is None or job.state not in ENDS:
        return ending
    return ending.model_copy(
        update={"state": ENDS[job.state], "reason": f"Slurm job {job.job_id} is {job.state}; {ending.reason}"}
    )


def _why(job: SlurmJob) -> str:
    where = f" on {job.nodes}" if job.nodes else ""
    if job.state == "OUT_OF_MEMORY":
        return f"out of memory{where}, raise memory_gb of its pipeline"
    if job.state in ENDS:
        return f"without an exit.json of its own{where}"
    return f"{_how(job.exit)}{where}"


def _how(end: Exit) -> str:
    """Slurm's own reason says JobLaunchFailure also of programs that a signal ended."""
    if end.signal == LAUNCH_FAILURE:
        return f"the node cannot write {LOG}: {UNSEEN}"
    if end.signal:
        return f"the wrapper was ended by {signal_name(end.signal)}"
    return SHELL_WORDS.get(end.status, f"exit status {end.status}, but no exit.json")


def signal_name(number: int) -> str:
    """SIGKILL of 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
