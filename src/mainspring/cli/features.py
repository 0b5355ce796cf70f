"""`mainspring features`: groups, commits, views, training datasets."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from mainspring.cli._complete import datasets_like, groups_like
from mainspring.cli._options import Archived, In, Json, age, find_instant, group_reference, noun, opened
from mainspring.cli._output import plain, print_fields, print_json, print_rows
from mainspring.errors import InputError
from mainspring.notebook import words

DIGITS = 12
"""Of a digest in a table: enough to name what it is of."""

app = noun("Feature groups, commits, views, datasets.")
Group = Annotated[
    str, typer.Argument(metavar="GROUP", help="NAME or NAME@VERSION.", autocompletion=groups_like)
]


@app.command("list")
def list_groups(archived: Archived = False, project: In = None, json: Json = False) -> None:
    """Every feature group."""
    with opened(project) as found:
        rows = [_summary(group) for group in found.features.groups(archived=archived)]
    columns = ["group", "keys", "event_time", "known_time", "online", "columns", "commits", "owner", "tags"]
    spare = ["tags", "owner", "columns", "known_time"]
    print_rows(rows, columns, as_json=json, none="No feature groups yet.", spare=spare)


def _summary(group: Any) -> dict[str, Any]:
    spec = group.spec
    return {
        "group": spec.label,
        "keys": list(spec.keys),
        "event_time": spec.event_time,
        "known_time": spec.known_time,
        "online": spec.online,
        "columns": len(spec.columns or ()),
        "commits": len(group.commits()),
        "description": spec.description,
        "owner": spec.owner,
        "tags": list(spec.tags),
        "jurisdiction": spec.jurisdiction,
        "deprecated": None if spec.deprecation is None else spec.deprecation.reason,
    }


@app.command("show")
def show_group(name: Group, project: In = None, json: Json = False) -> None:
    """One group: its columns with types, times and expectations."""
    with opened(project) as found:
        group = found.features.get_group(*group_reference(name))
        spec = group.spec.model_copy(update={"name": group.name})
    if json:
        print_json(spec)
        return
    fields = spec.model_dump(mode="json", exclude={"columns", "expectations", "group_id"})
    print_fields({**fields, "expectations": len(spec.expectations)}, as_json=False)
    print_rows(
        spec.columns or (),
        ["name", "type", "description", "personal", "default"],
        as_json=False,
        none="No columns: nothing was inserted yet.",
    )


@app.command("search")
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words that must all occur; '' for any.")] = "",
    tag: Annotated[str | None, typer.Option("--tag", help="Only with this tag.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only of this owner.")] = None,
    personal: Annotated[
        str | None, typer.Option("--personal", help="Only marked so: direct, indirect, sensitive, or any.")
    ] = None,
    jurisdiction: Annotated[
        str | None, typer.Option("--jurisdiction", help="Only under this law, such as EU.")
    ] = None,
    deprecated: Annotated[
        bool | None, typer.Option("--deprecated/--in-use", help="Only deprecated ones, or only others.")
    ] = None,
    archived: Archived = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Find groups, columns and views by what is said of them, such as the reason of a deprecation."""
    marked = True if personal == "any" else personal
    with opened(project) as opened_project:
        found = opened_project.features.search(
            text,
            tag=tag,
            owner=owner,
            personal=marked,
            jurisdiction=jurisdiction,
            deprecated=deprecated,
            archived=archived,
        )
    columns = [
        "kind",
        "name",
        "type",
        "description",
        "owner",
        "tags",
        "jurisdiction",
        "personal",
        "deprecated",
    ]
    spare = ["jurisdiction", "tags", "personal", "owner"]
    print_rows(found, columns, as_json=json, none="Nothing fits.", spare=spare)


@app.command("commits")
def commits(name: Group, project: In = None, json: Json = False) -> None:
    """What was inserted, when, and what its expectations said."""
    with opened(project) as found:
        done = found.features.get_group(*group_reference(name)).commits()
    rows = [{**plain(commit), "broken": _broken(commit)} for commit in done]
    columns = [
        "number",
        "n_rows",
        "n_deletes",
        "n_failed",
        "verdict",
        "broken",
        "min_event",
        "max_event",
        "published_at",
        "asset_id",
    ]
    spare = ["asset_id", "min_event", "n_deletes", "max_event"]
    print_rows(rows, columns, as_json=json, none="No commits yet.", spare=spare)


