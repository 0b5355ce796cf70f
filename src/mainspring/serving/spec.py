"""The nouns of serving, as frozen values."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from mainspring.lineage.spec import Value


class Cause(enum.StrEnum):
    """What put a revision in force."""

    CREATE = "create"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class DeploymentRevision(Value):
    """A model version in force at a deployment, from one moment on. Immutable; an asset.

    Attributes:
        id: the asset's id.
        deployment: the deployment's name.
        number: counts up from 1 within the deployment.
        model, model_version: name and number of the champion.
        version_id, package_id: its assets.
        view, view_version, view_id: the feature view that feeds it.
        cause: what put it in force.
        restores: id of the revision that a rollback went back to; None otherwise.
        reason: in the words of whoever did it; may be empty.
        actor: who did it.
        epoch: of the weight table that put it in force.
        created_at: the project clock.
    """

    id: str
    deployment: str
    number: int
    model: str
    model_version: int
    version_id: str
    package_id: str
    view: str
    view_version: int
    view_id: str
    cause: Cause
    restores: str | None
    reason: str
    actor: str
    epoch: int
    created_at: datetime


class ServingContext(Value):
    """What the predictions that name it have in common: revision, package, view, weight table, decision.

    Attributes:
        id: logged with every prediction.
        deployment: the deployment's name.
        epoch: of the weight table; unique in the deployment.
        revision_id: the deployment revision in force.
        table: the weight table as it lay on disk, plain JSON.
        created_at: the project clock when it came into force.
    """

    id: str
    deployment: str
    epoch: int
    revision_id: str
    table: dict[str, Any]
    created_at: datetime


class Rollout(Value):
    """A change from one version to another under way; only shadows so far. An asset.

    Attributes:
        id: the asset's id.
        deployment: the deployment's name.
        kind: `shadow`: the candidate is scored on live requests and never answers.
        champion_id: the deployment revision in force when it began.
        candidate, candidate_version: model name and number.
        candidate_id: asset id of that version.
        created_at: the project clock when it began; its end is the event `rollout.ended`.
    """

    id: str
    deployment: str
    kind: str
    champion_id: str
    candidate: str
    candidate_version: int
    candidate_id: str
    created_at: datetime


class Outcome(Value):
    """A true label for a prediction. Append-only: a later one corrects, an equal one changes nothing.

    Attributes:
        deployment: the deployment's name.
        prediction_id: what it is the outcome of.
        value: the label; true and false are 1 and 0.
        known_at: when it came to be known.
        received_at: when it was posted, on the project's clock.
        execution_id: the posting.
    """

    deployment: str
    prediction_id: str
    value: float
    known_at: datetime
    received_at: datetime
    execution_id: str


class LogPart(enum.StrEnum):
    """What of a deployment's log a retention rule is about."""

    PREDICTIONS = "predictions"
    OUTCOMES = "outcomes"


class LogCut(Value):
    """A deletion of everything of a log that is older than a moment. Append-only: later ones go further.

    Attributes:
        execution_id: the execution that deleted.
        deployment: the deployment's name.
        part: predictions made, or outcomes received, before `before_at`.
        before_at: the beginning of a day in UTC, on the project's clock.
        reason: the rule, or in the words of whoever deleted.
        n_rows: how many rows there were; of predictions, shadows too.
        n_days: on how many days.
        cut_at: the project clock.
    """

    execution_id: str
    deployment: str
    part: LogPart
    before_at: datetime
    reason: str
    actor: str
    n_rows: int
    n_days: int
    cut_at: datetime


class OutcomeCounts(Value):
    """What became of the rows of one posting; the first five add up to `n_rows`.

    Attributes:
        n_rows: rows posted.
        n_stored: new labels of known predictions.
        n_corrected: another value for a labelled prediction, known later than the label there is: stored, and
            in force from then on. Reads as of an earlier time still see the earlier label.
        n_duplicates: value and known time that are there already: nothing changes.
        n_contradictory: another value with the same or an earlier known time: refused, not stored.
        n_orphans: no such prediction is in the log: stored, and joined if the prediction turns up.
        n_late: among the stored, corrected and orphaned: posted more than a day after they were known.
        contradictory: up to ten prediction ids of the refused.
        orphans: up to ten prediction ids of the orphaned.
    """

    n_rows: int
    n_stored: int
    n_corrected: int
    n_duplicates: int
    n_contradictory: int
    n_orphans: int
    n_late: int
    contradictory: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


class RolledBack(Value):
    """What a rollback did.

    Attributes:
        revision: number of the revision now in force.
        model, version: what answers now.
        ended_shadow: the version, as `model/3`, that was a shadow until then; None if there was none.
        seconds: from the call to the weight table lying on disk; workers follow within 50 ms.
        recorded: whether the records have it already; if not, they get it when the database is back.
    """

    revision: int
    model: str
    version: int
    ended_shadow: str | None
    seconds: float
    recorded: bool


class LogCounts(Value):
    """How the prediction log stands.

    Attributes:
        n_logged: predictions that answered (not shadows), published or waiting in segments.
        n_shadow: shadow predictions.
        n_gaps: predictions answered and lost, as far as gap records tell.
        n_waiting: rows not yet published, of both kinds.
    """

    n_logged: int
    n_shadow: int
    n_gaps: int
    n_waiting: int


class Published(Value):
    """What one publication of the log did.

    Attributes:
        n_segments: segments moved into the table.
        n_rows: predictions in them.
        n_gaps: predictions that their gap records and damage count as lost.
    """

    n_segments: int
    n_rows: int
    n_gaps: int
