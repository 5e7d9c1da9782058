"""Which questionnaire fills which columns, before the first response is read.

A questionnaire is read in one of two ways. By linkId, where a feed of the clinic's YAML names it
under `form` and its items. By LOINC, where its codes are those of an instrument of the registry;
then the columns are canonical (`item_1` …) and the feed needs no mapping at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from transforms.errors import FileRefused
from transforms.formats.fhir.answers import Target
from transforms.formats.fhir.codes import Codes, code_in
from transforms.formats.fhir.questionnaire import Item, Questionnaire
from transforms.formats.source import plural

# Of every row. `answered_by` is the type of the resource that answered.
META = (
    "response_id",
    "client_id",
    "completed_at",
    "session_id",
    "therapist_id",
    "author_id",
    "answered_by",
)
BY_LOINC = ("instrument", "version", "rater")


@dataclass(frozen=True)
class FormFeed:
    """What the YAML says about one questionnaire.

    form : its URL, or an instrument's id; None for any.
    is_mapped : whether a linkId fills a column. listed : linkIds the YAML spells out.
    codes : LOINC codes of the instrument the feed sets.
    """

    form: str | None = None
    is_mapped: Callable[[str], bool] | None = None
    listed: tuple[str, ...] = ()
    codes: Codes | None = None


@dataclass
class Output:
    """One table a questionnaire fills. ``codes``: its instrument, if read by LOINC."""

    sheet: str
    columns: tuple[str, ...]
    codes: Codes | None = None
    seen: set[str] = field(default_factory=set)

    @property
    def constants(self) -> dict[str, str]:
        """Cells that are the same in all rows."""
        if self.codes is None:
            return {}
        one = self.codes.instrument
        return {"instrument": one.instrument_id, "version": one.version, "rater": one.rater}


@dataclass(frozen=True)
class Place:
    """Where one linkId's answers go: None for nowhere, because nobody asked for them."""

    output: Output | None
    target: Target


class Plan:
    """How one questionnaire is read. ``unknown`` counts answers to linkIds nothing explains."""

    def __init__(
        self,
        questionnaire: Questionnaire | None,
        feed: FormFeed | None,
        outputs: list[Output],
        ignored: frozenset[str],
    ) -> None:
        self.questionnaire = questionnaire
        self.feed = feed
        self.outputs = outputs
        self.ignored = ignored
        self.places: dict[str, Place | None] = {}
        self.unknown: Counter[int] = Counter()
        self.n_responses = 0
        self.first_at = 0

    def place(self, link_id: str) -> Place | None:
        """Return where answers go; None if nothing explains the linkId."""
        if link_id not in self.places:
            self.places[link_id] = self._place(link_id)
        return self.places[link_id]

    def _place(self, link_id: str) -> Place | None:
        item: Item | None = Item(link_id, code_in(link_id))
        if self.questionnaire:
            item = self.questionnaire.items.get(link_id)
        if link_id in self.ignored:
            return Place(None, Target(None, Item(link_id)))
        if item is None:
            return None
        found = self._by_feed(item) or self._by_loinc(item)
        if found is None and self.questionnaire:
            return Place(None, Target(None, item))
        return found

    def _by_feed(self, item: Item) -> Place | None:
        if not self.feed or not self.feed.is_mapped or not self.feed.is_mapped(item.link_id):
            return None
        answers = self.feed.codes.answers if self.feed.codes else {}
        return Place(self.outputs[0], Target(item.link_id, item, answers))

    def _by_loinc(self, item: Item) -> Place | None:
        loinc = item.loinc or code_in(item.link_id)
        for output in self.outputs:
            codes = output.codes or (self.feed.codes if self.feed else None)
            if loinc is None or codes is None:
                continue
            if loinc in codes.scales:
                return Place(output, Target(f"submitted_{codes.scales[loinc]}", item))
            if loinc in codes.items and output.codes:
                number = codes.items[loinc]
                is_scored = number in codes.scored
                return Place(output, Target(f"item_{number}", item, codes.answers, is_scored))
        return None

    @property
    def is_known(self) -> bool:
        """Whether anything in its responses could be placed."""
        return any(place is not None for place in self.places.values())

    def refuse_unknown(self, where: str) -> None:
        """Refuse (F08) a form with answers nothing explains: the others would be scored alone."""
        if self.unknown and self.is_known:
            raise FileRefused(
                "F08",
                f"{plural(self.unknown.total(), 'answer')} to a linkId the form does not have "
                f"({where} {', '.join(map(str, sorted(self.unknown)[:5]))})",
                "Put the Questionnaire of this version beside the export, or name the linkIds "
                "in `fhir.ignore`",
            )

    def refuse_incomplete(self) -> None:
        """Refuse (F08) a form taken for an instrument of which it has some items only.

        Without a Questionnaire a PHQ-2 looks like a PHQ-9 with seven answers missing.
        """
        for output in self.outputs:
            codes = output.codes
            if self.questionnaire or codes is None or not output.seen:
                continue
            n_seen = sum(f"item_{number}" in output.seen for number in codes.scored)
            has_total = any(column.startswith("submitted_") for column in output.seen)
            if n_seen < len(codes.scored) and not has_total:
                raise FileRefused(
                    "F08",
                    f"Responses hold {n_seen} of the {len(codes.scored)} items of {codes.name} and "
                    "no total, so they may be another form",
                    "Put their Questionnaire into the landing folder and name it in "
                    "`fhir.companions`",
                )


