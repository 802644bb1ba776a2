"""Make book/_static/fonts/latin-modern-math.woff2: the part of Latin Modern Math that the course's formulas use.

    pip install fonttools brotli
    python tools/website/font.py /usr/share/texmf/fonts/opentype/public/lm-math/latinmodern-math.otf

Run by hand when a formula needs a new character (`tests/test_site.py` says so).
Debian's package `fonts-lmodern` has the font.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parents[2] / "book" / "_static" / "fonts" / "latin-modern-math.woff2"


def between(first: int, last: int) -> set[str]:
    return {chr(code) for code in range(first, last + 1)}


LATIN = between(0x20, 0x7E)
GREEK = between(0x391, 0x3A1) | between(0x3A3, 0x3A9) | between(0x3B1, 0x3C9) | set("ϑϕϱϵ")
# What browsers draw <mi>x</mi> and <mi>α</mi> with.
ITALIC = between(0x1D434, 0x1D454) | between(0x1D456, 0x1D467) | {"ℎ"} | between(0x1D6E2, 0x1D71B)
BOLD = between(0x1D400, 0x1D433) | between(0x1D7CE, 0x1D7D7)
DOUBLE = set("ℂ𝔼ℕℙℚℝℤ𝟙")
SCRIPT = set("𝒜ℬ𝒞𝒟ℰℱ𝒢ℋℐ𝒥𝒦ℒℳ𝒩𝒪𝒫𝒬ℛ𝒮𝒯𝒰𝒱𝒲𝒳𝒴𝒵")
OPERATORS = set("¬±·×÷‖†…′″ℓ←↑→↓↔↦⇐⇒⇔∀∂∃∅∇∈∉∋∏∑−∓∗∘√∝∞∣∥∧∨∩∪∫∬∼≃≅≈≔≠≡≤≥≪≫≲≳⊂⊃⊆⊇⊕⊗⊙⊤⊥⋅⋮⋯⋱⌈⌉⌊⌋⏞⏟⟨⟩⟵⟶⟷⟸⟹⟺⩽⩾")
ACCENTS = {"^", "ˆ", "˜", "¯", "˙", "\u0302", "\u0303", "\u0304", "\u0305", "\u0307", "\u0332", "\u20d7"}
INVISIBLE = set("\u2061\u2062\u2063\u2064\u00a0")
ALL = LATIN | GREEK | ITALIC | BOLD | DOUBLE | SCRIPT | OPERATORS | ACCENTS | INVISIBLE

# Characters that keep their design for small sizes; the others are scaled down.
IN_SCRIPTS = between(0x30, 0x39) | (ITALIC - between(0x1D6E2, 0x1D71B)) | between(0x1D6FC, 0x1D714) | set("()+,=−∗⊤′∞")


def main(source: str) -> None:
    options = subset.Options(flavor="woff2", layout_features=["ssty"], hinting=False, name_IDs=[0, 1, 2, 13, 14])
    font = TTFont(source)
    del font["FFTM"]
    characters = font.getBestCmap()
    if missing := {c for c in ALL if ord(c) not in characters}:
        raise SystemExit(f"the font has no {sorted(missing)}")
    for record in font["name"].names:  # its licence asks that what is derived from it has another name
        if record.nameID == 1:
            record.string = "LMM of this course"
    small = {characters[ord(c)] for c in IN_SCRIPTS}
    gsub = font["GSUB"].table
    for record in gsub.FeatureList.FeatureRecord:
        if record.FeatureTag != "ssty":
            continue
        for index in record.Feature.LookupListIndex:
            for table in gsub.LookupList.Lookup[index].SubTable:
                table = getattr(table, "ExtSubTable", table)
                table.alternates = {k: v[:1] for k, v in table.alternates.items() if k in small}
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, ALL))
    subsetter.subset(font)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, TARGET, options)
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB, {len(font.getBestCmap())} characters")


if __name__ == "__main__":
    main(*sys.argv[1:])
