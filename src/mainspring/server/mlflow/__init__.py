"""The MLflow REST protocol: its tracking half, so that an unmodified client works; one file for each family of routes.

What calls mean is in `mainspring.tracking.remote`; here they are read, checked against the protocol's limits, and
answered in its words.
"""

from mainspring.server.mlflow.app import Mlflow

__all__ = ["Mlflow"]
