"""A local Salesforce org with the semantics of the real one; see `state.SalesforceState` and `app.create_app`."""
