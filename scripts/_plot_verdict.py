"""The sentence below the title of a sweep's figure, from verdict.json."""

import math
import re

from _plot_text import JOINED, spelled
from _reading import Number, Optional, ReadError, did_you_mean, exists, read_json

END = Optional(Number(infinite=True))
CRITERION = {"name": str, "meaning": Optional(str), "type": str, "verdict": str, "seeds": int,
             "explanation": Optional(str), "effect": Optional(Number(infinite=True)), "effect_is": str,
             "interval": Optional([END]),
             **{key: Optional(Number()) for key in ("at_least", "more_than", "at_most", "less_than", "within")}}
VERDICT = {"verdict": Optional(str), "finding": Optional(str), "plan": Optional(str), "profile": Optional(str),
           "claim": Optional(str), "seeds": Optional([int]), "doubts": Optional([str]),
           "criteria": Optional([CRITERION])}


def read_verdict(sweep):
    """verdict.json of a sweep; {} where there is none."""
    path = sweep.folder / "verdict.json"
    return read_json(path, VERDICT) if exists(path) else {}


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
    parts = [effect_text(told), *threshold_text(told)]
    if told["verdict"] == "inconclusive" and told.get("explanation"):
        parts.append(told["explanation"].partition("; ")[0])  # bnlab's own words, before those of the experiment
    parts.append(f"1{JOINED}seed" if told["seeds"] == 1 else f"{told['seeds']}{JOINED}seeds")
    parts += [f"{sweep.profile}{JOINED}profile"] if sweep.profile else []
    doubts = verdict.get("doubts") or []
    parts += [f"IN DOUBT ({len(doubts)}): {doubts[0]}"] if doubts else []
    beside = f" as a whole; {told['verdict']}" if named and told["verdict"] != overall else ""
    return unbroken(f"{overall.capitalize()}{beside}: {told.get('meaning') or told['name']}; {', '.join(parts)}")


def unbroken(text):
    """Its numbers on one line with what they belong to: "≥ 0", "95 % interval [-1, 2]"."""
    text = re.sub(r"([≥≤<>]=?|within|threshold) (?=[-+∞.\d])", rf"\1{JOINED}", text)
    return re.sub(r"(95 % )?(interval )?\[[^][ ]+, [^][ ]+\]", lambda found: found.group().replace(" ", JOINED), text)


def limit(value, infinite):
    """An end of an interval: a number, "inf", "-inf", or null, which is `infinite`."""
    number = infinite if value is None else float(value)
    return f"{number:.4g}" if math.isfinite(number) else "∞" if number > 0 else "-∞"


def effect_text(criterion):
    if criterion.get("effect") is None:
        return "no effect measured"
    effect = float(criterion["effect"])  # also of "inf", "-inf" and "nan"
    sign = {"at_least": "≥ ", "at_most": "≤ "}.get(criterion["effect_is"], "")
    not_finite = "infinite" if effect > 0 else "-infinite" if effect < 0 else "not a number"
    text = f"{spelled(criterion['type'])} {f'{sign}{effect:.4g}' if math.isfinite(effect) else not_finite}"
    if len(criterion.get("interval") or ()) == 2:
        low, high = criterion["interval"]
        text += f", 95 % interval [{limit(low, -math.inf)}, {limit(high, math.inf)}]"
    return text


def threshold_text(criterion):
    """["threshold ≥ 0.38 and ≤ 0.43"], or nothing of a criterion that only reports."""
    signs = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<", "within": "within"}
    texts = [f"{sign} {criterion[key]:.4g}" for key, sign in signs.items() if criterion.get(key) is not None]
    return [f"threshold {' and '.join(texts)}"] if texts else []
