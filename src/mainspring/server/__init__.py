"""The prediction server: worker processes over HTTP, and who supervises them."""