def plan_for(
    questionnaire: Questionnaire | None,
    feed: FormFeed | None,
    wanted: Callable[[str], bool],
    registry: tuple[Codes, ...],
    ignored: frozenset[str],
) -> Plan | None:
    """Decide how a questionnaire is read; None if it is nobody's.

    Parameters
    ----------
    feed : the feed that names it, or one for any questionnaire.
    wanted : whether a feed reads an instrument recognized by LOINC.
    """
    if feed and feed.is_mapped:
        columns = (*META, *_mapped_columns(questionnaire, feed))
        return Plan(questionnaire, feed, [Output(feed.form or "", columns)], ignored)
    codes = _recognized(questionnaire, registry) if questionnaire else registry
    outputs = [_output(one, feed) for one in codes if feed or wanted(one.name)]
    return Plan(questionnaire, feed, outputs, ignored) if outputs else None


def _output(codes: Codes, feed: FormFeed | None) -> Output:
    items = tuple(f"item_{number}" for number in sorted(set(codes.items.values())))
    scores = tuple(f"submitted_{scale}" for scale in codes.scales.values())
    sheet = feed.form if feed and feed.form else codes.name
    return Output(sheet, (*META, *BY_LOINC, *items, *scores), codes)


def _mapped_columns(questionnaire: Questionnaire | None, feed: FormFeed) -> tuple[str, ...]:
    if questionnaire is None or feed.is_mapped is None:
        return feed.listed
    return tuple(link_id for link_id in questionnaire.items if feed.is_mapped(link_id))


def _recognized(questionnaire: Questionnaire, registry: tuple[Codes, ...]) -> tuple[Codes, ...]:
    """Return the instruments whose panel code or whose every item the Questionnaire has."""
    there = {one.loinc or code_in(link_id) for link_id, one in questionnaire.items.items()}
    found = []
    for codes in registry:
        needed = {code for code, number in codes.items.items() if number in codes.scored}
        missing = needed - there
        if missing and codes.panels & questionnaire.loinc:
            raise FileRefused(
                "F08",
                f"A Questionnaire says it is {codes.name} and lacks "
                f"{plural(len(missing), 'item')} of it",
                "Put the whole Questionnaire into the landing folder",
            )
        if not missing:
            found.append(codes)
    return tuple(found)
