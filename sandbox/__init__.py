"""Local HubSpot and Salesforce servers with a seeded, living portfolio."""
