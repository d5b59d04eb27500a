"""Files as earlier versions wrote them, read as today's: plain dictionaries in and out.

Each function takes what a file holds, today's or an older one's, and returns it as today's code writes it.
"""

from __future__ import annotations

import re
import shlex
from typing import Any


def finding(event: dict[str, Any]) -> dict[str, Any]:
    """A line of findings.jsonl. Earlier lines had one sentence, "words", with title, evidence and command in it.

    ``value`` was not written; the cleared finding's first step, evidence, threshold, source and advice were not either.
    """
    if "words" not in event:
        return event
    said = re.sub(r"^(seed \d+: )?step \d+(, \w+)?: (no longer: )?", "", event["words"])
    known = {name: value for name, value in event.items() if name not in ("words", "cure")}
    evidence, cure = event.get("evidence"), event.get("cure")
    known["title"] = said.partition(f". {evidence}")[0] if evidence else said
    known |= {"until_step": None if event["appeared"] else event["step"], "value": None}
    for name in ("since_step", "threshold", "evidence", "source"):
        known.setdefault(name, None)
    known["advice"] = cure and cure | {"argv": shlex.split(said.partition(" Try: ")[2])}
    return known