def _broken(commit: Any) -> dict[str, int]:
    """How many rows broke each expectation that did not hold."""
    failed = () if commit.validation is None else commit.validation.failed
    return {result.expectation.name: result.n_failed for result in failed}


@app.command("head")
def head(
    name: Group,
    as_of: Annotated[int | None, typer.Option("--as-of", help="Read as of this commit number.")] = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many rows.")] = 10,
    project: In = None,
    json: Json = False,
) -> None:
    """The first rows of a group, now or as of a commit; NaN and infinities as text, in JSON too."""
    with opened(project) as found:
        frame = found.features.get_group(*group_reference(name)).read(as_of).to_polars().head(rows)
    print_rows(_cells(frame), frame.columns, as_json=json, none="No rows.", is_data=True)


def _cells(frame: Any) -> list[dict[str, Any]]:
    return [{column: _told(value) for column, value in row.items()} for row in frame.to_dicts()]


def _told(value: Any) -> Any:
    """A number that JSON has no word for as text: it is not the same as no value."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@app.command("profile")
def show_profile(
    name: Group,
    as_of: Annotated[int | None, typer.Option("--as-of", help="Read as of this commit number.")] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a page with plots, correlations and gaps over time."
        ),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Print expectations that the rows suggest, as Python to edit.")
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """What is in a group: ranges, shapes, missing, distinct and frequent values; of keys no value."""
    from mainspring.checks.infer import as_python, infer
    from mainspring.workflows.profile.write import write_page

    with opened(project) as found:
        group = found.features.get_group(*group_reference(name))
        profile = group.profile(as_of) if page is None else write_page(group, page, as_of)
    if suggest:
        suggested = infer(profile)
        if json:
            print_json(suggested)
        else:
            typer.echo(as_python(suggested), nl=False)
        return
    if json:
        print_json(profile)
        return
    last = profile.commits[-1] if profile.commits else None
    read = {"rows": f"{profile.n_rows:,}", "as_of_commit": last, "made_by": profile.made_by, "page": page}
    print_fields({key: value for key, value in read.items() if value is not None}, as_json=False)
    _print_described(profile)


def _print_described(profile: Any) -> None:
    """A line for each column."""
    rows = [_described(column) for column in profile.columns]
    spare = ["frequent", "sd", "mean", "type"]
    print_rows(rows, list(rows[0]) if rows else [], as_json=False, none="No columns.", spare=spare)


def _described(column: Any) -> dict[str, Any]:
    from mainspring.checks.outline import outline, spark
    from mainspring.workflows.profile.write import described

    shown = [
        f"{f'{value:.4g}' if isinstance(value, float) else words(value)} ({n:,})"
        for value, n in column.frequent[:3]
    ]
    told = described(column)
    if column.private:
        # A key, or marked as personal data.
        told["least"] = "(private)"
    return {**told, "shape": spark(outline(column).counts), "frequent": ", ".join(shown)}


@app.command("insert")
def insert(
    name: Group,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="CSV, Parquet, JSON or JSONL files, or a quoted pattern such as 'days/*.csv'.",
        ),
    ],
    project: In = None,
    json: Json = False,
) -> None:
    """Insert files as a new commit; the same files twice are one commit."""
    from mainspring.features.insert.files import content_key

    with opened(project) as found:
        group = found.features.get_group(*group_reference(name))
        data = paths[0] if len(paths) == 1 else paths
        commit = group.insert(data, idempotency_key=content_key(paths))
        columns = {column.name: column.type for column in group.spec.columns or ()}
    print_fields(
        {
            "group": commit.group,
            "commit": commit.number,
            "rows": commit.n_rows,
            "failed": commit.n_failed,
            "verdict": commit.verdict,
            "columns": columns,
            "asset_id": commit.asset_id,
        },
        as_json=json,
    )


@app.command("next-version")
def next_version(
    name: Group,
    keys: Annotated[
        list[str] | None, typer.Option("--key", help="A key of the next version; repeat it.")
    ] = None,
    renamed: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="NEW=OLD", help="A column under a new name; repeat it."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="COLUMN=TYPE", help="A column's new type; repeat it."),
    ] = None,
    known_time: Annotated[
        str | None, typer.Option("--known-time", help="Column that says when a row was learnt.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """Define the next version of a group and back-fill it, commit by commit; again, it goes on where it stopped.

    A function as back-fill is given in Python: group.next_version(backfill=…).
    """
    from mainspring.features.schema import types_of

    mapping, retyped = _pairs(renamed or [], "--rename"), _pairs(types or [], "--type")
    with opened(project) as found:
        group = found.features.get_group(*group_reference(name))
        former = {old: new for new, old in mapping.items()}
        kept = {former.get(column, column): kind for column, kind in types_of(group.spec.columns).items()}
        made = group.next_version(
            keys=keys,
            known_time=known_time,
            schema={**kept, **retyped} if retyped else None,
            backfill=mapping or None,
        )
        commits = made.commits()
        told = {
            "group": made.spec.label,
            "commits": len(commits),
            "rows": sum(commit.n_rows for commit in commits),
        }
    print_fields(told, as_json=json)


def _pairs(given: list[str], where: str) -> dict[str, str]:
    """`NEW=OLD` as name → value."""
    names = [text.partition("=")[0] for text in given]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(
            expected="every name once",
            got=f"{twice[0]!r} twice",
            where=where,
            hint="One call for each value.",
        )
    for text in given:
        if not all(text.partition("=")[::2]):
            raise InputError(
                expected="NAME=VALUE", got=repr(text), where=where, hint="For example temp_c=temp."
            )
    return {text.partition("=")[0]: text.partition("=")[2] for text in given}


@app.command("compact")
def compact(name: Group, project: In = None, json: Json = False) -> None:
    """Write the rows of a group's many small files into few; reads answer the same."""
    with opened(project) as found:
        done = found.features.get_group(*group_reference(name)).compact()
    print_fields(done, as_json=json)


