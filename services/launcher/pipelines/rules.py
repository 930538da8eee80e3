"""Which pipelines run for which collection: rules, first come first, and what a collection itself asks for. Pure."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.messages import Parameters, ProcessCollection, Urgency

Kind = Literal["rotation", "screening", "characterisation", "gridscan", "multi-sweep"]


class _Setting(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Setting):
    """Which collections a rule is for; what is left out does not matter."""

    kinds: tuple[Kind, ...] = Field(
        default=(), description="rotation, screening, characterisation, gridscan, multi-sweep"
    )
    beamlines: tuple[str, ...] = Field(default=(), description="such as i03")
    detectors: tuple[str, ...] = Field(default=(), description="as announced, such as EIGER2 16M")
    cell_is_known: bool | None = Field(default=None, description="whether the unit cell is announced")
    space_group_is_known: bool | None = Field(default=None, description="whether the space group is announced")
    anomalous: bool | None = Field(default=None, description="whether an anomalous scatterer is announced")

    def fits(self, request: ProcessCollection) -> bool:
        """Whether the rule is for this collection."""
        c = request.collection
        known = (
            (self.cell_is_known, c.unit_cell is not None),
            (self.space_group_is_known, c.space_group is not None),
            (self.anomalous, c.anomalous_scatterer is not None),
        )
        listed = ((self.kinds, kind_of(request)), (self.beamlines, c.beamline), (self.detectors, c.detector))
        return all(wanted in (None, is_so) for wanted, is_so in known) and all(
            not wanted or has in wanted for wanted, has in listed
        )


class Outcome(_Setting):
    """One pipeline of a rule."""

    pipeline: str = Field(description="name in the table of pipelines")
    parameters: Parameters = Field(default_factory=dict, description="from the pipeline's allow-list")
    urgency: Urgency = Field(default="primary", description="primary: at once; secondary: when there is room")


class Rule(_Setting):
    """One row of the table."""

    name: str = Field(description="what `mxmesh explain` calls it")
    when: When = When()
    run: tuple[Outcome, ...] = Field(description="the pipelines; none: nothing runs")


class Decision(_Setting):
    """A pipeline that shall run, and why."""

    outcome: Outcome
    why: str


Rules = tuple[Rule, ...]
RULES: Rules = (
    Rule(name="every rotation", when=When(kinds=("rotation", "multi-sweep")), run=(Outcome(pipeline="dials"),)),
)
"""What runs unless the settings say otherwise: the pipeline that needs nothing but DIALS."""


def kind_of(request: ProcessCollection) -> Kind:
    """What a collection is to the rules."""
    if request.others:
        return "multi-sweep"
    c = request.collection
    return c.purpose if c.experiment == "rotation" and c.purpose else c.experiment


def decide(request: ProcessCollection, rules: Sequence[Rule]) -> tuple[Decision, ...]:
    """The pipelines for a request that names none; where several rules name one, the first counts."""
    chosen: dict[str, Decision] = {}
    for rule in rules:
        if rule.when.fits(request):
            for outcome in rule.run:
                chosen.setdefault(outcome.pipeline, Decision(outcome=outcome, why=f"rule {rule.name!r}"))
    preferred = request.collection.preferred_pipeline
    if preferred:
        outcome = chosen[preferred].outcome if preferred in chosen else Outcome(pipeline=preferred)
        at_once = outcome.model_copy(update={"urgency": "primary"})
        chosen[preferred] = Decision(outcome=at_once, why="preferred by whoever announced the collection")
    return tuple(chosen.values())


def expand(request: ProcessCollection, rules: Sequence[Rule]) -> tuple[ProcessCollection, ...]:
    """A request for each pipeline; what the request itself sets wins over the rule's parameters."""
    return tuple(
        request.model_copy(
            update={
                "pipeline": decision.outcome.pipeline,
                "parameters": {**decision.outcome.parameters, **request.parameters},
                "urgency": decision.outcome.urgency,
            }
        )
        for decision in decide(request, rules)
    )


def known_parameters(request: ProcessCollection, names: Sequence[str]) -> dict[str, Any]:
    """What is announced of the crystal, as parameters of a pipeline that has them under these names."""
    c = request.collection
    known = {
        "space_group": c.space_group,
        "unit_cell": ",".join(f"{value:g}" for value in c.unit_cell) if c.unit_cell else None,
        "atom": c.anomalous_scatterer,
        "anomalous": True if c.anomalous_scatterer else None,
    }
    return {name: value for name, value in known.items() if value is not None and name in names}
