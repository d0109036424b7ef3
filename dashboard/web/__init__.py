"""The dashboard: read-only pages over the store, each with a `.json` twin made from the same model."""
