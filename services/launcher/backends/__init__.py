"""Where runs happen: one small protocol, one module per kind of place."""

from typing import Protocol

from services.launcher.runs import Job, RunStatus


class BackendError(Exception):
    """The place where runs happen refused something."""


class BackendDownError(BackendError):
    """The place cannot be reached now; try again later."""


class BackendSilentError(BackendDownError):
    """The place does not answer: each further question would cost the whole wait for it."""


class Backend(Protocol):
    """Starts runs and knows them again after a restart."""

    async def submit(self, job: Job) -> None:
        """Start a run, or do nothing if it is known already.

        Raises:
            BackendDownError: the place cannot be reached now.
            BackendError: it cannot be started.
        """
        ...

    async def status(self, job: Job) -> RunStatus | None:
        """How a run is, as far as that can be told while the place is down; None: nothing is known of it."""
        ...

    async def cancel(self, job: Job) -> None:
        """End a run soon, or once the place can be reached; its status tells when."""
        ...

    async def adopt(self) -> list[Job]:
        """Runs whose end has not been published yet, whoever submitted them.

        The place is not asked. Those of which it may not have heard are to be submitted again.
        """
        ...

    async def forget(self, job: Job) -> None:
        """The end of the run is published: ``adopt`` leaves it out from now on."""
        ...

    async def logs(self, job: Job) -> str:
        """What the place itself kept of a run, beside the logs of its steps."""
        ...
