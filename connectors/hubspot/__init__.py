"""HubSpot: companies, deals, tickets and meetings in; customer-success properties of companies out."""
