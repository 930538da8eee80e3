"""The mesh's vocabulary: every message that crosses the broker."""

from shared.messages.centring import Crystal as Crystal, GridResult as GridResult
from shared.messages.collection import (
    AnnouncementRejected as AnnouncementRejected,
    Answer as Answer,
    Collection as Collection,
    CollectionAccepted as CollectionAccepted,
    CollectionEnded as CollectionEnded,
    CollectionEnds as CollectionEnds,
    CollectionStarts as CollectionStarts,
    Grid as Grid,
    Rotation as Rotation,
    UnitCell as UnitCell,
    data_collection_event as data_collection_event,
)
from shared.messages.envelope import (
    Beamline as Beamline,
    CollectionRef as CollectionRef,
    Experiment as Experiment,
    Message as Message,
    Moment as Moment,
    Part as Part,
    now as now,
)
from shared.messages.images import (
    FindSpots as FindSpots,
    ImageFailure as ImageFailure,
    ImageSpots as ImageSpots,
    SpotsFound as SpotsFound,
)
from shared.messages.processing import (
    Alternative as Alternative,
    CancellationTaken as CancellationTaken,
    CancelProcessing as CancelProcessing,
    Parameters as Parameters,
    PipelineFamily as PipelineFamily,
    ProcessCollection as ProcessCollection,
    ProcessingRecorded as ProcessingRecorded,
    ProcessingResult as ProcessingResult,
    Reduction as Reduction,
    ResultFile as ResultFile,
    RunChanged as RunChanged,
    RunRef as RunRef,
    RunState as RunState,
    Shell as Shell,
    Step as Step,
    Urgency as Urgency,
)
from shared.messages.status import (
    ClockJump as ClockJump,
    DeadLetterTaken as DeadLetterTaken,
    MessageDeadLettered as MessageDeadLettered,
    ServiceBeat as ServiceBeat,
)
from shared.messages.zocalo import RecipeParameters as RecipeParameters, RunRecipes as RunRecipes
