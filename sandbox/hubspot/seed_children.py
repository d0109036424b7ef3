"""The property values of deals, tickets, meetings, contacts and survey answers as this portal holds them."""

from __future__ import annotations

from sandbox.hubspot.clock import instant, midnight_ms, to_ms
from sandbox.hubspot.owners import owner_id
from sandbox.world.model import Contact, Deal, Meeting, Survey, Ticket

_SALES = {"appointment": "appointmentscheduled", "proposal": "presentationscheduled", "contract_sent": "contractsent",
          "won": "closedwon", "lost": "closedlost"}  # fmt: skip
_RENEWALS = {"appointment": "1180001", "proposal": "1180002", "contract_sent": "1180003", "won": "1180004",
             "lost": "1180005"}  # fmt: skip
_DEAL_TYPES = {"new": "newbusiness", "expansion": "existingbusiness", "renewal": "existingbusiness"}
_FORECAST = {"open": "PIPELINE", "won": "CLOSED", "lost": "OMIT"}
_OUTCOMES = {"cancelled": "CANCELED"}


def deal_values(deal: Deal) -> dict[str, str]:
    """Return a deal's values; HubSpot has no deal type for contractions, so they carry none."""
    renewal = deal.kind == "renewal"
    amount = "" if deal.amount is None else f"{deal.amount:f}"
    values = {
        "dealname": deal.name, "pipeline": "renewals" if renewal else "default",
        "dealstage": (_RENEWALS if renewal else _SALES)[deal.stage], "amount": amount,
        "closedate": instant(midnight_ms(deal.close_date) + 43_200_000), "deal_currency_code": deal.currency,
        "dealtype": _DEAL_TYPES.get(deal.kind, ""),
        "closed_lost_reason": deal.lost_reason or "", "hs_manual_forecast_category": _FORECAST[deal.state],
        "contract_term_months": str(deal.term_months or ""), "hubspot_owner_id": owner_id(deal.owner),
    }  # fmt: skip
    if deal.closed_won_at is not None:
        values["hs_closed_won_date"] = instant(to_ms(deal.closed_won_at))
    if deal.amount is not None and deal.term_months:
        yearly = f"{round(deal.amount * 12 / deal.term_months, 2):f}"
        values |= {"hs_arr": yearly, "hs_acv": yearly, "hs_tcv": amount}
    return values


def ticket_values(ticket: Ticket) -> dict[str, str]:
    """Return a ticket's values; sentiment and escalation level are custom properties."""
    stage = "4" if ticket.closed_at else "3" if ticket.first_reply_at else "1"
    values = {
        "subject": ticket.subject, "content": ticket.subject, "hs_pipeline": "0", "hs_pipeline_stage": stage,
        "hs_ticket_priority": ticket.priority, "hs_ticket_category": (ticket.category or "").upper(),
        "escalation_level": str(ticket.level), "hubspot_owner_id": owner_id(ticket.owner),
        "ticket_sentiment": "" if ticket.sentiment is None else str(ticket.sentiment),
    }  # fmt: skip
    if ticket.closed_at is not None:
        values["closed_date"] = instant(to_ms(ticket.closed_at))
    if ticket.first_reply_at is not None:
        values["first_agent_reply_date"] = instant(to_ms(ticket.first_reply_at))
    return values


def meeting_values(meeting: Meeting) -> dict[str, str]:
    """Return a meeting's values."""
    starts = instant(to_ms(meeting.starts_at))
    return {
        "hs_timestamp": starts, "hs_meeting_title": meeting.title, "hs_meeting_start_time": starts,
        "hs_meeting_end_time": instant(to_ms(meeting.ends_at)), "hs_activity_type": meeting.type or "",
        "hs_meeting_outcome": _OUTCOMES.get(meeting.outcome, meeting.outcome.upper()),
        "hubspot_owner_id": owner_id(meeting.owner),
    }  # fmt: skip


def contact_values(contact: Contact) -> dict[str, str]:
    """Return a contact's values."""
    return {"email": contact.email, "firstname": contact.first_name, "lastname": contact.last_name,
            "jobtitle": contact.title}  # fmt: skip


def survey_values(survey: Survey) -> dict[str, str]:
    """Return a feedback submission's values."""
    return {
        "hs_survey_type": survey.kind, "hs_value": f"{survey.score:g}", "hs_survey_channel": "EMAIL",
        "hs_submission_name": f"{survey.kind} survey", "hs_submission_timestamp": instant(to_ms(survey.answered_at)),
    }  # fmt: skip
