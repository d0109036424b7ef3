"""Picklists: categories of items, which records hold by the item's GSID while people see its label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.gainsight.ids import gsid

_ITEM_KIND = "da_picklist"


@dataclass(slots=True)
class Item:
    """One value of a category; an inactive one stays in records that have it and is refused in writes."""

    gsid: str
    label: str
    order: int
    active: bool = True
    closed: bool = False  # for states of calls to action and of plans


@dataclass(slots=True)
class Category:
    """A list of values; `name` is the system name by which configuration calls ask for it."""

    name: str
    items: list[Item] = field(default_factory=list)

    @property
    def gsid(self) -> str:
        """The id of the category itself."""
        return gsid(_ITEM_KIND, f"category/{self.name}")

    def add(self, label: str, *, closed: bool = False) -> Item:
        """Append an item."""
        order = len(self.items) + 1
        item = Item(gsid(_ITEM_KIND, f"{self.name}/{order}"), label, order, closed=closed)
        self.items.append(item)
        return item

    def by_gsid(self, identity: object) -> Item | None:
        """Return the item with this id, active or not."""
        return next((item for item in self.items if item.gsid == identity), None)

    def by_label(self, label: object) -> Item | None:
        """Return the item with exactly this label; of an active and a retired one, the active."""
        named = [item for item in self.items if item.label == label]
        return next((item for item in named if item.active), named[0] if named else None)

    def find(self, value: object) -> Item | None:
        """Return the item that a client means by its label or its id."""
        return self.by_label(value) or self.by_gsid(value)

    def options(self) -> list[dict[str, Any]]:
        """Return the items as describe shows them: their `value` is the id."""
        return [
            {
                "active": item.active, "defaultValue": False, "label": item.label, "validFor": None,
                "value": item.gsid, "displayOrder": item.order, "group": None, "groupId": self.gsid, "color": None,
                "controllerValues": None, "description": "", "systemName": item.label,
            }
            for item in self.items
        ]  # fmt: skip

    def as_dropdown(self) -> dict[str, Any]:
        """Return the category with its items as the dropdown call shows them."""
        details = {
            "deleted": False, "name": self.name, "description": self.name, "type": "SYSTEM", "count": len(self.items),
            "limit": 500, "variant": "SINGLE_SELECT", "systemName": self.name, "gsid": self.gsid,
        }  # fmt: skip
        children = [
            {
                "deleted": False, "name": item.label, "description": "", "displayOrder": item.order,
                "shortName": None, "color": None, "active": item.active, "systemDefined": False,
                "systemName": item.label, "default": False, "categoryId": self.gsid, "gsid": item.gsid,
            }
            for item in self.items
        ]  # fmt: skip
        return {"categoryDetails": details, "childItems": children}


CLOSED = "!"
"""Ends the label of a state in which a call to action or a plan is over."""
CATEGORIES: dict[str, tuple[str, ...]] = {
    "Company Industry": ("Technology", "Logistics", "Retail", "Insurance", "Energy", "Healthcare", "Education",
                         "Manufacturing", "Food", "Maritime"),
    "Company Type": ("Customer", "Former Customer", "Prospect"),
    "Company Stage": ("New Customer", "Kicked Off", "Launched", "Adopting", "Will Churn", "Churn"),
    "Company Status": ("Active", "Inactive", "Churn"),
    "Managed As": ("Customer", "Ex-customer", "Partner", "Prospect"),
    "Company Tags": ("Strategic", "Reference", "Beta"),
    "Health Band": ("green", "yellow", "red", "unknown"),
    "Currency": ("EUR", "USD", "GBP", "DKK", "SEK", "NOK"),
    "License Type": ("Full", "Viewer", "Viewer_Analytics", "Internal_Collaborator", "External"),
    "CTA_TYPE": ("Risk", "Opportunity", "Lifecycle", "Objective"),
    "CTA_STATUS": ("New", "Work In Progress", "Closed Success!", "Closed Lost!", "Closed Invalid!"),
    "CTA_PRIORITY": ("High", "Medium", "Low"),
    "CTA_REASON": ("Usage Drop", "Survey Response", "Bugs Risk", "Support Risk", "Renewal", "Onboarding", "Other"),
    "SUCCESS_PLAN_TYPE": ("Onboarding", "ROI", "Renewal"),
    "SUCCESS_PLAN_STATUS": ("Draft", "Active", "Closed Success!", "Closed Lost!"),
    "ACTIVITY_TYPE": ("Update", "Call", "Meeting", "Email", "Milestone", "In-Person Meeting"),
    "Relationship Type": ("Product", "Department"),
    "Relationship Stage": ("Onboarding", "Adoption", "Renewal"),
}  # fmt: skip


def categories() -> dict[str, Category]:
    """Return the categories of a fresh tenant by system name."""
    return {name: category(name, labels) for name, labels in CATEGORIES.items()}


def category(name: str, labels: Iterable[str]) -> Category:
    """Make a category of these labels."""
    made = Category(name)
    for label in labels:
        made.add(label.removesuffix(CLOSED), closed=label.endswith(CLOSED))
    return made
