"""The formats there are: every class with a name of its own below `transforms/formats`.

A new one is a new file; nothing here or elsewhere lists it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import lru_cache

import transforms.formats as package
from transforms.formats.format import Block, Format


@lru_cache(maxsize=1)
def formats() -> tuple[Format, ...]:
    """Return every format, in the order they are listed and asked."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    # Format itself is never made, only its subclasses.
    named = _named(Format)  # type: ignore[type-abstract]
    found = sorted((one() for one in named), key=lambda one: (one.order, one.name))
    names = [one.name for one in found]
    if len({*names}) < len(names):
        raise TypeError(f"Two formats have the same name: {', '.join(names)}")
    return tuple(found)


def format_named(name: str) -> Format:
    """Return the format of this name."""
    return next(one for one in formats() if one.name == name)


def blocks() -> tuple[Block, ...]:
    """Return the blocks of all formats, each once."""
    return tuple(dict.fromkeys(one.block for one in formats() if one.block))


def _named(base: type[Format]) -> Iterator[type[Format]]:
    for one in base.__subclasses__():
        if "name" in vars(one) and one.__module__.startswith(f"{package.__name__}."):
            yield one
        yield from _named(one)
