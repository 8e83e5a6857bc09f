"""Whatever is in the file: settings, or a ConfigError whose every line begins with the file."""

from __future__ import annotations

import dataclasses
import io
import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from edgedet import cameras
from edgedet.errors import ConfigError
from edgedet.settings import load_settings
from edgedet.settings.sources import settings_class

SHIPPED = (Path(__file__).parents[2] / "config" / "edgedet.yaml").read_text()
ENVIRONMENT = {"A": "5", "B": "", "C": "a: b"}

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["${A}", "${B}", "${C}", "${D}", "$${A}", "all", "auto", "off", "mqtt://h", "1e999", "0x"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def load(text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "e.yaml"
        file.write_bytes(text)
        refused = None
        try:
            load_settings(file, environment=ENVIRONMENT)
        except ConfigError as error:
            refused = error
    if refused is not None:
        place = re.compile(re.escape(str(file)) + r":[1-9]\d*:[1-9]\d*: .")
        assert all(place.match(line) for line in refused.message.splitlines())
        assert refused.message
        assert re.fullmatch(r"|and \d+ more", refused.hint)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    load(raw)


@given(st.text(alphabet=st.sampled_from("ab:- \n\t[]{},&*!|>'\"%@`#?<$~0.é"), max_size=60))
@settings(max_examples=200)
def test_any_mixture_of_the_signs_of_yaml_is_read_or_refused(text: str) -> None:
    load(text.encode())


@given(st.data())
@settings(max_examples=60)
def test_the_shipped_file_with_a_piece_replaced_is_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(SHIPPED)))
    length = data.draw(st.integers(0, 30))
    piece = data.draw(st.text(alphabet=st.characters(codec="utf-8"), max_size=8))
    load((SHIPPED[:start] + piece + SHIPPED[start + length :]).encode())


@given(st.data())
@settings(max_examples=60)
def test_the_shipped_settings_with_a_value_replaced_are_read_or_refused(data: st.DataObject) -> None:
    tree = YAML(typ="safe", pure=True).load(SHIPPED)
    here = tree
    while True:
        key = data.draw(st.sampled_from(sorted(here)))
        if not isinstance(here[key], dict) or not here[key] or data.draw(st.booleans()):
            break
        here = here[key]
    if data.draw(st.booleans()):
        here[key] = data.draw(VALUES)
    else:
        here[data.draw(st.text(max_size=6))] = here.pop(key)
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(tree, stream)
    load(stream.getvalue().encode("utf-8", "surrogatepass"))


@given(st.sampled_from(cameras.available()), st.data())
@settings(max_examples=100)
def test_any_value_in_a_source_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    names = [field.name for field in dataclasses.fields(settings_class(kind))]
    source = {"type": kind, data.draw(st.sampled_from(names)): data.draw(VALUES)}
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump({"version": 1, "cameras": {"a": {"source": source}}}, stream)
    load(stream.getvalue().encode("utf-8", "surrogatepass"))
