"""What went wrong, taken out of the groups that task groups raise."""

from collections.abc import Iterator


def leaves(fault: BaseException) -> Iterator[BaseException]:
    """The faults in a group of groups; a single one is its own leaf."""
    if isinstance(fault, BaseExceptionGroup):
        for inner in fault.exceptions:
            yield from leaves(inner)
    else:
        yield fault
