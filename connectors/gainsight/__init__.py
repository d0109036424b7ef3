"""Gainsight CS (NXT): companies and what hangs on them in, computed values out to fields of Company."""
