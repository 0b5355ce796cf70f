"""The report's page and its drawings."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from mainspring.workflows.demo import figures, page
from mainspring.workflows.demo.drawing import Box, draw


def test_what_comes_from_data_is_escaped() -> None:
    """A name with angle brackets stays a name."""
    made = page.table(["<b>"], [["a < b & c"]])
    assert "&lt;b&gt;" in made
    assert "a &lt; b &amp; c" in made


def test_sections_are_numbered_and_listed() -> None:
    """The contents lead to every section."""
    made = page.page("t", "lead", [], [page.Section("one", []), page.Section("two", [])], "foot")
    assert made.count('href="#s') == 2
    assert '<section id="s2">' in made


def test_a_drawing_has_its_boxes_and_arrows() -> None:
    """Well-formed SVG with a box a thing and a path an arrow; long texts are cut."""
    boxes = [Box("a", 0, "rows", "commit 1", "data"), Box("b", 1, "x" * 60, "<detail>", "answer")]
    root = ET.fromstring(draw(boxes, [("a", "b")], ["from", "to"], "a & b"))
    assert len(root.findall("rect")) == 2
    assert len(root.findall("path")) == 1
    assert root.find("title") is not None and root.find("title").text == "a & b"  # type: ignore[union-attr]
    assert all(len(text.text or "") <= 30 for text in root.findall("text"))


def test_figures_are_svg_that_fetches_nothing() -> None:
    """A figure scales with the page and has a title for screen readers."""
    recall = np.linspace(0, 1, 50)
    made = figures.precision_recall_figure({"model": (1 - recall / 2, recall)}, 0.2)
    root = ET.fromstring(made)
    assert "width" not in root.attrib and "viewBox" in root.attrib
    assert made.count("<title>") == 1
    assert "<image" not in made and "@import" not in made


def test_a_month_without_figures_can_be_drawn() -> None:
    """Not-a-number intervals leave gaps and no error."""
    nan = float("nan")
    month = figures.Month("Apr", "version 2", 0.2, 0.3, nan, nan, nan, nan, nan, nan, nan, nan, True)
    assert figures.months_figure([month]).startswith("<svg")
    assert figures.performance_figure([month]).startswith("<svg")
