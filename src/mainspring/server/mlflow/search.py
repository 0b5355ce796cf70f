"""The route that searches runs, and what searches have in common."""

from __future__ import annotations

from typing import Any, Final

from mainspring.server.mlflow.limits import check_page_size, read_experiment_id
from mainspring.server.mlflow.runs import told_run
from mainspring.server.mlflow.table import Route
from mainspring.server.mlflow.views import read_shown
from mainspring.server.mlflow.wire import Message, read_offset, without_empty, write_token
from mainspring.tracking.remote import Remote
from mainspring.tracking.remote.spec import Query

DEFAULT_PAGE: Final = 1_000
MAX_PAGE: Final = 50_000


class SearchRuns(Message):
    """What `runs/search` takes."""

    experiment_ids: list[str] | None = None
    filter: str | None = None
    run_view_type: str | int | None = None
    max_results: int | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


def search_runs(remote: Remote, given: SearchRuns) -> dict[str, Any]:
    """`POST runs/search`."""
    limit = check_page_size(given.max_results, DEFAULT_PAGE, MAX_PAGE)
    offset = read_offset(given.page_token)
    shown = read_shown(given.run_view_type, "run_view_type")
    query = Query(shown, given.filter or "", tuple(given.order_by or ()), limit, offset)
    numbers = [read_experiment_id(each) for each in given.experiment_ids or ()]
    found, is_more = remote.find.search(numbers, query)
    token = write_token({"offset": offset + limit}) if is_more else None
    return without_empty({"runs": [told_run(each) for each in found], "next_page_token": token})


ROUTES = [Route("POST", "runs/search", SearchRuns, search_runs)]
