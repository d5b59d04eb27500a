"""The catalogue of the page's sentences: whole, used, and the only place that has any."""

import re
from importlib.resources import files

import pytest

PAGE = files("ayneh.explorer").joinpath("page")
SCRIPTS = {file.name: file.read_text() for file in PAGE.iterdir() if file.name.endswith(".js")}
ENTRIES = dict(re.findall(r'^  "([^"]+)": "((?:[^"\\]|\\.)*)",$', SCRIPTS["words.js"], re.MULTILINE))
OTHERS = "\n".join(text for name, text in SCRIPTS.items() if name != "words.js")
CODE = re.sub(r"/\*\*.*?\*/|(?<![:\"'`])//[^\n]*", "", OTHERS, flags=re.DOTALL)
# Keys that are put together: t(`class.digit${end}`), ofSide(`${key} at`, ...).
MADE = ("finding.", "path.own", "path.straight", "side.about", "drawing.yours", "drawing.theirs", "reads.")


def base(key):
    return re.sub(r"\.(left|right)$", "", key)


def test_every_key_of_the_scripts_has_a_sentence():
    asked = set(re.findall(r'\b(?:t|rich|ofSide)\(\s*"([^"$]+)"', CODE))
    asked |= {key for pair in re.findall(r'\bt\([\w.> =1?]+\? "([^"]+)" : "([^"]+)"', CODE) for key in pair}
    assert len(asked) > 80
    assert asked - set(ENTRIES) == set()


def test_every_sentence_is_used():
    unused = [
        key for key in ENTRIES
        if not re.search(rf"[\"`]{re.escape(base(key))}[\"`$]", CODE) and not key.startswith(MADE)
        and f'"{key}"' not in SCRIPTS["words.js"].split("const LANGUAGE")[1]
    ]  # fmt: skip
    assert unused == []


@pytest.mark.parametrize("end", [".left", ".right"])
def test_a_sentence_on_a_side_is_there_for_both(end):
    other = {".left": ".right", ".right": ".left"}[end]
    assert [key for key in ENTRIES if key.endswith(end) and key[: -len(end)] + other not in ENTRIES] == []


SENTENCE = re.compile(r"^[A-Z“][\w’']*[,:;]? \S|[a-z]{2,} [a-z]{2,}.*[.:;?…](\s|$)")


def test_no_script_has_a_sentence_of_its_own():
    """Literals that begin with a capital and go on, or end as a sentence does; an error of the catalogue's is none."""
    literals = [text for pair in re.findall(r'"((?:[^"\\\n]|\\.)*)"|`([^`\n]*)`', CODE) for text in pair]
    plain = {text: re.sub(r"\$\{[^}]*\}", "x", text) for text in literals}
    assert sum("left: x" in text for text in plain.values()) == 2  # literals are found
    styles = re.compile(r"^[\w-]+: x|^\[data|[a-z]+\(")
    assert [
        text for text in plain.values() if SENTENCE.search(text) and not styles.search(text) and text not in ENTRIES
    ] == []
