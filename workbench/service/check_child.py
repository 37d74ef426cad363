"""The process of python checks: calls one function for many outputs. Started by ``scoring.py``, never imported.

stdin is ``{source, file, function, subjects}``; each line of stdout one answer. What the function prints goes to
stderr.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.loads(sys.stdin.buffer.read())
    scope: dict[str, Any] = {"__name__": "check", "__file__": job["file"]}
    exec(compile(job["source"], job["file"], "exec"), scope)  # noqa: S102 - the user has trusted exactly these bytes
    function = scope[job["function"]]
    for subject in job["subjects"]:
        try:
            answer = _answer(function(subject["text"], subject))
        except Exception as error:  # noqa: BLE001 - whatever the function raises is its answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(value: Any) -> dict[str, Any]:
    detail = ""
    if isinstance(value, tuple) and len(value) == 2:
        value, detail = value
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        return {"error": f"it returned {value!r}, not true, false or a number from 0 to 1"}
    return {"score": float(value), "detail": str(detail)[:500]}


if __name__ == "__main__":
    main()
