"""Deal and ticket pipelines, and what a stage implies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MADE = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; `probability` (0–1) is for deals only, tickets are just open or closed."""

    id: str
    label: str
    closed: bool
    probability: str | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline with its ordered stages."""

    id: str
    label: str
    stages: tuple[Stage, ...]

    def as_json(self, order: int) -> dict[str, Any]:
        """Return the pipeline as the API shows it; metadata values are strings."""
        return {
            "id": self.id, "label": self.label, "displayOrder": order, "archived": False,
            "createdAt": _MADE, "updatedAt": _MADE,
            "stages": [_stage_json(stage, position) for position, stage in enumerate(self.stages)],
        }  # fmt: skip


PIPELINES: dict[str, tuple[Pipeline, ...]] = {
    "deals": (
        Pipeline("default", "Sales Pipeline", (
            Stage("appointmentscheduled", "Appointment scheduled", closed=False, probability="0.2"),
            Stage("presentationscheduled", "Proposal", closed=False, probability="0.6"),
            Stage("contractsent", "Contract sent", closed=False, probability="0.9"),
            Stage("closedwon", "Closed won", closed=True, probability="1.0"),
            Stage("closedlost", "Closed lost", closed=True, probability="0.0"),
        )),
        Pipeline("renewals", "Renewals", (
            Stage("1180001", "Renewal opened", closed=False, probability="0.5"),
            Stage("1180002", "Renewal proposed", closed=False, probability="0.7"),
            Stage("1180003", "Renewal contract sent", closed=False, probability="0.9"),
            Stage("1180004", "Renewed", closed=True, probability="1.0"),
            Stage("1180005", "Not renewed", closed=True, probability="0.0"),
        )),
    ),
    "tickets": (
        Pipeline("0", "Support Pipeline", (
            Stage("1", "New", closed=False),
            Stage("2", "Waiting on contact", closed=False),
            Stage("3", "Waiting on us", closed=False),
            Stage("4", "Closed", closed=True),
        )),
    ),
}  # fmt: skip
STAGE_PROPERTY = {"deals": ("pipeline", "dealstage"), "tickets": ("hs_pipeline", "hs_pipeline_stage")}
_STAGES = {(kind, stage.id): stage for kind, lines in PIPELINES.items() for line in lines for stage in line.stages}


def stage_of(kind: str, stage_id: str | None) -> Stage | None:
    """Return a stage of the deal or ticket pipelines by its id, which is unique in the portal."""
    return _STAGES.get((kind, stage_id or ""))


def stage_ids(kind: str, pipeline_id: str | None = None) -> list[str]:
    """Return the stage ids of one pipeline, or of all of them."""
    return [s.id for line in PIPELINES[kind] if pipeline_id in (None, line.id) for s in line.stages]


def _stage_json(stage: Stage, order: int) -> dict[str, Any]:
    metadata = {"isClosed": str(stage.closed).lower()}
    if stage.probability is None:
        metadata["ticketState"] = "CLOSED" if stage.closed else "OPEN"
    else:
        metadata["probability"] = stage.probability
    return {"id": stage.id, "label": stage.label, "displayOrder": order, "metadata": metadata, "archived": False,
            "createdAt": _MADE, "updatedAt": _MADE,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT"}  # fmt: skip
