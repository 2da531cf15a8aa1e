"""`kie-nb` on the command line: the demo, experiments, the files of a folder, and the simulator as a server of its own."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import KieError
from .keys import Secret
from .text import say
from .version import __version__

COMMANDS = {
    "demo": "run the quickstart on the simulator: free, no key, no network",
    "run": "run an experiment that Experiment.save has written, and wait for it",
    "doctor": "look at every file of kie-runs, and fetch again what can be had",
    "export": "copy finished runs with their videos into a folder",
    "import": "take the runs of an exported folder into this ledger",
    "listen": "take callbacks of the service for the notebooks of this machine, without Jupyter",
    "files": "move the videos and pictures to a store that a team shares, or back",
    "ledger": "copy the record of runs to a team's database, or back",
    "simulator": "serve the simulator on this machine, for any client of Kie.ai",
}
RUN_CODES = """\
exit codes:
  0    every cell has its video on disk (with --plan: it would begin)
  1    it could not begin (with --plan: it would not); the reason is on stderr
  2    a wrong option
  3    some cells have no video on disk; the last lines say why
  130  it was interrupted; what was sent goes on, run it again to fetch it
  143  it was told to end (SIGTERM: SLURM, Docker, systemd); as 130
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, or 1 with the reason on stderr, or a code that its help names."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except KieError as exc:
        say(exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    from .simulator import command as simulator

    parser = argparse.ArgumentParser(prog="kie-nb", description="Make AI video from a Jupyter notebook.")
    parser.add_argument("--version", action="version", version=f"kie_nb {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], **more: Any) -> Callable[..., Any]:
        added = commands.add_parser(name, help=COMMANDS[name], **more)
        added.set_defaults(run=run, verb=name)
        return added.add_argument

    add = command("demo", _demo)
    add("--dir", type=Path, default=Path("kie-demo"), help="folder for the results (default: kie-demo)")
    add("--lab", action="store_true", help="open the quickstart in JupyterLab instead of running it")
    add("rest", nargs="*", metavar="-- ARG", help="arguments for JupyterLab, after --")

    raw = argparse.RawDescriptionHelpFormatter
    add = command("run", _run, formatter_class=raw, epilog=RUN_CODES)
    where = "the definition, a .toml file; its pictures are looked for beside it, then from here"
    add("file", type=Path, metavar="FILE", help=where)
    add("--max-credits", type=_credits, metavar="N", help="the most that the experiment may cost")
    add("--partial", action="store_true", help="buy what fits into --max-credits; the rest stays to come")
    add("--plan", action="store_true", help="print the cells and what they should cost; send nothing")
    change = (
        'a value in place of the file\'s, may be repeated: seed=0-9, resolution=1080p, who=\'["cat", "ox"]\''
    )
    add("--set", action="append", type=_pair, default=[], metavar="NAME=VALUE", dest="changes", help=change)
    add("--retry-failed", action="store_true", help="ask again for cells that have failed")
    after = "buy no more after so many failures in a row (default: 3); earlier ones do not count then"
    add("--stop-after-failures", type=int, metavar="N", help=after)
    add("--extend", action="store_true", help="the definition has changed: keep the earlier cells too")
    outside = "take files outside the definition's folder without asking; else each is shown and asked about"
    add("--allow-outside", action="store_true", help=outside)
    report = "write a report page that plays from disk"
    add("--report", type=Path, metavar="FILE.html", help=report)
    summary = "write counts, credits, exit code and every cell there, whatever happens"
    add("--json", type=Path, metavar="FILE", dest="summary", help=summary)

    add = command("doctor", _files)
    add("--look", action="store_true", help="look only: fetch and remove nothing")

    add = command("export", _files)
    add("dir", type=Path, metavar="DIR", help="where to; an earlier export there is added to")
    add("ids", nargs="*", metavar="ID", help="runs, by the beginning of their ids (default: all)")

    add = command("import", _files)
    add("dir", type=Path, metavar="DIR", help="a folder that export has made")

    add = command("listen", _listen)
    add(
        "--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, for a tunnel or proxy)"
    )
    add("--port", type=int, default=8477, help="port (default: 8477)")

    _add_files(commands)
    verbs = commands.add_parser("ledger", help=COMMANDS["ledger"]).add_subparsers(
        required=True, metavar="VERB"
    )
    words = "copy the runs of one ledger into another, once each, and verify them; it may be interrupted and called again"
    copy = verbs.add_parser("copy", help=words)
    place = "a folder of runs, or postgresql+psycopg://user:password@host/database"
    copy.add_argument(
        "--from", dest="source", type=Secret, metavar="WHERE", help=f"{place} (default: the folder in use)"
    )
    copy.add_argument(
        "--to", dest="target", type=Secret, metavar="WHERE", help="the same (default: KIE_NB_LEDGER)"
    )
    copy.set_defaults(run=_copy_ledger)

    simulator.add_arguments(commands.add_parser("simulator", help=COMMANDS["simulator"]))
    return parser


def _add_files(commands: Any) -> None:
    verbs = commands.add_parser("files", help=COMMANDS["files"]).add_subparsers(required=True, metavar="VERB")
    words = "move them, each read back before it is removed; it may be interrupted and called again"
    move = verbs.add_parser("move", help=words)
    address = "s3://bucket/prefix, gs://…, az://…, or a folder; the folder of the runs itself moves them back"
    move.add_argument("--to", required=True, metavar="URL", help=address)
    move.set_defaults(run=_move_files)


def _credits(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:  # nan would limit nothing
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of credits")
    return number


def _pair(text: str) -> tuple[str, Any]:
    from .experiment.definition_file import value_of

    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, such as seed=0-9")
    return name.strip(), value_of(value)


def _demo(args: argparse.Namespace) -> int:
    from . import demo

    return demo.open_lab(args.dir, args.rest) if args.lab else demo.run(args.dir)


def _run(args: argparse.Namespace) -> int:
    from .experiment import headless

    how = ("max_credits", "partial", "retry_failed", "extend", "stop_after_failures")
    given: dict[str, Any] = {name: value for name in how if (value := getattr(args, name)) is not None}
    asked = {name: getattr(args, name) for name in ("plan", "report", "summary", "allow_outside")}
    return headless.run(args.file, changes=dict(args.changes), **asked, **given)


def _listen(args: argparse.Namespace) -> int:
    from .server.listen import listen

    return listen(args.host, args.port)


def _files(args: argparse.Namespace) -> int:
    from . import api

    if args.verb == "doctor":
        report = api.doctor(mend=not args.look)
        say(report)
        return 0 if report.is_well else 1
    say(api.import_runs(args.dir) if args.verb == "import" else api.export(args.dir, args.ids or None))
    return 0


def _move_files(args: argparse.Namespace) -> int:
    from .handles import get_session
    from .operations.moving import move_files

    moved = move_files(get_session(), args.to)
    say(str(moved))
    return 1 if moved.left else 0


def _copy_ledger(args: argparse.Namespace) -> int:
    from .operations import ledger_copy

    return ledger_copy.run(args.source, args.target)


if __name__ == "__main__":
    sys.exit(main())
