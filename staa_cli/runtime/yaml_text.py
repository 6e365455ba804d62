"""Our dialect of YAML: safe, with the numbers and booleans of YAML 1.2."""

from __future__ import annotations

import re
from typing import Any

import yaml

BOOL, FLOAT, TIMESTAMP = (f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "timestamp"))


class Loader(yaml.SafeLoader):
    """`1e-4` is a number, `off` and a date are text, a key stands once."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own form
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (BOOL, FLOAT, TIMESTAMP)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"key '{twice[0]}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """Quotes text which either our loader or one of YAML 1.1 would take for something else."""


Loader.add_implicit_resolver(BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
NUMBER = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$")
for reader_or_writer in (Loader, Dumper):
    reader_or_writer.add_implicit_resolver(FLOAT, NUMBER, list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    """
    Raises:
        yaml.YAMLError: the text is no YAML.
        ValueError: or holds characters that YAML forbids.
    """
    try:
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None


def dump_yaml(value: Any) -> str:
    """Text that `parse_yaml` reads back to an equal value."""
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True)
