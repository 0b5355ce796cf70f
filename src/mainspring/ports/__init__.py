"""What mainspring needs from the world: one folder a port, `_base.py` the contract, one file a backend."""
