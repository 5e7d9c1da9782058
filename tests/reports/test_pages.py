"""How a value looks, and whether its colors can be read."""

import re
from datetime import datetime

import pytest

from reports.drawing.templating import (
    TEMPLATES,
    anchor,
    day,
    moment,
    percent,
    plain,
)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.0009, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.5, "50 %"),
        (0.999, "99.9 %"),
        (0.9991, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share, shown):
    assert percent(share) == shown


def test_times_name_the_month():
    assert moment(datetime(2026, 11, 2, 5, 7)) == "2 Nov 2026, 05:07"
    assert day(datetime(2026, 3, 31)) == "31 Mar 2026"


def test_a_character_that_turns_the_reading_direction_is_shown():
    assert plain("\u202efdp.exe") == "\\u202efdp.exe"
    assert plain("a\x00b\nc") == "a\\u0000b c"
    assert plain("Übergabe – März.csv") == "Übergabe – März.csv"


def test_different_rules_have_different_anchors():
    assert anchor("S04") != anchor("s04")
    assert anchor("a b") != anchor("a-b")
    assert re.fullmatch(r"[A-Za-z0-9-]+", anchor('"><script>'))


def _luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    """WCAG 2.2, definition of contrast ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _palettes():
    style = (TEMPLATES / "style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)[:2]
    return {
        name: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for name, block in zip(("light", "dark"), blocks, strict=True)
    }


def test_the_contrast_formula_agrees_with_the_published_example():
    """#767676 on white is the lightest gray that passes AA, at 4.54 (webaim.org)."""
    assert _contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_text_reaches_aa_contrast_on_every_ground_it_stands_on(palette):
    colors = _palettes()[palette]
    pairs = [(text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "card")]
    pairs += [(state, f"{state}-bg") for state in ("pass", "fail", "error", "none")]
    pairs += [(state, ground) for state in ("pass", "fail") for ground in ("card",)]
    pairs += [("ink", "fail-bg"), ("soft", "fail-bg")]

    too_faint = {
        pair: round(_contrast(colors[pair[0]], colors[pair[1]]), 2)
        for pair in pairs
        if _contrast(colors[pair[0]], colors[pair[1]]) < 4.5
    }

    assert too_faint == {}
