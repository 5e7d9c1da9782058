"""FHIR R4 QuestionnaireResponses (Bundle, NDJSON or one resource) as one table per form.

Every row is one response. Lines are those of NDJSON, numbers of entries in a Bundle. STU3 is
read where it differs in names only, and noted. What explains the responses (Questionnaires,
patients, encounters, observed scores) is taken from the file and from companions beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from transforms.errors import FileRefused
from transforms.formats.fhir.answers import (
    CONTRADICTION,
    SEVERAL,
    Answers,
    as_text,
)
from transforms.formats.fhir.codes import Codes
from transforms.formats.fhir.json_stream import Found, Json, ResourceFile
from transforms.formats.fhir.links import USED, Links
from transforms.formats.fhir.options import FhirOptions
from transforms.formats.fhir.plan import (
    FormFeed,
    Output,
    Plan,
    plan_for,
)
from transforms.formats.fhir.questionnaire import Malformed, Questionnaire
from transforms.formats.fhir.response import Envelope, nodes, scores_in_extensions
from transforms.formats.growing_table import GrowingTable
from transforms.formats.source import Note, Source, plural

Row = dict[str, str | None]
# A canonical URL, which is no person's: a bare word may be anything.
_URL = re.compile(r"https?://[a-z0-9.-]+(:\d+)?(/[a-z0-9._~-]+)*/?|urn:oid:[0-9.]+")
_SHOWN = 5
_STU3 = "STU3-style resources read as R4"


@dataclass(frozen=True)
class FhirExport:
    """What is known before the file is opened.

    feeds : what the clinic's YAML says about questionnaires. registry : LOINC codes.
    companions : files beside the export that explain it.
    """

    options: FhirOptions
    feeds: tuple[FormFeed, ...]
    registry: tuple[Codes, ...]
    companions: tuple[Path, ...] = ()


def read(
    path: Path, *, con: duckdb.DuckDBPyConnection, scratch: Path, export: FhirExport
) -> list[Source]:
    """Read one export; return one Source per form (and instrument) it has responses to.

    Raises
    ------
    FileRefused
        F01 no JSON we accept, F06 no responses, F08 a questionnaire or linkId nothing explains.
    """
    reader = _Reader(export, scratch)
    try:
        for companion in export.companions:
            if companion != path:
                _learn_companion(reader, companion, scratch)
        with ResourceFile(path, scratch) as file:
            reader.learn(file)
            reader.read(file)
        return reader.sources(con)
    finally:
        for table in reader.tables.values():
            table.remove()


def _learn_companion(reader: _Reader, companion: Path, scratch: Path) -> None:
    try:
        with ResourceFile(companion, scratch) as file:
            reader.learn(file)
            return
    except FileRefused as refusal:
        what, remedy = refusal.what, refusal.remedy
    raise FileRefused("F08", f"{companion.name}, which explains the export: {what}", remedy)


class _Reader:
    """Reads the responses of one file, with all that explains them."""

    def __init__(self, export: FhirExport, scratch: Path) -> None:
        self.export = export
        self.options = export.options
        self.scratch = scratch
        self.links = Links()
        self.answers = Answers(export.options.decides)
        self.plans: dict[str, Plan | None] = {}
        self.tables: dict[int, GrowingTable] = {}
        self.counts: Counter[str] = Counter()
        self.envelope = Envelope(self.links, self.options, self.counts)
        self.others: dict[str, list[int]] = {}
        self.spelled: dict[str, str] = {}
        self.statuses = frozenset(export.options.statuses)
        self.by_form = {one.form.lower(): one for one in export.feeds if one.form}
        self.any_form = next((one for one in export.feeds if one.form is None), None)
        self.ignored = frozenset(export.options.ignore)

    def learn(self, file: ResourceFile) -> None:
        """Remember what is no response."""
        for found in file.resources(responses=False):
            _placed(file, found, self.links.add)

    def read(self, file: ResourceFile) -> None:
        """Read the responses; refuse (F06) a file without any."""
        for found in file.resources():
            if found.kind == "QuestionnaireResponse":
                self.counts["responses"] += 1
                _placed(file, found, self._read_response)
            elif found.kind not in USED:
                self.counts["not used"] += 1
        if not self.counts["responses"]:
            raise FileRefused(
                "F06",
                "The file holds no QuestionnaireResponse",
                "Name files that only explain others in `fhir.companions` of the clinic's YAML",
            )
        self._refuse_unexplained(file.where)

    def _read_response(self, found: Found) -> None:
        resource = found.resource
        status = resource.get("status")
        if not isinstance(status, str) or status not in self.statuses:
            self.counts["left out"] += 1
            return
        plan = self._plan(resource)
        if plan is None:
            self.others.setdefault(self._key(resource), []).append(found.position)
            return
        plan.n_responses += 1
        plan.first_at = plan.first_at or found.position
        rows: dict[int, Row] = {}
        for node, given in nodes(resource):
            if given:
                self._read_item(node, given, plan, rows, found.position)
        self._add_stored(found, plan, rows)
        self._add_rows(found, plan, rows)

    def _key(self, resource: Json) -> str:
        name = resource.get("questionnaire")
        if isinstance(name, dict):  # STU3: a reference
            self.counts["stu3"] += 1
            name = name.get("reference")
        url = name.partition("|")[0] if isinstance(name, str) else ""
        self.spelled.setdefault(url.lower(), url)
        return url.lower()

    def _plan(self, resource: Json) -> Plan | None:
        key = self._key(resource)
        if key not in self.plans:
            questionnaire = self.links.questionnaires.get(key)
            self.counts["stu3"] += bool(questionnaire and questionnaire.is_stu3)
            self.plans[key] = plan_for(
                questionnaire,
                self.by_form.get(key, self.any_form),
                lambda name: name in self.by_form,
                self.export.registry,
                self.ignored,
            )
        return self.plans[key]

    def _read_item(
        self, node: Json, given: list[Json], plan: Plan, rows: dict[int, Row], position: int
    ) -> None:
        link_id = node.get("linkId")
        if not isinstance(link_id, str):
            raise Malformed("has an item without linkId")
        place = plan.place(link_id)
        if place is None:
            plan.unknown[position] += 1
            return
        column = place.target.column
        if place.output is None or column is None:
            return
        cell = self.answers.cell(place.target, given)
        if cell is None:
            return
        row = rows.setdefault(id(place.output), {})
        if row.setdefault(column, cell) != cell:
            row[column] = self.answers.finding(SEVERAL)

    def _add_stored(self, found: Found, plan: Plan, rows: dict[int, Row]) -> None:
        """Add scores from observations and extensions beside those among the items."""
        observed = self.links.scores_of(found)
        extended = list(scores_in_extensions(found.resource, self.options.total_extensions))
        answered = [output for output in plan.outputs if id(output) in rows] or plan.outputs
        for output in plan.outputs:
            codes = output.codes or (plan.feed.codes if plan.feed else None)
            scales = codes.scales if codes else {}
            scores = [(scales[code], value) for code, value in observed if code in scales]
            # Where a response holds several instruments, an extension is nobody's.
            scores += extended if answered == [output] else []
            row = rows.setdefault(id(output), {}) if scores else {}
            for scale, value in scores:
                column, cell = f"submitted_{scale}", as_text(value)
                if row.setdefault(column, cell) != cell and row[column] != CONTRADICTION:
                    row[column] = self.answers.finding(CONTRADICTION)

    def _add_rows(self, found: Found, plan: Plan, rows: dict[int, Row]) -> None:
        meta = self.envelope.of(found.resource)
        several, n_rows = len(plan.outputs) > 1, 0
        for output in plan.outputs:
            row = rows.get(id(output))
            if row is None and several:
                continue  # a form of several instruments, this one not answered
            table = self._table(output)
            for column in row or ():
                table.add_column(column)
            output.seen.update(row or ())
            row = meta | output.constants | (row or {})
            if output.codes and row["response_id"]:
                # One response may hold several instruments: each has an id of its own.
                row["response_id"] += f"/{output.codes.name}"
            table.add(found.position, row)
            n_rows += 1
        self.counts["blank"] += not n_rows

    def _table(self, output: Output) -> GrowingTable:
        table = self.tables.get(id(output))
        if table is None:
            table = self.tables[id(output)] = GrowingTable(self.scratch, output.columns)
        return table

    def _refuse_unexplained(self, where: str) -> None:
        for key, plan in self.plans.items():
            if plan is not None and not plan.is_known and plan.unknown:
                self.others[key] = [plan.first_at] * plan.n_responses
                self._forget(plan)
        if self.others and self.options.other_questionnaires == "refuse":
            n_responses = sum(map(len, self.others.values()))
            raise FileRefused(
                "F08",
                f"{plural(len(self.others), 'questionnaire')} ({plural(n_responses, 'response')}, "
                f"first in {where} {min(map(min, self.others.values()))}) nothing explains"
                f"{self._missed()}",
                "Put the Questionnaire beside the export, name it in a feed's `form`, or write "
                "`other_questionnaires: skip`",
            )
        for plan in self.plans.values():
            if plan is not None:
                plan.refuse_unknown(where)
                plan.refuse_incomplete()

    def _missed(self) -> str:
        """Name the canonical URLs nothing explains: what a feed's `form` would have to say."""
        urls = sorted(self.spelled[key] for key in self.others if _URL.fullmatch(key))
        return f": {', '.join(urls[:_SHOWN])}" if urls else ""

    def _forget(self, plan: Plan) -> None:
        for output in plan.outputs:
            table = self.tables.pop(id(output), None)
            if table:
                table.remove()

    def sources(self, con: duckdb.DuckDBPyConnection) -> list[Source]:
        """Load what was read."""
        sources = []
        for plan in self.plans.values():
            for output in plan.outputs if plan else ():
                table = self.tables.get(id(output))
                if table:
                    source = table.source(con, output.sheet)
                    sources.append(_labelled(source, plan.questionnaire if plan else None))
        if not sources:
            raise FileRefused(
                "F06",
                f"None of {plural(self.counts['responses'], 'response')} is of a status or "
                "questionnaire that is read",
                "Export completed responses, or correct `fhir.statuses` in the clinic's YAML",
            )
        return [replace(sources[0], notes=tuple(self._notes())), *sources[1:]]

    def _notes(self) -> Iterator[Note]:
        if n := self.counts["left out"]:
            what = "response of another status" if n == 1 else "responses of other statuses"
            yield Note("skipped_rows", f"{n:,} {what} left out")
        if n := self.counts["blank"]:
            yield Note("skipped_rows", f"{plural(n, 'response')} without any answer left out")
        if self.others:
            n = sum(map(len, self.others.values()))
            yield Note("skipped_rows", f"{plural(n, 'response')} to other questionnaires left out")
        if n := self.counts["not used"]:
            yield Note("ignored_resources", f"{plural(n, 'resource')} of other types not used")
        if self.counts["stu3"]:
            yield Note("stu3", _STU3)
        yield from self._answer_notes()
        if n := self.links.n_unresolved:
            yield Note("unresolved", f"{plural(n, 'reference')} could not be resolved")
        if n := self.counts["without offset"]:
            yield Note("timezone", f"{plural(n, 'time')} without a zone kept as written")
        if n := self.counts["by encounter"]:
            yield Note("by_encounter", f"{plural(n, 'response')} without a time: the encounter's")

    def _answer_notes(self) -> Iterator[Note]:
        for phrase in self.answers.described():
            more = "; `fhir.decides` says which counts" if "contradict" in phrase else ""
            yield Note("contradictions", f"{phrase}: marked as unreadable{more}")
        if n := self.answers.n_decided:
            what = f"{plural(n, 'contradicting answer')} read by {self.options.decides}"
            yield Note("decided", what)
        if n := self.answers.n_uncoded:
            yield Note("uncoded", f"{plural(n, 'unscored answer')} without a number left blank")


def _labelled(source: Source, questionnaire: Questionnaire | None) -> Source:
    """Say what the form and its items are called."""
    if questionnaire is None:
        return source
    items = questionnaire.items
    labels = {name: items[name].label for name in source.columns if name in items}
    return replace(source, title=questionnaire.title, labels=labels)


def _placed(file: ResourceFile, found: Found, action: Callable[[Found], None]) -> None:
    """Run an action on one resource; refuse a malformed one by its place in the file."""
    why = ""
    try:
        action(found)
    except Malformed as malformed:
        why = str(malformed)
    if why:
        raise file.refusal(found.position, why)
