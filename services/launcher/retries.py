"""Which ended runs are started anew, and what their ends say of it. Pure."""

from services.launcher.runs import Ending
from shared.messages import CancelProcessing, ProcessCollection, RunState

AGAIN = frozenset({RunState.LOST})
"""A place that lost a run may keep the next; a program that failed would fail again."""


def next_attempt(request: ProcessCollection, ending: Ending, retries: int) -> ProcessCollection | None:
    """The request for another attempt, always the same one for the same end; None: there is none.

    Args:
        request: what ended.
        ending: how.
        retries: how many attempts may follow the one that was asked for.
    """
    if ending.state not in AGAIN or request.n_retries >= retries:
        return None
    return request.model_copy(update={"attempt": request.attempt + 1, "n_retries": request.n_retries + 1})


def explained(ending: Ending, cancel: CancelProcessing | None, again: ProcessCollection | None) -> Ending:
    """The end with who cancelled it and why, or with what follows."""
    if ending.state is RunState.CANCELLED and cancel:
        return ending.model_copy(update={"reason": f"{cancel} ({ending.reason})" if ending.reason else str(cancel)})
    if again:
        return ending.model_copy(update={"reason": f"{ending.reason}; tried again as {again.run_id}"})
    return ending
