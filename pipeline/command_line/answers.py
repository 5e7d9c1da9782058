"""`rapport answer`: figures that can be rebuilt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from pipeline.command_line.home import HomeOption, home_of, refusals


class RegisterUnlessNamed(TyperGroup):
    """`rapport answer query.sql` registers; `rapport answer verify ID` is a command of its own."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in (*self.commands, "--help"):
            args = ["register", *args]
        return super().parse_args(ctx, args)


def register(
    query: Annotated[
        Path, typer.Argument(help="File with one SELECT.", exists=True, dir_okay=False)
    ],
    release: Annotated[
        str | None, typer.Option("--release", help="Run; default: the published one.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Run one query on a release, print its rows and register the answer.

    Kept in answers/ and in the audit chain: query, hash of the rows, release, versions; no row.
    Needs no name before it: `rapport answer QUERY`.

    Example: rapport answer --release 2026-11-28T02-00-00Z figure-2.sql
    """
    from pipeline.commands.answer import register as keep

    with refusals():
        answer, rows = keep(home_of(home), query.read_text(encoding="utf-8").strip(), release)
    typer.echo("\t".join(rows.columns))
    for row in rows.values:
        typer.echo("\t".join("" if value is None else str(value) for value in row))
    typer.echo(
        f"Answer {answer.answer_id}: {answer.n_rows:,} row(s) of release {answer.release}, "
        f"SHA-256 {answer.result_sha256}",
        err=True,
    )


def verify(
    answer_id: Annotated[str, typer.Argument(help="As `rapport answer` printed it.")],
    home: HomeOption = None,
) -> None:
    """Run a registered query again on its release and compare. Exit code 0: the same; 1: not."""
    from pipeline.commands.answer import verify as run_again

    with refusals():
        answer = run_again(home_of(home), answer_id)
    typer.echo(
        f"Answer {answer_id} stands: the same {answer.n_rows:,} row(s) of release {answer.release}."
    )
