"""The sentence below the title of a sweep's figure, from verdict.json."""

import re

from _plot_text import JOINED
from _reading import Optional, ReadError, did_you_mean, exists, read_json
from _report_words import verdict_word
from _run_files import changed_tables

CRITERION = {"name": str, "meaning": Optional(str), "verdict": str, "seeds": int, "explanation": Optional(str),
             "shown": Optional({"text": str, "claimed": str})}
VERDICT = {"verdict": Optional(str), "finding": Optional(str), "plan": Optional(str), "profile": Optional(str),
           "claim": Optional(str), "seeds": Optional([int]), "doubts": Optional([str]),
           "criteria": Optional([CRITERION])}


def read_verdict(sweep):
    """verdict.json of a sweep; {} where there is none. What was changed since is one of its doubts."""
    path = sweep.folder / "verdict.json"
    if not exists(path):
        return {}
    verdict = read_json(path, VERDICT)
    changed = [problem.removeprefix(f"{sweep.folder}/").replace(": was", " was", 1)
               for problem in changed_tables(sweep.folder)]
    return {**verdict, "doubts": list(dict.fromkeys([*(verdict.get("doubts") or []), *changed]))}


def verdict_text(sweep):
    """The verdict, and the effect of figure.criterion, or else of the criterion that decided it; "" where nothing was
    judged."""
    verdict = read_verdict(sweep)
    overall, criteria = verdict.get("verdict"), verdict.get("criteria")
    if not overall or not criteria:
        return ""
    named, names = sweep.figure.get("criterion"), [one["name"] for one in criteria]
    if named and named not in names:
        raise ReadError(f"{sweep.file}: figure.criterion: no criterion {named!r} in verdict.json; there are "
                        f"{', '.join(names)}{did_you_mean(named, names)}")
    told = next((one for one in criteria if one["name"] == named), None) or next(
        (one for one in criteria if one["verdict"] == overall), criteria[0])
    parts = shown_parts(told)
    if told["verdict"] == "inconclusive" and told.get("explanation"):
        parts.append(told["explanation"].partition("; ")[0])  # bnlab's own words, before those of the experiment
    parts.append(f"1{JOINED}seed" if told["seeds"] == 1 else f"{told['seeds']}{JOINED}seeds")
    parts += [f"{sweep.profile}{JOINED}profile"] if sweep.profile else []
    doubts = verdict.get("doubts") or []
    parts += [f"IN DOUBT ({len(doubts)}): {doubts[0]}"] if doubts else []
    beside = f" as a whole; {verdict_word(told['verdict'])}" if named and told["verdict"] != overall else ""
    words = f"{verdict_word(overall).capitalize()}{beside}"
    return unbroken(f"{words}: {told.get('meaning') or told['name']}; {', '.join(parts)}")


def unbroken(text):
    """Its numbers on one line with what they belong to: "at least 0", "1.8 [-1, 2] times"."""
    text = re.sub(r"(at least|above|at most|below|within|threshold|to|[≥≤<>]=?) (?=[-\d.])", rf"\1{JOINED}", text)
    return re.sub(r"(\S+ )?\[[^][ ]+, [^][ ]+\]( \S+)?", lambda found: found.group().replace(" ", JOINED), text)


def shown_parts(criterion):
    """["1.81 [1.73, 1.91] times", "claimed: at least 3"]; of a verdict of an earlier version nothing."""
    shown = criterion.get("shown")
    if not shown:
        return []
    return [shown["text"], *([f"claimed: {shown['claimed']}"] if shown["claimed"] else [])]
