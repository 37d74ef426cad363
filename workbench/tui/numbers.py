"""Numbers and times for people."""

from __future__ import annotations

from datetime import datetime


def number_text(number: int) -> str:
    """A whole number for people: grouped, and as a power of ten when it is very long."""
    if number < 10**15:
        return f"{number:,}"
    digits = len(str(number)) if number < 10**4000 else int(number.bit_length() * 0.30103)
    return f"about 10^{digits - 1}" if number != 10 ** (digits - 1) else f"10^{digits - 1}"


def when(created: str) -> str:
    """The local time of today, else the day: enough to tell sessions of one title apart."""
    try:
        local = datetime.fromisoformat(created.replace("Z", "+00:00")).astimezone()
    except (ValueError, OverflowError):
        return "?"
    return f"{local:%H:%M}" if local.date() == datetime.now().date() else f"{local:%m-%d}"


def day_time(created: str) -> str:
    """Day and local time, to the minute."""
    try:
        local = datetime.fromisoformat(created.replace("Z", "+00:00")).astimezone()
    except (ValueError, OverflowError):
        return "?"
    return f"{local:%Y-%m-%d %H:%M}"
