"""From the nodes of a YAML file to plain data with places; gathers what is wrong instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from edgedet.settings.places import MAX_DEPTH, MAX_VALUES, KeyPath, Mark, Place, Plain, Problem

_TAG = "tag:yaml.org,2002:"
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_WORDS: dict[str, Plain] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def plain_value(text: str) -> Plain:
    """What an unquoted scalar is in YAML 1.2: null, a boolean, a number, or else text (`yes` and `off` are text)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    special = re.fullmatch(r"([-+]?)\.(inf|nan)", text, re.IGNORECASE)
    return float(special.group(1) + special.group(2)) if special else text


class Builder:
    """Turns nodes into plain data, keeping places; gathers what is wrong instead of stopping at the first."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.places: dict[KeyPath, Place] = {}
        self.problems: list[Problem] = []
        self._lines = text.splitlines()
        self._environment = environment
        self._count = 0

    def complain(self, mark: Mark, path: KeyPath, message: str) -> None:
        """Note what is wrong, and go on."""
        self.problems.append(Problem(mark, path, message))

    def build(self, node: Node, path: KeyPath, key: Mark | None, holders: tuple[int, ...]) -> Plain:
        """The data of `node`, which stands at `path`; `holders` are the nodes that it lies in."""
        mark = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH or id(node) in holders:
            if not any(problem.key == () for problem in self.problems):
                message = "grows without end through its aliases or levels; write it out in fewer"
                self.complain(key or mark, (), message)
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, key or mark, mark)
        self.places[path] = Place(key or mark, mark)
        inside = (*holders, id(node))
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*path, n), None, inside) for n, item in enumerate(node.value)]
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            pairs = self._pairs(node, path, inside)
            return {name: self.build(value, (*path, name), place, inside) for name, (place, value) in pairs.items()}
        self.complain(mark, path, f"the tag {node.tag} is not known; remove it")
        return None

    def _pairs(self, node: MappingNode, path: KeyPath, holders: tuple[int, ...]) -> dict[str, tuple[Mark, Node]]:
        own: dict[str, tuple[Mark, Node]] = {}
        merged: dict[str, tuple[Mark, Node]] = {}
        for key, value in node.value:
            mark = Mark(key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, ScalarNode):
                self.complain(mark, path, "a key that is no plain text; write `key: value`")
            elif key.tag == _TAG + "merge":
                for source in self._merge_sources(value, path, holders):
                    merged = {**self._pairs(source, path, (*holders, id(source))), **merged}
            elif key.value in own:
                first = own[key.value][0].line
                message = f"this key stands in line {first} already; keep one of the two"
                self.complain(mark, (*path, key.value), message)
            else:
                own[key.value] = (mark, value)
        return {**merged, **own}

    def _merge_sources(self, value: Node, path: KeyPath, holders: tuple[int, ...]) -> Iterator[MappingNode]:
        for source in value.value if isinstance(value, SequenceNode) else [value]:
            if isinstance(source, MappingNode) and id(source) not in holders and len(holders) < MAX_DEPTH:
                yield source
            else:
                mark = Mark(source.start_mark.line + 1, source.start_mark.column + 1)
                self.complain(mark, (*path, "<<"), "merges something that is no section; give an alias of one")

    def _scalar(self, node: ScalarNode, path: KeyPath, key: Mark, mark: Mark) -> Plain:
        quoted = node.style is not None
        kind = str(node.tag).removeprefix(_TAG)
        written = str(node.value)
        text = self._substitute(node, path, mark) if "${" in written else written
        changed = text != written
        empty = not written and not quoted
        self.places[path] = Place(key, key if empty else mark, written, quoted, changed)
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            self.complain(mark, path, "holds a character that is no text; remove the escape")
            return None
        if kind not in {"str", "int", "float", "bool", "null", "timestamp", "value"}:
            self.complain(mark, path, f"the tag {node.tag} is not known; remove it")
            return None
        return text if kind == "str" or changed else plain_value(text)

    def _substitute(self, node: ScalarNode, path: KeyPath, mark: Mark) -> str:
        def put_in(found: re.Match[str]) -> str:
            name = found.group(1)
            if name is None:
                return "${"
            if name in self._environment and found.group().endswith("}"):
                return self._environment[name]
            line = self._lines[mark.line - 1] if mark.line <= len(self._lines) else ""
            column = line.find(found.group(), mark.column - 1) + 1
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not found.group().endswith("}"):
                message = "`${` begins the name of an environment variable; write ${NAME}, or $${ for the text"
            else:
                message = f"the environment has no variable {name}; set it (in a unit: Environment=), or write $${{"
            self.complain(Mark(mark.line, column or mark.column), path, message)
            return ""

        return _VARIABLE.sub(put_in, str(node.value))
