"""Every clinic YAML on the pages of the formats is valid and reads an export of its kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.transforms.survey_exports import GOOGLE, MICROSOFT, MONKEY, limesurvey, text
from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.formats.recognition.registry import blocks, formats
from transforms.intake.column_mapping import mappings_by_table
from transforms.intake.read_file import read_export

PAGES = Path(__file__).parents[2] / "docs" / "formats"
EXAMPLE = re.compile(r"```yaml\n(clinic: (\w+)\n.*?)```", re.DOTALL)
SUPPORT = [
    [*row, more]
    for row, more in zip(GOOGLE, ("Who supports you?", "Family;a friend", ""), strict=True)
]
MORE_GOOGLE = [[cell.replace("Rate", "How often?") for cell in row] for row in SUPPORT]
WIDE = "id,phq9_1_s1,phq9_2_s1,phq9_1_s2,phq9_2_s2,date_s1,date_s2\n"
WIDE += "007,1,2,-9,,2026-05-01,\n008,0,0,3,1,2026-05-01,2026-05-08\n"
LONG = "client,day,form,question,answer\n007,2026-05-01,PHQ-9,PHQ1,2\n"
LONG += "007,2026-05-01,PHQ-9,PHQ_SUM,2\n007,2026-05-01,PHQ-9,NOTE,x\n008,2026-05-01,GAD,X,1\n"
# What the page's example is given, and how many rows each feed reads of it.
EXPORTS = {
    ("limesurvey", "harbor"): ({"results-survey1.csv": text(limesurvey())}, [2]),
    ("google-forms", "harbor"): ({"Session form.csv": text(MORE_GOOGLE)}, [2]),
    ("microsoft-forms", "harbor"): ({"Session form.csv": text(MICROSOFT)}, [2]),
    ("surveymonkey", "harbor"): ({"Session form.csv": text(MONKEY)}, [2]),
    ("wide-and-long", "harbor"): ({"wide.csv": WIDE}, [3]),
    ("delimited", "fjordside"): (
        {"may.csv": "May\n\nClient;Client;PHQ;PHQ\nno;date;1;2\n007;31.12.2026;1;-9\n"},
        [1],
    ),
    ("wide-and-long", "fjord"): ({"long.csv": LONG}, [1]),
    ("wide-and-long", "campus"): ({"answers.csv": "D1\n1\n2\n", "people.csv": "age\n3\n4\n"}, [2]),
    ("redcap", "lakeside"): (
        {
            "a_DATA_1.csv": "record_id,redcap_repeat_instance,srs_timestamp,srs_1,srs_total\n"
            "007,1,2026-05-01 09:00:00,9,9\n",
            "a_DataDictionary_1.csv": "Variable / Field Name,Form Name,Field Type,Field Label,"
            '"Choices, Calculations, OR Slider Labels"\n'
            "record_id,srs,text,Record,\nsrs_1,srs,text,1,\nsrs_total,srs,calc,Sum,\n",
        },
        [1],
    ),
}


def examples() -> list[tuple[str, str, str]]:
    return [
        (page.stem, match[2], match[1])
        for page in sorted(PAGES.glob("*.md"))
        for match in EXAMPLE.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "clinic", "example"), examples())
def test_an_example_is_a_valid_yaml(tmp_path, page, clinic, example):
    path = tmp_path / f"{clinic}.yml"
    path.write_text(example, encoding="utf-8")

    assert read_clinic_yaml(path).clinic == clinic


@pytest.mark.parametrize(("page", "clinic"), EXPORTS)
def test_an_example_reads_an_export_of_its_kind(tmp_path, con, page, clinic):
    files, expected = EXPORTS[page, clinic]
    (example,) = [one for at, name, one in examples() if (at, name) == (page, clinic)]
    (tmp_path / f"{clinic}.yml").write_text(example, encoding="utf-8")
    config = read_clinic_yaml(tmp_path / f"{clinic}.yml")
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (export,) = [name for name in files if config.is_export(name)]

    sources = read_export(tmp_path / export, config, con=con, scratch=tmp_path)

    mappings = mappings_by_table(config, export, sources)["responses"]
    assert [mapping.source.n_rows for mapping in mappings] == expected
    assert all(mapping.items for mapping in mappings)


@pytest.mark.parametrize("one", formats(), ids=lambda one: one.name)
def test_every_format_has_a_page_that_the_overview_and_the_yaml_page_name(one):
    overview = (PAGES / "README.md").read_text(encoding="utf-8")
    yaml_page = (PAGES.parent / "clinic-yaml.md").read_text(encoding="utf-8")

    assert (PAGES / one.page).is_file()
    assert f"]({one.page})" in overview
    assert f"`{one.name}`" in yaml_page


def test_every_survey_system_has_a_page_with_an_example():
    pages = {page for page, _, _ in examples()}

    assert {one.page for one in formats() if one.has_texts} <= {f"{page}.md" for page in pages}


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.key)
def test_every_option_of_a_format_stands_on_the_pages(block):
    """In code, as part of its block or by itself: `survey: {unfinished: keep}`, `spam`."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`", pages, re.DOTALL))

    assert [key for key in block.model.model_fields if not re.search(rf"\b{key}\b", code)] == []
