"""Salesforce: SOQL and Bulk 2.0 in, sObject Collections and Bulk 2.0 out, custom fields by the Tooling API.

`connector.connect` opens a connection; this package imports nothing heavy, because settings models are read at start.
"""
