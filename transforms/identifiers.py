"""What tells who somebody is, found in free texts: national numbers, addresses, names, dates.

Several marks are needed where one may be chance: a date, a first name, a number whose check digit
also a random number has one time in eleven. Check digits follow the public specifications:

* NHS number (England, Wales): ten digits, weights 10 to 2, modulus 11 - NHS Data Dictionary,
  "NHS NUMBER", https://www.datadictionary.nhs.uk/attributes/nhs_number.html
* Medicare card (Australia): first digit 2 to 6, weights 1 3 7 9 1 3 7 9, modulus 10; then the issue
  number - Services Australia; METEOR identifier 270101
* burgerservicenummer (Netherlands): nine digits, weights 9 to 2 and -1, modulus 11 - RvIG,
  Logisch ontwerp BSN ("elfproef")
* personnummer and samordningsnummer (Sweden): a date, three digits, Luhn - Skatteverket, SKV 704
* social security number (USA): no check digit; written 3-2-4, area not 000, 666 or 9xx, group not
  00, serial not 0000 - SSA, randomization of 25 June 2011. Rule F06 finds its written form.
"""

from __future__ import annotations

from dataclasses import dataclass

from transforms.sql import text, texts

# Frequent given names of the countries above (SSA, ONS, SVB and SCB lists of births since 1950),
# without those that are words of English too, such as Grace, Mark, Rose or Will.
_GIVEN_NAMES = """
    Aaron Abigail Adam Agnes Alan Albert Alexander Alexandra Alice Amanda Amelia Amy Andrea Andrew
    Angela Anita Ann Anna Anne Anthony Anton Arthur Astrid Barbara Ben Benjamin Bernard Beth Betty
    Birgit Brandon Brenda Brian Bruce Carl Carlos Carol Caroline Catherine Charles Charlotte Chloe
    Chris Christina Christine Christopher Claire Clara Colin Craig Cynthia Daan Daniel David
    Deborah Denise Dennis Diana Diane Donald Donna Doris Dorothy Douglas Edward Eleanor Elisabeth
    Elizabeth Ella Ellen Emily Emma Eric Erik Ethan Eva Evelyn Fatima Femke Fiona Florian Francis
    Frank Franz Fred Gareth Gary Geoffrey George Gerald Giovanni Graham Gregory Greta Hannah Hans
    Harold Harry Heather Heinrich Helen Helga Henry Howard Hugo Ian Ingrid Irene Isabella Isla Ivan
    Jacob Jacqueline James Jan Jane Janet Janice Jason Jennifer Jeremy Jessica Jill Joan Joanna
    Johan Johannes John Jonas Jonathan Jose Joseph Joshua Joyce Juan Judith Judy Julia Julian Julie
    Jürgen Karen Karin Karl Katarina Kate Katherine Kathleen Keith Kelly Kenneth Kevin Klaus Larry
    Lars Laura Lauren Lena Leonard Lewis Liam Lieke Linda Lisa Louise Lucas Lucy Luke Maria Marie
    Margaret Marta Martha Martin Mary Matthew Megan Melissa Michael Michelle Mohammed Monica
    Muhammad Nancy Natalie Nathan Neil Nicholas Nicola Nicole Noah Nora Oliver Olivia Oscar Pamela
    Patricia Patrick Paul Paula Peter Petra Philip Pieter Priya Rachel Ralph Raymond Rebecca
    Richard Robert Roger Ronald Russell Ruth Ryan Samantha Samuel Sandra Sander Sara Sarah Scott
    Sean Sebastian Sharon Shirley Simon Sofia Sophia Sophie Stefan Stephanie Stephen Steven Stuart
    Susan Suzanne Sven Teresa Theresa Thomas Timothy Tina Tracy Ursula Valerie Victoria Vincent
    Virginia Walter Wendy Werner William Wolfgang Yasmin Yvonne Zoe
"""
GIVEN_NAMES = tuple(_GIVEN_NAMES.split())

_BEFORE, _AFTER = "(?:^|[^0-9A-Za-z])", "(?:$|[^0-9A-Za-z])"
_HOUSE = f"{_BEFORE}[0-9]{{1,5}}[A-Za-z]?,? +(?:[A-Z][a-z]+ +){{1,3}}"
_STREET = (
    "(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Crescent|Close|Terrace|Boulevard|Blvd|Court|Place"
    "|Square|Gardens)"
)
_TITLE = "(?:Mr|Mrs|Ms|Miss|Mx|Herr|Frau|Mevr|Dhr)"
_CONTINENTAL = "(?:straße|strasse|str[.]|straat|weg|laan|gatan|vägen|plein|gracht)"

