"""`extends:`: what clinics have in common is written once."""

from __future__ import annotations

import pytest

from transforms.clinics.yaml_file import read_clinic_yaml
from transforms.errors import ConfigError

BASE = """\
# what the clinics of Riverside share
format: qualtrics
missing_codes: [NA, -9]
qualtrics: {timezone: Europe/London, previews: keep}
feeds:
  - table: responses
    set: {instrument: srs, rater: client}
    columns: {client_id: QID1, completed_at: EndDate}
"""


@pytest.fixture
def write(tmp_path):
    def text(own: str, **bases: str):
        (tmp_path / "groups").mkdir(exist_ok=True)
        for name, base in bases.items():
            (tmp_path / "groups" / f"{name}.yml").write_text(base, "utf-8")
        path = tmp_path / "north.yml"
        path.write_text(own, "utf-8")
        return path

    return text


@pytest.mark.parametrize("named", ["riverside", "groups/riverside.yml"])
def test_maps_merge_and_lists_replace(write, named):
    own = f"clinic: north\nextends: {named}\nmissing_codes: [x]\nqualtrics: {{previews: drop}}\n"
    clinic = read_clinic_yaml(write(own, riverside=BASE))

    assert clinic.missing_codes == ["x"]
    assert (clinic.qualtrics.previews, clinic.qualtrics.timezone) == ("drop", "Europe/London")
    assert clinic.feeds[0].table == "responses"


@pytest.mark.parametrize(
    ("own", "bases", "said"),
    [
        ("extends: riverside", {"riverside": BASE + "fiels: a\n"}, r"riverside\.yml:9: fiels"),
        ("extends: nowhere", {}, r"north\.yml:2: extends: there is no file nowhere"),
        ("extends: a", {"a": "extends: b", "b": "extends: a"}, r"b\.yml:1: extends: .*circle"),
        ("extends: a", {"a": "clinic: a"}, r"a\.yml:1: clinic: .*no clinic"),
        ("extends: [a, b]", {}, r"north\.yml:2: extends: is not the name"),
    ],
)
def test_errors_name_the_file_they_stand_in(write, own, bases, said):
    with pytest.raises(ConfigError, match=said):
        read_clinic_yaml(write(f"clinic: north\n{own}\n", **bases))