@app.command("vacuum")
def vacuum(
    name: Group,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Leave what is younger: 36h, 7d or 2w; at least 1h.")
    ] = "7d",
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; else it is only shown.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Show files that compactions left behind, and with --yes delete them; commits and pins need none of them."""
    with opened(project) as found:
        group = found.features.get_group(*group_reference(name))
        done = group.vacuum(older_than=age(older_than), dry_run=not yes)
    print_fields(done, as_json=json)
    if not yes and done.files and not json:
        typer.echo("Nothing was deleted: add --yes.")


@app.command("erase")
def erase(
    name: Group,
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Whose rows: key columns and their values.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, in your words; kept with it.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Erase them; else they are only counted.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Count the rows of an entity, and with --yes erase them from every file of a group, for ever.

    Training datasets that were made of it lose their rows too. What else holds them is listed and not erased, such as
    models and examples of broken expectations. So are not backups, logged predictions and the files that were inserted.
    """
    from mainspring.features.insert.files import with_times

    with opened(project) as found:
        group = found.features.get_group(*group_reference(name))
        entity = _entity(_pairs(keys, "KEY=VALUE"), group.spec, with_times)
        done = group.erase(entity, reason=reason, dry_run=not yes)
    if json:
        print_json(done)
        return
    apart = {"datasets", "copies", "names"}
    print_fields({name: value for name, value in vars(done).items() if name not in apart}, as_json=False)
    if done.held:
        rows = [vars(each) for each in done.held]
        print_rows(rows, list(rows[0]), as_json=False, none="", spare=["id"])
    if done.copies.in_records:
        typer.echo(f"In files of the database: {done.copies.in_records}")
    if done.found_nothing:
        typer.echo("No such entity: nothing was erased.")
    elif not yes:
        typer.echo('Nothing was erased: add --yes --reason "…".')


def _entity(given: dict[str, str], spec: Any, with_times: Any) -> Any:
    """Text of the command line as the group's keys."""
    import polars as pl

    types = spec.given_types
    values = {key: [_key(key, text, types.get(key, ""))] for key, text in given.items()}
    return with_times(pl.DataFrame(values), types)


def _key(key: str, text: str, kind: str) -> int | bool | str:
    """One key's value; times stay text here."""
    if kind == "int64" and text.removeprefix("-").isdecimal() and int(text) in range(-(2**63), 2**63):
        return int(text)
    if kind == "bool" and text in {"true", "false"}:
        return text == "true"
    if kind in {"int64", "bool"}:
        raise InputError(
            expected="a whole number of 64 bits" if kind == "int64" else "true or false",
            got=repr(text),
            where=f"features erase, key {key!r}",
            hint="`mainspring features head` shows the keys of a group.",
        )
    return text


