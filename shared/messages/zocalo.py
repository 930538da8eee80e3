"""From Zocalo's clients to the mesh: processing requests in the form that its dispatcher takes."""

from typing import Literal

from pydantic import Field, PositiveInt

from shared.messages.envelope import Message, Part


class RecipeParameters(Part):
    """What a recipe is for; parameters that are not listed here are ignored."""

    ispyb_process: PositiveInt | None = Field(
        default=None, description="ISPyB's processingJobId: says collection, recipe, parameters and images"
    )
    ispyb_dcid: PositiveInt | None = Field(default=None, description="data collection id; goes with recipes")


class RunRecipes(Message):
    """A processing request as SynchWeb, `zocalo.go` and the like send it to `processing_recipe`."""

    schema_: Literal["run-recipes/1"] = Field(default="run-recipes/1", alias="schema")
    recipes: tuple[str, ...] = Field(default=(), description="names such as autoprocessing-xia2-dials-eiger")
    parameters: RecipeParameters
