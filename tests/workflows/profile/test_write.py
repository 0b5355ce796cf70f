"""The page of a profile, and the command that writes it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import mainspring as ms
from mainspring.cli._app import app
from mainspring.errors import AccessError
from mainspring.features.group import FeatureGroup
from mainspring.features.profiles import GroupProfile
from mainspring.project import Project
from mainspring.workflows.profile.write import write_page

pytestmark = pytest.mark.once


@pytest.fixture
def group(project: Project) -> FeatureGroup:
    """Rows with a hostile name, gaps for a while, and every kind of column."""
    random = np.random.default_rng(1)
    n = 600
    rows = pl.DataFrame(
        {
            "who": [f"secret-{i % 50}" for i in range(n)],
            "t": pl.Series(np.arange(n) * 3_600_000_000).cast(pl.Datetime("us", "UTC")),
            "<b>temp": random.normal(50, 20, n),
            "wind": random.gamma(2, size=n),
            "sky": random.choice(["rain & <i>", "sun"], n),
            "e": random.normal(size=(n, 3)),
        }
    ).with_columns(pl.when(pl.int_range(pl.len()) > 400).then(pl.col("wind")))
    found = project.features.group("weather", keys=["who"], event_time="t", description="hourly <x>")
    found.insert(rows.with_columns(pl.col("e").arr.to_list()))
    return found


class _Tags(HTMLParser):
    """Checks that tags close, and gathers what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [
            value or ""
            for name, value in attrs
            if name in {"src", "href"} and not (value or "").startswith("#")
        ]
        if tag in {"script", "link", "iframe"}:
            self.fetched.append(tag)
        if tag not in {"meta", "br", "rect", "line"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"rect", "line"}:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(group: FeatureGroup, tmp_path: Path) -> None:
    """Sections, escaped names and values, no script, no address, no value of a key."""
    path = tmp_path / "page.html"
    found = write_page(group, path)
    text = path.read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(text)
    assert (tags.open, tags.fetched) == ([], [])
    assert re.findall(r"</span>([A-Z][a-z ]+)</h2>", text) == [
        "Columns",
        "Distributions",
        "Correlations",
        "Missing over time",
    ]
    assert "<b>temp" not in text and "<i>" not in text and "<x>" not in text
    assert "secret" not in text
    assert "&lt;b&gt;temp" in text
    assert found.n_rows == 600


def test_the_command_prints_a_table_and_writes_the_page(
    group: FeatureGroup, records_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shapes as characters, JSON that is the profile, suggestions that are Python."""
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    words = ["features", "profile", "weather@1", "--project", str(tmp_path / "project")]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "█" in shown.stdout and "made by" in shown.stdout and "secret" not in shown.stdout
    page = tmp_path / "p.html"
    assert str(page) in CliRunner().invoke(app, [*words, "--html", str(page)]).stdout
    assert page.exists()
    printed = CliRunner().invoke(app, [*words, "--json"]).stdout
    read = GroupProfile.model_validate(json.loads(printed))
    assert [column.vector for column in read.columns] == [column.vector for column in group.profile().columns]
    suggested = CliRunner().invoke(app, [*words, "--suggest"]).stdout
    assert all(isinstance(each, ms.Expectation) for each in eval(suggested, {"ms": ms}))
    refused = CliRunner().invoke(app, [*words, "--html", str(tmp_path / "no" / "p.html")])
    assert isinstance(refused.exception, AccessError)
