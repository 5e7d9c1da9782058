"""Registered answers: a published figure with the query, release and code it came from.

``home/answers/<id>.json`` holds the query, the hash of its rows, how many they were, the release
and the versions, never a row. The same query on the same release is the same answer, so that
`verify` can run it again and tell whether the figure still stands.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import duckdb

from pipeline.home import Home
from pipeline.steps.publish import published_run, releases
from pipeline.storage.duckdb_session import MEMORY
from pipeline.storage.ledger import Ledger
from pipeline.storage.parquet import whole
from transforms.errors import NothingToDoError, RapportError

DIGITS = 9  # of a number; its last bits differ with the order of a sum
# What DuckDB's parser shows as a column though it is a clock.
CLOCKS = {"current_time", "current_timestamp", "localtime", "localtimestamp"}
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SAFE = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
_ID = re.compile(r"[0-9a-f]{12}")


class AnswerError(RapportError):
    """A query cannot be registered, or an answer does not stand."""


@dataclass(frozen=True)
class Answer:
    """What is kept of an answer: all but its rows."""

    answer_id: str
    release: str
    query: str
    columns: tuple[str, ...]
    n_rows: int
    result_sha256: str  # of the rows sorted as text: their order does not count
    code_and_configuration: str  # of the release
    rapport_version: str
    duckdb_version: str


@dataclass(frozen=True)
class Rows:
    """What a query returned, in its own order."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]]


def register(home: Home, query: str, release: str | None = None) -> tuple[Answer, Rows]:
    """Run one query on a release and keep the answer; registering it again changes nothing.

    Raises AnswerError for what could not be run again with the same result: more than one
    statement, a clock, chance, a LIMIT over unsorted rows; and for the key of a person.
    """
    release = _kept(home, release)
    rows = ask(home, release, query)
    code = {run["run_id"]: run["fingerprint"] for run in Ledger(home).all_runs()}
    answer = Answer(
        hashlib.sha256(f"{release}\n{query}".encode()).hexdigest()[:12],
        release,
        query,
        rows.columns,
        len(rows.values),
        result_hash(rows),
        code.get(release, "unknown"),
        version("rapport"),
        duckdb.__version__,
    )
    path = home.answers / f"{answer.answer_id}.json"
    if path.exists():
        _require_same(read(home, answer.answer_id), answer)
        return read(home, answer.answer_id), rows
    with whole(path) as partial:
        partial.write_text(json.dumps(asdict(answer), indent=2, ensure_ascii=False), "utf-8")
        partial.chmod(0o600)
    Ledger(home).note("answer", **_said(answer))
    return answer, rows


def verify(home: Home, answer_id: str) -> Answer:
    """Run a registered query again on its release; return the answer when it still stands.

    Raises AnswerError when query, columns or rows are not what they were.
    """
    kept = read(home, answer_id)
    if hashlib.sha256(f"{kept.release}\n{kept.query}".encode()).hexdigest()[:12] != answer_id:
        raise AnswerError(
            f"answer {answer_id}: its file was changed: query and release are not those of its "
            "id. Take it from a back-up."
        )
    _require_noted(home, kept)
    rows = ask(home, _kept(home, kept.release), kept.query)
    _require_same(kept, kept.__class__(**asdict(kept) | _result(rows)))
    Ledger(home).note("answer verified", answer=answer_id, result_sha256=kept.result_sha256)
    return kept


def read(home: Home, answer_id: str) -> Answer:
    """Return a registered answer."""
    path = home.answers / f"{answer_id}.json"
    if not _ID.fullmatch(answer_id) or not path.is_file():
        known = sorted(each.stem for each in home.answers.glob("*.json"))
        raise NothingToDoError(
            f"answer: no answer {answer_id} is registered. Registered: "
            f"{', '.join(known) or 'none'}."
        )
    content = json.loads(path.read_text(encoding="utf-8"))
    return Answer(**content | {"columns": tuple(content["columns"])})