# One is enough.
_SURE = {
    "street address": f"{_HOUSE}{_STREET}{_AFTER}",
    "address on the continent": f"[A-Z][a-zäöüß]+{_CONTINENTAL} +[0-9]{{1,4}}[a-z]?{_AFTER}",
    "post office box": f"(?i){_BEFORE}p[.]?o[.]? ?box +[0-9]+{_AFTER}",
    "British postcode": f"{_BEFORE}[A-Z]{{1,2}}[0-9][A-Z0-9]? [0-9][A-Z]{{2}}{_AFTER}",
    "name with a title": f"{_BEFORE}{_TITLE}[.]? +[A-Z][a-z]+{_AFTER}",
    "IPv6 address": "(?i)(?:^|[^0-9a-f:])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
    "|(?:[0-9a-f]{1,4}:){2,6}(?::[0-9a-f]{1,4}){1,5})(?:$|[^0-9a-f:])",
}
# As many different ones in a column. A version may well be a date.
_SEVERAL = {
    "date": (3, "(?:^|[^0-9])(?:(?:19|20)[0-9]{2}[./-][0-9]{1,2}[./-][0-9]{1,2}"
             "|[0-9]{1,2}[./-][0-9]{1,2}[./-](?:19|20)[0-9]{2})(?:$|[^0-9])"),
    "American postcode": (2, f"{_BEFORE}(?:[A-Z]{{2}} [0-9]{{5}}|[0-9]{{5}}-[0-9]{{4}}){_AFTER}"),
    "Dutch postcode": (2, f"{_BEFORE}[1-9][0-9]{{3}} [A-Z]{{2}}{_AFTER}"),
}  # fmt: skip
_MAY_BE_DATES = "version"


@dataclass(frozen=True)
class Number:
    """A national number: how it is written, and which digits have a check digit right.

    ``weights`` are those of its digits, to be a multiple of ``modulus``; Luhn without.
    """

    pattern: str
    weights: tuple[int, ...]
    modulus: int

    def is_right(self, digits: str) -> str:
        """Return SQL that is true where the SQL text ``digits`` has its check digit right."""
        parts = (
            f"{weight} * {_digit(digits, place)}" for place, weight in enumerate(self.weights, 1)
        )
        return f"({' + '.join(parts)}) % {self.modulus} = 0"


def _digit(digits: str, place: int) -> str:
    return f"try_cast(substr({digits}, {place}, 1) as integer)"


def _luhn(digits: str) -> str:
    """Return SQL for the Luhn check of the last ten digits: every other one is doubled."""
    ten = f"right({digits}, 10)"
    twice = [f"2 * {_digit(ten, place)}" for place in range(1, 10, 2)]
    doubled = (f"({digit}) // 10 + ({digit}) % 10" for digit in twice)
    plain = (_digit(ten, place) for place in range(2, 11, 2))
    return f"({' + '.join((*doubled, *plain))}) % 10 = 0"


NHS = Number("[3-9][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}", (10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 11)
MEDICARE = Number("[2-6][0-9]{3}[ -]?[0-9]{5}[ -]?[1-9]", (1, 3, 7, 9, 1, 3, 7, 9, -1, 0), 10)
BSN = Number("[0-9]{9}", (9, 8, 7, 6, 5, 4, 3, 2, -1), 11)
PERSONNUMMER = (
    "(?:18|19|20)?[0-9]{2}(?:0[1-9]|1[0-2])"
    "(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])[0-9]{4}"
)


def telling(relation: str) -> str:
    """Return SQL for the entries of (column_name, entry) that tell who somebody is."""
    needed = {kind: (1, pattern) for kind, pattern in _SURE.items()} | _SEVERAL
    hits = {
        kind: (n, f"regexp_matches(entry, {text(pattern)})")
        for kind, (n, pattern) in needed.items()
    }
    hits["name"] = 2, _is_name("entry")
    hits["date"] = (hits["date"][0], f"column_name <> {text(_MAY_BE_DATES)} and {hits['date'][1]}")
    several = " or ".join(
        f"(({is_hit}) and count(*) filter ({is_hit}) over of_column >= {n})"
        for n, is_hit in hits.values()
    )
    # A column of numbers of another kind has the check digit right by chance, one time in eleven.
    mostly = " or ".join(
        f"(({right}) and 2 * count(*) filter ({right}) over of_column"
        f" >= count(*) filter ({written}) over of_column)"
        for written, right in _numbers("entry")
    )
    return f"""
        select column_name, entry
        from {relation}
        where entry is not null
        window of_column as (partition by column_name)
        qualify {several} or {mostly}
    """


def _numbers(entry: str) -> list[tuple[str, str]]:
    """Return SQL for each kind of number: one is written here, and one is right."""
    kinds = [(number.pattern, number.is_right("n")) for number in (NHS, MEDICARE, BSN)]
    kinds.append((PERSONNUMMER, _luhn("n")))
    found = []
    for pattern, right in kinds:
        whole = text(f"{_BEFORE}({pattern}){_AFTER}")
        digits = f"regexp_replace(regexp_extract({entry}, {whole}, 1), '[ -]', '', 'g')"
        varied = "not regexp_matches(n, '^(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$')"
        is_right = f"len(list_filter([{digits}], lambda n: n <> '' and {varied} and {right})) > 0"
        found.append((f"regexp_matches({entry}, {whole})", is_right))
    return found


def _is_name(entry: str) -> str:
    """Return SQL that is true for two or three capitalized words, one of them a given name."""
    word = "[A-Z][a-zà-ÿ'-]+"
    first = f"regexp_extract({entry}, {text(f'^({word}) {word}(?: {word})?$')}, 1)"
    last = f"regexp_extract({entry}, {text(f'^{word}, ({word})(?: {word})?$')}, 1)"
    return f"({first} in ({texts(GIVEN_NAMES)}) or {last} in ({texts(GIVEN_NAMES)}))"
