"""The words clinics call their columns by, per language. Nothing else in the drafts holds any.

Names are compared as `words_of` cuts them: without accents, capitals, marks and numerals' signs.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})
_NUMBER_SIGN = re.compile(r"n\s*[°º]|№|#", re.I)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z]+|\d+")


def folded(text: str) -> str:
    """Return a text in small letters without accents.

    Examples
    --------
    >>> folded("Überhaupt NICHT"), folded("Séance")
    ('uberhaupt nicht', 'seance')
    """
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(mark for mark in plain if not unicodedata.combining(mark))


@lru_cache(16_384)
def words_of(name: str) -> tuple[str, ...]:
    """Cut a column's name into words.

    Examples
    --------
    >>> words_of("Pat.-Nr."), words_of("N° séance"), words_of("KlientID")
    (('pat', 'nr'), ('nr', 'seance'), ('klient', 'id'))
    """
    signs = _NUMBER_SIGN.sub(" nr ", name)
    return tuple(_WORD.findall(folded(_HUMP.sub(" ", signs))))


def _words(*lines: str) -> frozenset[str]:
    return frozenset(folded(word) for line in lines for word in line.split())


# What only says that a column tells things apart.
ID = _words(
    "id ids no nr num number code key identifier ref reference uid guid",  # English
    "nummer kennung kenn schlüssel schluessel kennziffer",  # German
    "numéro numero identifiant",  # French, Italian
    "kode referentie",  # Danish, Norwegian, Dutch
    "código codigo cod número identificador",  # Spanish, Portuguese
)
SMALL = _words("of the de du des d la le el do da van der het den av af for in innen")
CODE = _words(
    "code chiffre kürzel kuerzel pseudonym pseudo kode kod código alias sigle initialen token",
)
CLIENT = _words("client klient klientin klienten klientinnen cliënt cliente clienten utente")
PATIENT = _words(
    "patient pt pat pid ptid participant subject subj subjid usubjid person anon",  # English
    "patienten patientin proband probandin probanden teilnehmer teilnehmerin",  # German
    "patiente sujet personne usager bénéficiaire",  # French
    "patiënt deelnemer persoon",  # Dutch
    "pasient bruker deltaker deltager borger brugere patienter deltagare",  # Scandinavian
    "paciente participante sujeto sujeito usuario usuário persona pessoa",  # Spanish, Portuguese
)
# A number of a file or of a case: a person's as a rule.
CASE = _words(
    "record case chart file mrn", "fall akte fallakte", "dossier", "journal sag sak mappe",
    "caso expediente historia processo prontuário registro",
)  # fmt: skip
THERAPIST = _words(
    "therapist clinician counsellor counselor practitioner provider",
    "therapeut therapeutin behandler behandlerin bezugstherapeut berater beraterin",
    "thérapeute clinicien clinicienne praticien intervenant psychologue",
    "behandelaar hulpverlener",
    "terapeut behandlare psykolog",
    "terapeuta clínico profesional profissional psicólogo psicóloga",
)
SESSION = _words(
    "session sess appointment visit",
    "sitzung termin stunde",
    "séance rdv consultation",
    "sessie zitting afspraak consult",
    "konsultation konsultasjon samtale samtal besök besøk",
    "sesión cita sessão consulta",
)
RESPONSE = _words("response respondent submission antwort réponse respuesta resposta")
INSTRUMENT = _words(
    "instrument questionnaire form measure scale fragebogen vragenlijst échelle",
    "skjema spørreskjema spørgeskema formulär cuestionario escala questionário instrumento",
)
# Of a row per answer: which item, and what was answered.
ITEM = _words(
    "item question variable frage vraag pregunta ítem pergunta questão",
    "spørsmål spørgsmål fråga",
)
ANSWER = _words(
    "value answer response result score antwort wert antwoord waarde réponse valeur résultat",
    "respuesta valor resultado puntuación resposta svar verdi værdi värde",
)
RATER = _words("rater informant beurteiler beoordelaar évaluateur informante evaluador avaliador")
ATTENDANCE = _words(
    "attendance attended dna noshow",
    "erschienen anwesend anwesenheit teilnahme",
    "présence présent absence",
    "aanwezig aanwezigheid verschenen",
    "oppmøte møtt fremmøde fremmødt mødt närvaro",
    "asistencia asistió presença compareceu comparecimento",
)
# A study, a place or an arm: never a person.
STUDY = _words(
    "study studyid project protocol site centre center cohort country",
    "studie zentrum standort étude centre onderzoek estudio centro estudo projekt prosjekt",
)
DEMOGRAPHIC = _words(
    "age sex gender female male education educ eduyrs income race ethnicity ethnic marital",
    "employment occupation height weight bmi year yob nationality religion",
    "alter geschlecht bildung schulbildung einkommen familienstand beruf jahrgang gewicht",
    "âge sexe genre scolarité profession revenu taille poids",
    "leeftijd geslacht opleiding beroep inkomen",
    "alder ålder kjønn køn kön utdanning uddannelse utbildning yrke",
    "edad sexo género genero educación ingresos idade escolaridade renda",
)
# What says who somebody is.
PERSONAL = _words(
    "name names surname forename firstname lastname fullname initials email mail phone mobile",
    "address street postcode zip ssn nhsnumber birthday dob birthdate",
    "vorname nachname familienname telefon handy anschrift adresse strasse plz postleitzahl",
    "nom prénom courriel téléphone portable ddn",
    "naam voornaam achternaam telefoon mobiel adres bsn",
    "navn fornavn etternavn efternavn namn förnamn efternamn epost mobil cpr personnummer",
    "fødselsnummer adress postnummer",
    "nombre apellido apellidos correo teléfono móvil dirección dni",
    "nome apelido sobrenome telemóvel telefone morada endereço cpf nif",
)
_BIRTH_PARTS = _words(
    "birth geburt naissance nacimiento nascimento fødsel födelse geboorte death",
)
_BIRTH_WHOLE = _words("dob born geb født född ddn")
_DAY = _words("date day datum tag dag dato fecha data dia día jour timestamp zeitpunkt datetime")
# Parts of words: a form was completed then …
_COMPLETED_PARTS = _words(
    "complet submit enddate sent timestamp answered recorded",
    "ausgefüllt ausgefuellt abgeschickt zeitstempel",
    "rempli répondu horodateur ingevuld tijdstempel",
    "utfylt udfyldt ifylld besvart besvaret tidsstempel",
    "completad rellenad respondid preenchid",
)
# … and not then.
_OTHER_PARTS = _words(
    "birth first enrol start refer created modified upload review death discharge admission",
    "aufnahme anmeld überweis ueberweis entlass beginn erstell geänd",
    "inclusion sortie début création aanmeld ontslag verwijz aangemaakt",
    "henvis inskriv utskriv udskriv opprett oprett skapad",
    "ingreso alta derivac creaci egreso inicio encaminh admiss criac",
)


@lru_cache(16_384)
def core(name: str) -> tuple[str, ...]:
    """Return the words of a name that say what it is about, without number and code words."""
    return tuple(
        bare for word in words_of(name) if word not in ID | SMALL and (bare := _without_id(word))
    )


def _without_id(word: str) -> str:
    for ending in ("nummer", "nr", "id", "code", "kennung", "numero", "no"):
        bare = word.removesuffix(ending)
        if bare != word and bare.removesuffix("s") in _WHO:
            return bare.removesuffix("s")
    return word


_WHO = CLIENT | PATIENT | CASE | THERAPIST | SESSION | RESPONSE


def is_about(name: str, known: frozenset[str]) -> bool:
    """Whether all that a name says, besides number and code words, are some known words."""
    about = core(name)
    return bool(about) and {*about} <= known


def is_birth(name: str) -> bool:
    """Whether a date of this name is a date of birth or death."""
    return bool(_BIRTH_WHOLE & {*words_of(name)}) or _has_part(name, _BIRTH_PARTS)


def is_completed(name: str) -> bool:
    """Whether a date of this name says when a form was sent off."""
    return _has_part(name, _COMPLETED_PARTS) or words_of(name)[-2:] == ("end", "date")


def is_other_day(name: str) -> bool:
    """Whether a date of this name is one of the treatment or of the file, not of a form."""
    return _has_part(name, _OTHER_PARTS)


def is_plain_day(name: str) -> bool:
    """Whether a date is called a day and no more."""
    found = words_of(name)
    return bool(found) and {*found} <= _DAY | SMALL


def is_personal_name(name: str) -> bool:
    """Whether a column of this name says who somebody is, in any of the languages."""
    found = words_of(name)
    joined = "".join(found)
    return len(found) <= 4 and (bool(PERSONAL & {*found, joined}) or is_birth(name))


def is_demographic(name: str) -> bool:
    """Whether a column is about a person or a study, not an answer. Whole sentences are not."""
    found = [word for word in words_of(name) if not word.isdigit()]
    return 0 < len(found) <= 3 and bool((DEMOGRAPHIC | STUDY) & {*found})


def is_identifier(name: str) -> bool:
    """Whether a short name ends or begins as one of a key does."""
    found = [word for word in words_of(name) if not word.isdigit()]
    is_key = len(found) > 1 and (found[-1] == "id" or found[0] == "id")
    about = {*core(name)}
    return is_key or (bool(about) and len(found) <= 2 and about <= CLIENT | PATIENT | CASE)


def _has_part(name: str, parts: frozenset[str]) -> bool:
    joined = "".join(words_of(name))
    return any(part in joined for part in parts)


def other_questionnaire(names: tuple[str, ...], others: frozenset[str]) -> str | None:
    """Return the questionnaire, one of others the registry lacks, that a name begins with.

    Examples
    --------
    >>> other_questionnaire(("CES-D_", "mood"), frozenset({"cesd"}))
    'cesd'
    >>> other_questionnaire(("phq9_",), frozenset({"cesd"})) is None
    True
    """
    for name in names:
        found = words_of(name)[:4]
        for length in range(len(found), 0, -1):
            joined = "".join(found[:length])
            if joined in others:
                return joined
    return None


def is_total(name: str) -> bool:
    """Whether a name is that of a score, not of an item: one ends in a number.

    Examples
    --------
    >>> is_total("PHQ-9 Gesamtwert"), is_total("score_raw#2"), is_total("score_3")
    (True, True, False)
    """
    found = words_of(re.sub(r"#\d+$", "", name))
    return 0 < len(found) <= 4 and bool(_TOTAL & {*found}) and not found[-1].isdigit()


_TOTAL = _words(
    "total sum score totals scores sumscore totalscore tot summe gesamt gesamtwert summenwert",
    "somme totaal somscore totalt poeng puntaje puntuación soma pontuação escore",
)


# What stands before a session's number in a column's name.
SESSION_MARKS = SESSION | _words(
    "s t w wk week weeks wave time occasion tp sitz",
    "woche messzeitpunkt mzp semaine temps week meting meetmoment",
    "uke uge vecka gang måling mätning semana medición medição momento",
)
NUMBERS = {
    word: number
    for line in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
    )
    for number, word in enumerate(map(folded, line.split()))
}
# Words for a time of measurement, by when in a treatment it is.
PHASES = {
    word: place
    for place, line in enumerate(
        (
            "baseline intake pre screening eingang aufnahme prä vorher inclusion avant voormeting "
            "inntak inicio início entrada",
            "mid middle interim zwischen mitte milieu tussen midtveis",
            "post end discharge termination abschluss ende nachher entlassung fin après sortie "
            "nameting slutt slut final alta fim saída",
            "followup fu katamnese suivi opvolging oppfølging opfølgning uppföljning seguimiento "
            "seguimento",
        )
    )
    for word in map(folded, line.split())
}


# What says when in a course a row was written: the session, the visit, the day, the week.
_ORDER = (
    SESSION | _words("sessionnumber sitzungszahl termin séancenuméro"),
    _words(
        "occasion wave timepoint measurement assessment tp round visit visite besuch bezoek",
        "messzeitpunkt mzp erhebung passage mesure meetmoment meting måling mätning",
        "medición momento ocasión ocasião medição avaliação visita",
    ),
    _words("day days tag tage jour jours dag dagen dager dagar día días dia dias"),
    _words("week weeks wk woche wochen semaine semaines weken uke uger vecka veckor"
           " semana semanas uge month months monat mois maand mes"),
)  # fmt: skip
_BESIDE_ORDER = _words(
    "study since from start offset baseline time point index seq sequence rel relative count",
    "seit beginn zeit laufende lfd depuis sinds siden sedan desde",
)


@lru_cache(16_384)
def order_rank(name: str) -> int | None:
    """Return how finely a column of this name puts rows in order: 0 best; None if not.

    Examples
    --------
    >>> order_rank("Sitzungsnr."), order_rank("days_since_start"), order_rank("study week")
    (0, 2, 3)
    >>> order_rank("weekday"), order_rank("session_date"), order_rank("phq9_s1")
    (None, None, None)
    """
    about = tuple(word for word in core(name) if not word.isdigit())
    said = {*about} - _BESIDE_ORDER
    if {"time", "point"} <= {*about} and not said:
        return 1
    ranks = [rank for rank, known in enumerate(_ORDER) if said and said <= known]
    has_number = any(map(str.isdigit, words_of(name)))
    return min(ranks) if ranks and not has_number else None


def visit_place(text: str) -> tuple[int, int] | None:
    """Return the place of a visit in a course by its code; None for any other text.

    Examples
    --------
    >>> visit_place("V2"), visit_place("Baseline"), visit_place("Woche 6"), visit_place("anxious")
    ((1, 2), (0, 0), (1, 6), None)
    """
    found = words_of(text)
    if len(found) == 2 and found[1].isdigit() and found[0] in SESSION_MARKS | {"v", "visite"}:
        return (1, int(found[1]))
    place = session_of(f"x {text}")
    return place[1] if place and place[0] == ("x",) else None


def session_of(name: str) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """Cut the session out of a column's name: the words left, and its place in the order.

    Examples
    --------
    >>> session_of("bdi_weekSix"), session_of("wk2bdi"), session_of("BDI follow-up")
    ((('bdi',), (1, 6)), (('bdi',), (1, 2)), (('bdi',), (3, 0)))
    """
    found = list(words_of(name))
    for at, word in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else ""
        number = int(after) if after.isdigit() else NUMBERS.get(after)
        if word == "follow" and after == "up":
            rest = found[at + 2 :]
            number = int(rest[0]) if rest and rest[0].isdigit() else 0
            left = found[:at] + (rest[1:] if number else rest)
            return (tuple(left), (3, number)) if left else None
        if word in SESSION_MARKS and number is not None:
            left = found[:at] + found[at + 2 :]
            return (tuple(left), (1, number)) if left else None
        if word in PHASES:
            # Sessions by number lie between the first measurement and the last.
            place = (0, 1, 2, 3)[PHASES[word]]
            counted = after.isdigit() and place == 3
            left = found[:at] + found[at + 1 + counted :]
            return (tuple(left), (place, int(after) if counted else 0)) if left else None
    return None