@app.command("changes")
def changes(
    name: Group,
    since: Annotated[int, typer.Argument(metavar="SINCE", help="Commit number; 0 = before the first.")],
    until: Annotated[
        int | None, typer.Argument(metavar="UNTIL", help="Commit number; else the newest.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many rows.")] = 20,
    project: In = None,
    json: Json = False,
) -> None:
    """What was inserted, updated and deleted between two commits, by key and event time."""
    with opened(project) as found:
        frame = found.features.get_group(*group_reference(name)).changes(since, until).frame.head(rows)
    print_rows(_cells(frame), frame.columns, as_json=json, none="No changes.", is_data=True)


@app.command("consume")
def consume(
    name: Group,
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="nats://[user:password@]host[:port]/STREAM/CONSUMER.")
    ],
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End, with a commit, when nothing comes for --wait seconds.")
    ] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0.01, help="How long to wait for a message, in seconds.")
    ] = 1.0,
    project: In = None,
    json: Json = False,
) -> None:
    """Push what a stream delivers into a group, each event once, until Ctrl-C."""
    from mainspring.features.push.api import Pushed
    from mainspring.ports.streams import open_stream

    total = Pushed()
    with opened(project) as found, closing(open_stream(stream)) as consumer:
        group = found.features.get_group(*group_reference(name))
        for done in group.consume(consumer, wait_s=wait_s):
            total += done
            if until_idle and not done.n_rows + done.n_repeated:
                break
        commits = [*total.commits, *(commit.number for commit in group.flush())]
    print_fields({"rows": total.n_rows, "repeated": total.n_repeated, "commits": commits}, as_json=json)


@app.command("materialize")
def materialize(
    until: Annotated[
        str | None, typer.Option("--until", help="ISO time; else the project's present.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """Bring what is known of every online group into the online store."""
    with opened(project) as found:
        written = found.features.materialize(find_instant(until, "--until"))
    print_fields({"entries_written": written}, as_json=json)


@app.command("views")
def views(archived: Archived = False, project: In = None, json: Json = False) -> None:
    """Every feature view."""
    with opened(project) as found:
        rows = [
            {
                "view": f"{view.name}@{view.version}",
                "features": len(view.features),
                "label": view.label,
                "feature_names": list(view.features),
                "asset_id": view.asset_id,
            }
            for view in found.features.views(archived=archived)
        ]
    columns = ["view", "features", "label", "asset_id"]
    print_rows(rows, columns, as_json=json, none="No views yet.", spare=["asset_id"])


@app.command("datasets")
def datasets(archived: Archived = False, project: In = None, json: Json = False) -> None:
    """Every training dataset, oldest first, with the digest of what erasures left and how many rows they took."""
    with opened(project) as found:
        rows = [
            plain(found.graph.get_asset(data.asset_id))
            | {
                "view": f"{data.spec.view}@{data.spec.view_version}",
                "rows": data.counts,
                "digest": data.digest,
                "made_digest": data.made_digest,
                "erased": sum(item.n_rows for item in data.erasures),
            }
            for data in found.features.training_datasets(archived=archived)
        ]
    if not json:
        rows = [{**row, "digest": row["digest"][:DIGITS]} for row in rows]
    columns = ["name", "view", "rows", "erased", "digest", "created_at", "id"]
    none = "No training datasets yet."
    print_rows(rows, columns, as_json=json, none=none, spare=["id", "view", "erased"])


@app.command("dataset")
def show_dataset(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="A name (its newest), a digest or its beginning, or an id.",
            autocompletion=datasets_like,
        ),
    ],
    part: Annotated[
        str | None, typer.Option("--split", help="Only this one: train, validation, test.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """One training dataset: what it was made of, and the columns of each split; of row keys no value."""
    with opened(project) as found:
        data = found.features.get_training_dataset(reference)
        profiles = {name: data.profile(name) for name in ([part] if part else data.splits)}
        spec = data.spec
        told: dict[str, Any] = {"name": data.name, "asset_id": data.asset_id, "digest": data.digest}
    if json:
        print_json({**told, **spec.model_dump(mode="json"), "splits": plain(profiles)})
        return
    told |= {
        "view": f"{spec.view}@{spec.view_version}",
        "label": spec.label,
        "split": spec.split.kind,
        "pins": spec.pins,
        "as_of": spec.as_of,
        "without_label": spec.n_unlabelled,
    }
    print_fields({key: value for key, value in told.items() if value is not None}, as_json=False)
    for name, profile in profiles.items():
        typer.echo(f"\n{name}: {profile.n_rows:,} rows")
        _print_described(profile)
