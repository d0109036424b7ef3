"""Connectors to the CRMs: everything that speaks a vendor's API, and nothing that knows a business rule."""
