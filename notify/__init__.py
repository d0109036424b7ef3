"""News to people: Slack, Teams, e-mail and signed webhooks; sends, and can write to no CRM."""
