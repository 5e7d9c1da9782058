"""One page per instrument, written from the registry so that it cannot disagree with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from transforms.instruments.definition import Instrument
from transforms.instruments.parts import Scale, Sourced
from transforms.instruments.registry import Registry

_GENERATED = (
    "<!-- Generated from config/instruments by `python -m docs_build.generate`. Edit the YAML. -->"
)
_METHODS = {
    "sum": "sum",
    "mean": "mean",
    "vas_sum": "sum of visual analog scales",
    "sum_of_scales": "sum of scales",
    "supplied": "as supplied",
}


def instrument_pages(registry: Registry) -> dict[str, str]:
    """Return file name to Markdown: one page per instrument id, and the index README.md."""
    pages = {"README.md": _index(registry)}
    for name in registry.ids:
        forms = [form for form in registry.instruments if form.instrument_id == name]
        pages[f"{name}.md"] = _page(name, forms)
    return pages


def _index(registry: Registry) -> str:
    rows = (
        (
            f"[{form.instrument_id}]({form.instrument_id}.md)",
            form.version,
            form.rater,
            form.name,
            form.family,
            "as supplied" if form.scores_supplied else form.key_evidence.replace("_", " "),
        )
        for form in registry.instruments
    )
    return "\n".join(
        [
            "# Instruments",
            "",
            _GENERATED,
            "",
            "Item numbers, ranges and keys only; the wording of the forms belongs to their owners.",
            "*Key* says how well the scoring key is known: verified in a named source, derived, or",
            "from memory (hi, med, lo). As supplied: nothing is computed from items.",
            "",
            *_table(("id", "version", "rater", "name", "family", "key"), rows),
            "",
        ]
    )


def _page(name: str, forms: list[Instrument]) -> str:
    lines = [f"# {name}", "", _GENERATED]
    for form in forms:
        lines += ["", f"## {form.name}", "", *_facts(form), "", "### Scores", "", *_scales(form)]
        for title, header, rows in (
            ("Cut-offs", ("scale", "a case is", "for", "headline", "source"), _cutoffs(form)),
            (
                "Reliable change",
                ("scale", "reliable when change", "method", "interval", "headline", "source"),
                _changes(form),
            ),
            ("Bands", ("scale", "set", "bands", "source"), _bands(form)),
            ("Norms", ("scale", "group", "mean", "SD", "n", "source"), _norms(form)),
            ("Reliability", ("scale", "kind", "value", "n", "source"), _reliabilities(form)),
            ("Flags", ("flag", "kind", "raised when", "source"), _flags(form)),
            ("LOINC", ("what", "code", "source"), _loinc(form)),
        ):
            body = list(rows)
            if body:
                lines += ["", f"### {title}", "", *_table(header, body)]
        if form.notes:
            lines += ["", "### Notes", "", *(f"- {note}" for note in form.notes)]
    return "\n".join([*lines, ""])


def _facts(form: Instrument) -> list[str]:
    facts = [
        ("version", f"{form.version}{' (default)' if form.is_default else ''}"),
        ("rater, language", f"{form.rater}, {form.language}"),
        ("family", form.family),
        ("filled in", form.timing.replace("_", " ")),
        ("better", f"{form.better} scores"),
    ]
    grid = form.items
    if grid:
        answers = f"{grid.n} items, {grid.min:g} to {grid.max:g} in steps of {grid.step:g}"
        if grid.allowed:
            answers = f"{grid.n} items, one of {_join(f'{value:g}' for value in grid.allowed)}"
        facts.append(("answers", f"{answers} ({_evidence(grid)})"))
        for key in ("reverse", "unscored", "not_applicable", "uncertain"):
            if getattr(grid, key):
                facts.append((f"{key.replace('_', ' ')} items", _join(getattr(grid, key))))
    if form.ages:
        facts.append(("ages", f"{form.ages.low} to {form.ages.high}"))
    facts += [("licence", form.licence), ("citation", form.citation)]
    return _table(("", ""), facts)


def _scales(form: Instrument) -> list[str]:
    rows = []
    for name, scale in form.scales.items():
        low, high = form.score_range(name)
        span = "not known" if low is None else f"{low:g} to {high:g}"
        label = f"**{name}**" if name == form.primary_scale else name
        rows.append(
            (label, scale.label, _computed(form, scale), span, _missing(scale), _cite(scale))
        )
    return _table(("scale", "label", "computed", "range", "missing answers", "source"), rows)


def _computed(form: Instrument, scale: Scale) -> str:
    factor = f" x {scale.factor:g}" if scale.factor != 1 else ""
    what = scale.of_scales or form.items_of(scale)
    if scale.items == "all":
        what = ("all items",)
    return f"{_METHODS[scale.method]}{factor}{': ' if what else ''}{_join(what)}"


def _missing(scale: Scale) -> str:
    rule = scale.missing
    if scale.method == "sum_of_scales":
        return "as its scales"
    if scale.method == "supplied":
        return "as supplied"
    if rule.method == "none":
        return "no score"
    label = f"{rule.evidence}{f', {rule.confidence}' if rule.confidence else ''}"
    return f"at most {rule.max_missing}: {rule.method.replace('_', ' ')} ({rule.source}; {label})"


def _cutoffs(form: Instrument) -> Iterator[tuple[str, ...]]:
    for name, scale in form.scales.items():
        for cut in scale.cutoffs:
            case = f"score {cut.operator} {cut.value:g}"
            yield name, case, cut.population, "yes" if cut.is_headline else "", _cite(cut)
        if scale.nhs_tt:
            nhs = scale.nhs_tt
            case = f"score {nhs.cutoff_operator} {nhs.cutoff_value:g}"
            yield name, case, "NHS Talking Therapies caseness", "", _cite(nhs)


def _changes(form: Instrument) -> Iterator[tuple[str, ...]]:
    for name, scale in form.scales.items():
        for change in scale.reliable_change:
            yield (
                name,
                f"{change.operator} {change.value:g}",
                change.method.replace("_", " "),
                f"{change.ci:.0%}" if change.ci else "not stated",
                "yes" if change.is_headline else "",
                _cite(change),
            )
        nhs = scale.nhs_tt
        if nhs and nhs.rc_value is not None:
            points = f"{nhs.rc_operator} {nhs.rc_value:g}"
            yield name, points, "NHS Talking Therapies", "not stated", "", _cite(nhs)


def _bands(form: Instrument) -> Iterator[tuple[str, ...]]:
    for name, scale in form.scales.items():
        for set_name, bands in scale.bands.items():
            levels = ", ".join(f"{b.low:g}–{b.high:g} {b.label}" for b in bands.levels)
            yield name, set_name, levels, _cite(bands)


def _norms(form: Instrument) -> Iterator[tuple[str, ...]]:
    for name, scale in form.scales.items():
        for group, norm in (
            ("functional", scale.norms.functional),
            ("clinical", scale.norms.clinical),
        ):
            if norm:
                label = f"{group}: {norm.population}"
                yield name, label, f"{norm.mean:g}", f"{norm.sd:g}", str(norm.n or ""), _cite(norm)


def _reliabilities(form: Instrument) -> Iterator[tuple[str, ...]]:
    for name, scale in form.scales.items():
        for estimate in scale.reliability:
            kind = estimate.kind.replace("_", "-")
            yield name, kind, f"{estimate.value:g}", str(estimate.n or ""), _cite(estimate)


def _flags(form: Instrument) -> Iterator[tuple[str, ...]]:
    for name, flag in form.flags.items():
        yield name, flag.kind, flag.label, _cite(flag)


def _loinc(form: Instrument) -> Iterator[tuple[str, ...]]:
    for code in form.loinc:
        yield code.what, code.code, _cite(code)


def _evidence(part: Sourced) -> str:
    return part.evidence.replace("_", " ") + (f", {part.confidence}" if part.confidence else "")


def _cite(part: Sourced) -> str:
    note = f"; {part.note}" if part.note else ""
    return f"{part.source} ({_evidence(part)}){note}"


def _join(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
