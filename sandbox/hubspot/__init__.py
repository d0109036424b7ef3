"""A local HubSpot portal: CRM objects, properties, pipelines, owners and associations with HubSpot's semantics."""
