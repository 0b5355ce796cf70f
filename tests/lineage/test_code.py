"""Which code an execution ran: Git's commit, whether the tree was dirty, and a digest of the files."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mainspring.lineage.spec import Code
from mainspring.project import open_project


def git(folder: Path, *words: str) -> str:
    """What Git says in that folder."""
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", folder, *who, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def executed(folder: Path, records_url: str) -> Code:
    """The code that an execution of the project in that folder names, as it is stored."""
    with open_project(folder, overrides={"records.url": records_url}) as project:
        with project.graph.execution("load", "planes") as work:
            pass
        found = project.graph.find_execution(work.id)
    assert found is not None
    return Code(commit=found.code_commit, dirty=found.code_dirty, digest=found.code_digest)


def test_an_execution_names_the_commit_the_dirty_flag_and_the_digest(
    tmp_path: Path, records_url: str
) -> None:
    """Without Git the digest alone; then the commit, clean or dirty; an edit changes the digest, the home does not."""
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "test"\n')
    (tmp_path / "steps.py").write_text("N = 1\n")
    (tmp_path / ".gitignore").write_text(".mainspring/\n")
    bare = executed(tmp_path, records_url)
    assert (bare.commit, bare.dirty) == (None, None)

    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    clean = executed(tmp_path, records_url)
    assert clean == Code(commit=git(tmp_path, "rev-parse", "HEAD"), dirty=False, digest=bare.digest)

    (tmp_path / "steps.py").write_text("N = 2\n")
    dirty = executed(tmp_path, records_url)
    assert (dirty.commit, dirty.dirty) == (clean.commit, True)
    assert dirty.digest != clean.digest

    git(tmp_path, "commit", "--quiet", "--all", "--message", "second")
    after = executed(tmp_path, records_url)
    assert after == Code(commit=git(tmp_path, "rev-parse", "HEAD"), dirty=False, digest=dirty.digest)
    assert after.commit != clean.commit
