"""Makes text from a CRM harmless for the program that shows it: it may say anything, but do nothing."""

from __future__ import annotations

import re
import unicodedata

_ACTIVE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # needed by Persian, Indic scripts and emoji
_BREAK = "\u2060"  # draws nothing, and parts what a program would read as one word
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LOOKS_LIKE = {"*": "\N{ASTERISK OPERATOR}", "~": "\N{TILDE OPERATOR}", "`": "'", "_": "\N{MODIFIER LETTER LOW MACRON}"}
_MARKUP = re.compile(r"[*~`]|(?<![^\W_])_|_(?![^\W_])")  # an underscore within a word, as in names of alerts, is none
_CALL = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)


def one_line(text: object, limit: int) -> str:
    """Text on one line without anything that acts, cut to `limit` characters."""
    shown = "".join(_shown(character) for character in ("" if text is None else str(text)))
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def slack(text: object, limit: int) -> str:
    """Text for Slack's mrkdwn, at most `limit` characters as escaped: no link, mention, call of a channel, or markup.

    Slack asks for `&`, `<` and `>` to be escaped, with which every mention and link begins; what marks bold, italic,
    struck and code becomes a character that looks like it.
    """
    shown = _CALL.sub(f"@{_BREAK}", one_line(text, limit))
    shown = _MARKUP.sub(lambda mark: _LOOKS_LIKE[mark[0]], shown)
    made, room = [], limit
    for character in shown:
        escaped = _ESCAPED.get(character, character)
        room -= len(escaped)
        if room < 0:
            break
        made.append(escaped)
    return "".join(made)


def slack_plain(text: object, limit: int) -> str:
    """Text for a `plain_text` of Slack, at most `limit` characters: no markup is shown, nor must it ever come to be."""
    shown = _CALL.sub(f"@{_BREAK}", one_line(text, limit))[:limit]
    return shown.replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}").replace(
        ">", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    )


def card(text: object, limit: int) -> str:
    """Text for a `TextRun` of an Adaptive Card, which knows no Markdown; only its `{{DATE(…)}}` has to be parted."""
    return one_line(text, limit).replace("{{", f"{{{_BREAK}{{")


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character) in _ACTIVE and character not in _JOINERS:
        return "\N{REPLACEMENT CHARACTER}"
    return character
