"""What people see: read-only views of the store, in a terminal or a browser."""
