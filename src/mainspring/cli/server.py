"""`mainspring server`: the prediction server."""

from __future__ import annotations

from typing import Annotated

import typer

from mainspring.cli._options import In, opened
from mainspring.log.progress import silent


def server(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; else serving.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 = a free one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes; else serving.workers.")
    ] = None,
    project: In = None,
) -> None:
    """Serve every deployment over HTTP until Ctrl-C."""
    from mainspring.server.supervisor import Server

    with opened(project, level="info", progress=silent) as found:
        found.graph.check_writable("server: predictions are logged")
        Server(found, host=host, port=port, workers=workers).run_forever()