def ask(home: Home, release: str, query: str) -> Rows:
    """Run one query on a release: read-only, on one thread, without files or network."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": os.environ.get("RAPPORT_MEMORY", MEMORY),
        "threads": "1",  # sums in one order
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "lock_configuration": "true",
    }
    try:
        with duckdb.connect(str(home.release(release)), read_only=True, config=settings) as con:
            _require_repeatable(con, query)
            found = con.execute(query)
            return Rows(tuple(column[0] for column in found.description), found.fetchall())
    except duckdb.Error as error:
        # Of the other kinds a message may quote a cell.
        why = str(error) if isinstance(error, _SAFE) else type(error).__name__
        raise AnswerError(f"answer: DuckDB could not run the query: {why}") from None


def result_hash(rows: Rows) -> str:
    """Return a hash of names and rows, whatever the order of the rows."""
    lines = sorted(json.dumps([_plain(value) for value in row]) for row in rows.values)
    return hashlib.sha256("\n".join([json.dumps(rows.columns), *lines]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value + 0.0:.{DIGITS}g}"
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _result(rows: Rows) -> dict[str, Any]:
    return {
        "columns": rows.columns,
        "n_rows": len(rows.values),
        "result_sha256": result_hash(rows),
    }


def _kept(home: Home, release: str | None) -> str:
    found, published = releases(home), published_run(home)
    chosen = release or published
    if chosen is None:
        raise NothingToDoError("answer: nothing is published yet. Run `rapport run` first.")
    if chosen not in found:
        raise NothingToDoError(
            f"answer: release {chosen} is not kept. Kept: {', '.join(found) or 'none'}. "
            "config/retention.yml says how many are; a back-up may hold it."
        )
    return chosen


def _require_repeatable(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse a query that need not return the same again."""
    statements = con.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise AnswerError("answer: give one SELECT statement, nothing before or after it.")
    if _KEY.search(query):
        raise AnswerError(
            "answer: the query holds the key of a person or record. An answer is kept for good "
            "and is about groups; `rapport trace` looks at one client."
        )
    parsed = con.execute("select json_serialize_sql(?::varchar)", [query]).fetchone()
    tree = json.loads(parsed[0]) if parsed else {"error": True}
    if tree.get("error"):
        raise AnswerError("answer: give the query as a plain SELECT that can be read as a tree.")
    nodes = list(_nodes(tree))
    inconstant = con.execute(
        "select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'"
    ).fetchall()
    words = {name.lower() for node in nodes for name in _named(node)}
    if by_chance := sorted(words & ({name for (name,) in inconstant} | CLOCKS)):
        raise AnswerError(
            f"answer: {', '.join(by_chance)} says something else at another time. Write the value."
        )
    if any(node.get("sample") for node in nodes):
        raise AnswerError("answer: a sample is chosen by chance. Choose by a condition.")
    if any(_cuts_unsorted(node) for node in nodes):
        raise AnswerError("answer: a LIMIT without ORDER BY picks rows by chance. Sort them first.")


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for inner in tree.values():
            yield from _nodes(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _nodes(inner)


def _named(node: dict[str, Any]) -> Sequence[str]:
    """Return the function a node calls, or the name it has where it may be a clock's."""
    if node.get("type") == "COLUMN_REF" and len(node.get("column_names", ())) == 1:
        return list(node["column_names"])
    return [node["function_name"]] if node.get("function_name") else []


def _cuts_unsorted(node: dict[str, Any]) -> bool:
    kinds = [
        str(each.get("type")) for each in node.get("modifiers") or () if isinstance(each, dict)
    ]
    return any("LIMIT" in kind for kind in kinds) and "ORDER_MODIFIER" not in kinds


def _said(answer: Answer) -> dict[str, Any]:
    """Return what the audit chain keeps: hashes, no query."""
    return {
        "answer": answer.answer_id,
        "run": answer.release,
        "query_sha256": hashlib.sha256(answer.query.encode()).hexdigest(),
        "result_sha256": answer.result_sha256,
        "rows": answer.n_rows,
    }


def _require_noted(home: Home, kept: Answer) -> None:
    noted = [
        json.loads(row["detail"])
        for row in Ledger(home).audit_entries()
        if row["event"] == "answer"
    ]
    if _said(kept) not in noted:
        raise AnswerError(
            f"answer {kept.answer_id}: its file does not say what the audit chain says of it. "
            "Take it from a back-up."
        )


def _require_same(before: Answer, now: Answer) -> None:
    if before.result_sha256 != now.result_sha256:
        raise AnswerError(
            f"answer {before.answer_id}: the result is not what it was: {before.n_rows:,} row(s) "
            f"then, {now.n_rows:,} now, on release {before.release}. Registered with Rapport "
            f"{before.rapport_version}, DuckDB {before.duckdb_version}; here are "
            f"{version('rapport')} and {duckdb.__version__}."
        )
