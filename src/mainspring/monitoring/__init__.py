"""Monitoring: whether what was predicted still agrees with what happens, and alerts when it does not."""
