"""How a command is declared and how it ends: an answer on stdout or one plain error on stderr, always with its code."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, cast

import typer

from dashboard import options as shared_options

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
Known = Callable[[Exception], "Failure | None"]
"""How a failure that a run expects ends a command; None for any other."""
Provider = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb found: data for `--json`, a way to show it, and the exit code."""

    data: Mapping[str, Any]
    show: Callable[[Console], None]
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command did not come to an answer; `problems` are those of the configuration, each with its place.

    `reason_code` says the reason in one word, as a run's report does.
    """

    message: str
    hint: str = ""
    exit_code: int = 1
    status: str = "failed"
    reason_code: str | None = None
    problems: tuple[Mapping[str, Any], ...] = ()
    lines: tuple[str, ...] = ()
    """What stderr gets; by default the message with its hint."""

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints instead of an answer."""
        error = {"message": self.message, "hint": self.hint or None, "problems": list(self.problems)}
        return {"status": self.status, "reason_code": self.reason_code, "exit_code": self.exit_code, "error": error}


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
        add_completion=parent is None,
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
    log_format: str | None = None
    logs_json: bool = False

    def verb(
        self, parent: typer.Typer, name: str | None = None, *, options: tuple[Provider, ...] = (), example: str = ""
    ) -> Callable[[Callable[P, Answer]], Callable[P, Answer]]:
        """Register a function that returns an Answer as a command of `parent`.

        The command has the function's own parameters, the standard ones, and those of the `options` providers, whose
        results together the function receives as `options`; of the standard ones it receives those that it names. Its
        help ends with the `example`. The function itself stays as it is, so that code can call it too.
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
            epilog = f"Example: {example}" if example else None
            parent.command(name or function.__name__, help=inspect.getdoc(function), epilog=epilog)(command)
            return function

        return register

    def _run(self, work: Callable[[], Answer], *, as_json: bool) -> NoReturn:
        try:
            answer = work()
            self._show(answer, as_json=as_json)
        except (typer.Exit, typer.BadParameter):
            raise
        except BrokenPipeError:  # the reader of a long command went away in the middle of it
            _abandon_stdout()
            raise typer.Exit(1) from None
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - where every failure ends
            answer = self._failed(error)
            with suppress(UnwritableOutput):
                self._show(answer, as_json=as_json)
        raise typer.Exit(answer.exit_code)

    def _show(self, answer: Answer, *, as_json: bool) -> None:
        if as_json:
            # ASCII only: names from a CRM must be inert on a terminal here too, and survive any encoding.
            text = json.dumps(answer.data, default=str, allow_nan=False)
            with _to_stdout():
                typer.echo(text)
            return
        from dashboard.terminal import console

        with _to_stdout():
            answer.show(console())

    def _failed(self, error: BaseException) -> Answer:
        """Say on stderr why there is no answer; what is returned has something to show for `--json` only."""
        failure = self.explain(error)
        for handler in logging.getLogger().handlers:  # what led to it comes first
            handler.flush()
        if self.debug and not isinstance(error, KeyboardInterrupt):
            typer.echo(self.redact("".join(traceback.format_exception(error))), err=True)
        if self.logs_json:
            self._log(failure)
            return Answer(failure.to_dict(), lambda _out: None, failure.exit_code)
        for line in failure.lines or (f"{failure.message} {failure.hint}".rstrip(),):
            typer.echo(line, err=True)
        return Answer(failure.to_dict(), lambda _out: None, failure.exit_code)

    def _log(self, failure: Failure) -> None:
        """What `_failed` says, for a stderr of which every line is a JSON object."""
        from dashboard.logs import log_event

        message = " ".join(failure.lines) or failure.message
        log_event(
            "command.failed",
            message=message,
            hint=failure.hint or None,
            reason_code=failure.reason_code,
            exit_code=failure.exit_code,
        )
        for handler in logging.getLogger().handlers:
            handler.flush()

    def explain(self, error: BaseException) -> Failure:
        """What to say about whatever ended a command; every text is without secrets and harmless for a terminal."""
        from config.errors import ConfigFileError
        from dashboard.localcrm import LocalCrmError
        from dashboard.text import inert

        def clean(text: str) -> str:
            return inert(self.redact(text))

        if isinstance(error, KeyboardInterrupt):
            return Failure(
                "Interrupted.",
                "What was done is kept; the same command goes on from here.",
                130,
                "interrupted",
                "stopped",
            )
        if isinstance(error, ConfigFileError):
            # Never holds a value of a secret key; the redactor would take `access_token: …` for one.
            found = [
                {key: inert(value) if isinstance(value, str) else value for key, value in asdict(one).items()}
                for one in error.problems
            ]
            lines = tuple(inert(problem) for problem in error.problems)
            return Failure(
                "The configuration cannot be used.",
                exit_code=2,
                reason_code="configuration",
                problems=tuple(found),
                lines=lines,
            )
        if isinstance(error, UnwritableOutput):
            return Failure(f"stdout cannot be written: {error}.", "The command did its work; only its answer is lost.")
        if isinstance(error, LocalCrmError):
            return Failure(inert(error))
        expected = self.known(error) if isinstance(error, Exception) else None
        if expected is not None:
            return replace(expected, message=clean(expected.message), hint=clean(expected.hint))
        message = f"Unexpected {type(error).__name__}: {inert(self.redact(str(error)), 500)}"
        hint = "This is a bug in Keepwell; `keepwell --debug …` shows where it happened."
        return Failure(message, hint, reason_code="bug")


class UnwritableOutput(Exception):
    """stdout goes where nothing can be written, for instance to a full disk."""


@contextmanager
def _to_stdout() -> Iterator[None]:
    """What is written inside the block gets there, or the block raises UnwritableOutput."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, for instance `head`, has seen enough
        _abandon_stdout()
    except OSError as error:
        _abandon_stdout()
        raise UnwritableOutput(error.strerror or str(error)) from error


def _abandon_stdout() -> None:
    """Let the interpreter's own last flush go nowhere, so that it has nothing to complain about."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
