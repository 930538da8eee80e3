"""What a Job and its pods say of a run: a table of the cases."""

import pytest

from services.launcher.backends.kubernetes.reading import ClusterJob, Pod, read, stopped_by
from shared.messages import RunState

DELETED = {"metadata": {"deletionTimestamp": "2026-11-24T12:00:00Z"}}
DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}


def job(*conditions, **fields):
    return ClusterJob.model_validate({"status": {"conditions": list(conditions)}, **fields})


def condition(kind, reason=None, status="True"):
    return {"type": kind, "status": status, "reason": reason}


def pod(phase, *conditions, **state):
    statuses = [{"state": state}] if state else []
    return Pod.model_validate(
        {"status": {"phase": phase, "conditions": list(conditions), "containerStatuses": statuses}}
    )


def ended(code, reason="Error"):
    return {"terminated": {"exitCode": code, "reason": reason, "message": "python3: not found"}}


PENDING, RUNNING = pod("Pending"), pod("Running", running={})
NO_IMAGE = pod("Pending", waiting={"reason": "ImagePullBackOff", "message": "no such image"})
CREATING = pod("Pending", waiting={"reason": "ContainerCreating"})
NO_ROOM = pod(
    "Pending", {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "1 Insufficient cpu"}
)
FAILED = job(condition("FailureTarget", "PodFailurePolicy"), condition("Failed", "PodFailurePolicy"))
OVERDUE = job(condition("FailureTarget", "DeadlineExceeded"))
BEGUN = {"claimed": True}
CASES = {
    "no pod yet": (job(), [], {}, RunState.QUEUED, "no pod yet"),
    "waits for a node": (job(), [NO_ROOM], {}, RunState.QUEUED, "Unschedulable: 1 Insufficient cpu"),
    "waits for its image": (job(), [NO_IMAGE], {}, RunState.QUEUED, "ImagePullBackOff: no such image"),
    "is being made": (job(), [CREATING], {}, RunState.QUEUED, None),
    "runs": (job(), [RUNNING], BEGUN, RunState.RUNNING, None),
    "silent, but its pod lives": (job(), [RUNNING], BEGUN | {"silent": True}, RunState.RUNNING, None),
    "out of memory": (FAILED, [pod("Failed", **ended(137, "OOMKilled"))], BEGUN, RunState.FAILED, "out of memory"),
    "wrapper cannot start": (FAILED, [pod("Failed", **ended(127))], {}, RunState.FAILED, "status 127"),
    "failed, its pod is gone": (FAILED, [], BEGUN, RunState.FAILED, "PodFailurePolicy"),
    "deadline, pod ends": (OVERDUE, [RUNNING], BEGUN, RunState.RUNNING, None),
    "deadline": (OVERDUE, [], {}, RunState.TIMED_OUT, "deadline"),
    "done without a word": (job(condition("Complete")), [], BEGUN, RunState.LOST, "wrote no end"),
    "not complete": (job(condition("Complete", status="False")), [], {}, RunState.QUEUED, "no pod yet"),
    "deleted": (None, [], BEGUN, RunState.LOST, "deleted"),
    "cancelled": (None, [], BEGUN | {"cancelled": True}, RunState.CANCELLED, "deleted"),
    "being deleted": (job(**DELETED), [], BEGUN | {"cancelled": True}, RunState.CANCELLED, "deleted"),
    "cancelled, pod ends": (None, [RUNNING], BEGUN | {"cancelled": True}, RunState.RUNNING, None),
    "drained": (job(), [pod("Failed", DISRUPTED), PENDING], BEGUN, RunState.LOST, "EvictionByEvictionAPI: drained"),
    "being drained": (job(), [pod("Running", DISRUPTED)], BEGUN, RunState.RUNNING, None),
    "node does not answer": (job(), [pod("Running", DISRUPTED)], BEGUN | {"silent": True}, RunState.LOST, "drained"),
    "drained before it began": (job(), [pod("Failed", DISRUPTED), PENDING], {}, RunState.QUEUED, None),
}


@pytest.mark.parametrize(("found", "pods", "known", "state", "detail"), CASES.values(), ids=CASES)
def test_each_case_has_its_state_and_its_words(found, pods, known, state, detail):
    facts = {"claimed": False, "cancelled": False, "silent": False, **known}
    status = read(found, pods, **facts)
    assert status.state is state
    assert status.detail is None if detail is None else detail in status.detail


STOPS = {
    "deleted by somebody": (None, [], RunState.LOST, "deleted"),
    "being deleted": (job(**DELETED), [pod("Failed", DISRUPTED)], RunState.LOST, "deleted"),
    "deadline": (OVERDUE, [pod("Failed", DISRUPTED)], RunState.TIMED_OUT, "deadline"),
    "taken from its node": (job(), [pod("Failed", DISRUPTED)], RunState.LOST, "drained"),
    "its pod deleted by somebody": (job(), [PENDING], RunState.LOST, "no reason given"),
}


@pytest.mark.parametrize(("found", "pods", "state", "detail"), STOPS.values(), ids=STOPS)
def test_a_stop_that_nobody_asked_for_has_a_cause(found, pods, state, detail):
    said = stopped_by(found, pods)
    assert said.state is state
    assert detail in said.detail
