"""A transport's section of `transport.yaml` read into frozen values, every mistake told with its place in the file.

What the keys mean stands at the dataclasses of the transports (`connectors.soap.SoapOptions`, …).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hub.domain.faults import Fault
from hub.ports import ConfigError

T = TypeVar("T")


def read(kind: type[T], options: Mapping[str, Any], pointer: str) -> T:
    """Options as a value of the dataclass `kind`. Raises `ConfigError` with every fault; JSON Pointers begin with `pointer`."""
    faults: list[Fault] = []
    value = _dataclass(kind, options, pointer, faults)
    if faults:
        raise ConfigError(faults)
    return typing.cast(T, value)


def _dataclass(kind: type[Any], given: Any, pointer: str, faults: list[Fault]) -> Any:
    if not isinstance(given, Mapping):
        faults.append(_wrong(pointer, given, "一组键值", "a mapping"))
        return None
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in given:
        if key not in fields:
            known = ", ".join(fields)
            faults.append(
                Fault(
                    "option.unknown",
                    f"{pointer}/{key}",
                    value=key,
                    zh=f"没有选项“{key}”，可用的有：{known}",
                    en=f"there is no option {key!r}; there are {known}",
                )
            )
    values = {}
    for name, field in fields.items():
        if name in given:
            values[name] = _value(hints[name], given[name], f"{pointer}/{name}", faults)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            faults.append(
                Fault(
                    "option.missing", f"{pointer}/{name}", zh=f"缺少选项“{name}”", en=f"the option {name!r} is missing"
                )
            )
    if any(fault.pointer.startswith(pointer + "/") for fault in faults):
        return None
    return kind(**values)


def _value(hint: Any, given: Any, pointer: str, faults: list[Fault]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if given is None and type(None) in arguments:
            return None
        choices = [choice for choice in arguments if choice is not type(None)]
        for choice in choices:
            if dataclasses.is_dataclass(choice) == isinstance(given, Mapping):
                return _value(choice, given, pointer, faults)
        return _value(choices[0], given, pointer, faults)
    if dataclasses.is_dataclass(hint):
        return _dataclass(typing.cast(type[Any], hint), given, pointer, faults)
    if origin is typing.Literal:
        if given not in arguments:
            allowed = ", ".join(str(argument) for argument in arguments)
            faults.append(_wrong(pointer, given, f"以下之一：{allowed}", f"one of {allowed}"))
        return given
    if origin is tuple:
        if not isinstance(given, Sequence) or isinstance(given, str):
            faults.append(_wrong(pointer, given, "一个列表", "a list"))
            return ()
        return tuple(_value(arguments[0], item, f"{pointer}/{number}", faults) for number, item in enumerate(given))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(given, Mapping):
            faults.append(_wrong(pointer, given, "一组键值", "a mapping"))
            return {}
        return {str(key): _value(arguments[1], item, f"{pointer}/{key}", faults) for key, item in given.items()}
    if hint is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, hint) or (isinstance(given, bool) and hint is not bool):
        names = {
            str: ("文字（带引号）", "text (quoted)"),
            int: ("整数", "a whole number"),
            float: ("数", "a number"),
            bool: ("true或false", "true or false"),
        }
        faults.append(_wrong(pointer, given, *names.get(hint, (str(hint), str(hint)))))
    return given


def _wrong(pointer: str, given: Any, zh: str, en: str) -> Fault:
    return Fault(
        "option.type", pointer, value=given, zh=f"“{given}”不对，应为{zh}", en=f"{given!r} is wrong; wanted {en}"
    )
