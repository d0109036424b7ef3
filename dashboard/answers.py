"""How a command is declared and how it ends: an answer on stdout or one plain error on stderr, always with its code."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, cast

import typer

from dashboard import options as shared_options

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
Known = Callable[[Exception], tuple[int, str] | None]
"""Exit code and sentence for a failure that a run expects; None for any other."""
Provider = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb found: data for `--json`, a way to show it, and the exit code."""

    data: Mapping[str, Any]
    show: Callable[[Console], None]
    exit_code: int = 0


def say(data: Mapping[str, Any], text: str, exit_code: int = 0) -> Answer:
    """An answer that is one piece of text."""
    return Answer(data, lambda out: out.print(text, soft_wrap=True), exit_code)


def program_version() -> str:
    """The installed version; a checkout that is not installed has none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("keepwell")
    except PackageNotFoundError:
        return "0+checkout"


def group(help_text: str, parent: typer.Typer | None = None, name: str | None = None) -> typer.Typer:
    """A command that has commands, below `parent`."""
    made = typer.Typer(
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if parent is not None:
        parent.add_typer(made, name=name)
    return made


@dataclass(slots=True)
class Teller:
    """Prints answers and failures; `redact` masks secrets and knows more of them once the settings are read."""

    known: Known
    redact: Callable[[str], str] = field(default=lambda text: text)
    debug: bool = False

    def verb(
        self, parent: typer.Typer, name: str | None = None, *, options: tuple[Provider, ...] = ()
    ) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
        """Register a function that returns an Answer as a command of `parent`.

        The command has the function's own parameters, the standard ones, and those of the `options` providers, whose
        results together the function receives as `options`; of the standard ones it receives those that it names. The
        function itself stays as it is, so that code can call it too.
        """
        standard = inspect.signature(shared_options.standard).parameters

        def register(function: Callable[P, Answer]) -> Callable[P, Answer]:
            own = inspect.signature(function).parameters
            shared = {key: one for item in options for key, one in inspect.signature(item).parameters.items()}

            def command(**given: Any) -> None:
                passed = {key: value for key, value in given.items() if key in own}
                if options:
                    passed["options"] = _gather(options, given)
                self._run(
                    functools.partial(cast("Callable[..., Answer]", function), **passed), as_json=bool(given["as_json"])
                )

            visible = [one for key, one in own.items() if key not in (*standard, "options")]
            _declare(command, [*visible, *shared.values(), *standard.values()])
            parent.command(name or function.__name__, help=inspect.getdoc(function))(command)
            return function

        return register

    def _run(self, work: Callable[[], Answer], *, as_json: bool) -> NoReturn:
        try:
            answer = work()
            self._show(answer, as_json=as_json)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, for instance `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(answer.exit_code) from None
        except (typer.Exit, typer.BadParameter):
            raise
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - where every failure ends
            self._fail(error, as_json=as_json)
        raise typer.Exit(answer.exit_code)

    def _show(self, answer: Answer, *, as_json: bool) -> None:
        if as_json:
            # ASCII only: names from a CRM must be inert on a terminal here too, and survive any encoding.
            typer.echo(json.dumps(answer.data, default=str, allow_nan=False))
            return
        from dashboard.terminal import console

        answer.show(console())

    def _fail(self, error: BaseException, *, as_json: bool) -> NoReturn:
        exit_code, lines = self.explain(error)
        if self.debug and not isinstance(error, KeyboardInterrupt):
            typer.echo(self.redact("".join(traceback.format_exception(error))), err=True)
        if as_json:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            typer.echo(json.dumps({"status": status, "exit_code": exit_code, "errors": lines}))
        for line in lines:
            typer.echo(line, err=True)
        raise typer.Exit(exit_code)

    def explain(self, error: BaseException) -> tuple[int, list[str]]:
        """Exit code and sentences for whatever ended a command."""
        from config.errors import ConfigFileError
        from dashboard.localcrm import LocalCrmError
        from dashboard.text import inert

        if isinstance(error, KeyboardInterrupt):
            return 130, ["Interrupted. What was done is kept; the same command goes on from here."]
        if isinstance(error, ConfigFileError):
            # Never holds a value of a secret key; the redactor would take `access_token: …` for one.
            return 2, [inert(problem) for problem in error.problems]
        if isinstance(error, LocalCrmError):
            return 1, [inert(error)]
        expected = self.known(error) if isinstance(error, Exception) else None
        if expected is not None:
            return expected[0], [inert(self.redact(expected[1]))]
        hint = "This is a bug in Keepwell; `keepwell --debug …` shows where it happened."
        return 1, [f"Unexpected {type(error).__name__}: {inert(self.redact(str(error)), 500)}", hint]


def _gather(providers: tuple[Provider, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    gathered: dict[str, Any] = {}
    for provider in providers:
        gathered |= provider(**{key: given[key] for key in inspect.signature(provider).parameters})
    return gathered


def _declare(command: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """Give a command the parameters that Typer shall read, whatever its code takes."""
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    command.__annotations__ = {one.name: one.annotation for one in keywords}
    command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
