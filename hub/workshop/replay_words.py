"""What a replay finds, in the words of whoever reads it."""

from __future__ import annotations

#: Chinese and English.
WORDS = {
    "identical": ("相同", "identical"),
    "changed": ("有变化", "changed"),
    "newly-failing": ("新出错", "newly failing"),
    "newly-passing": ("新通过", "newly passing"),
    "in": ("收到", "received"),
    "out": ("发出", "sent"),
    "added": ("多出", "added"),
    "removed": ("缺少", "removed"),
    "value": ("值不同", "another value"),
    "shape": ("类型不同", "another type"),
    "length": ("项数不同", "more or fewer"),
    "recipients": ("接收单位不同", "other recipients"),
    "fault": ("差错", "fault"),
    "form": ("写法或次序不同", "another order or spelling"),
    "running": ("进行中", "running"),
    "done": ("完成", "done"),
    "stopped": ("已停止", "stopped"),
    "failed": ("失败", "failed"),
}


def word(name: str, language: str) -> str:
    """A verdict, a kind of change, a direction or a state in words."""
    return WORDS[name][0 if language == "zh" else 1] if name in WORDS else name
