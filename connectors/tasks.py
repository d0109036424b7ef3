"""What the configuration says about the tasks that alerts become in a CRM."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from connectors.strict import Strict


class TaskSettings(Strict):
    """Which alerts become tasks; none by default."""

    alerts: tuple[Annotated[str, Field(min_length=1)], ...] | Literal["all"] = Field(
        default=(), description="alerts of the framework that get a task in this CRM, by their ids, or all; none: off"
    )
    owner: Literal["alert", "none"] = Field(
        default="alert",
        description="whose task it is: of the person who has to answer the alert, else of the CSM; or of nobody",
    )

    @property
    def wanted(self) -> bool:
        """Whether any alert gets a task."""
        return bool(self.alerts)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The alerts that get one; None for all of them."""
        return None if self.alerts == "all" else self.alerts
