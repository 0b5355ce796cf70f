"""Deployments, the prediction log and outcomes."""
