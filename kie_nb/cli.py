"""`kie-nb` on the command line: the demo, experiments, the files of a folder, and the simulator as a server of its own."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

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
    "ledger": "move the record of runs to a team's database",
    "simulator": "serve the simulator on this machine, for any client of Kie.ai",
}
RUN_CODES = """\
exit codes:
  0    every cell has its video on disk (with --plan: the plan was printed)
  1    it could not begin or go on; the reason is on stderr
  2    a wrong option
  3    some cells have no video on disk; the last lines say why
  130  it was interrupted; what was sent goes on, run it again to fetch it
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, or 1 with the reason on stderr, or one that its help names."""
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

    demo = commands.add_parser("demo", help=COMMANDS["demo"])
    demo.add_argument(
        "--dir", type=Path, default=Path("kie-demo"), help="folder for the results (default: kie-demo)"
    )
    demo.add_argument(
        "--lab", action="store_true", help="open the quickstart in JupyterLab instead of running it"
    )
    demo.add_argument("rest", nargs="*", metavar="-- ARG", help="arguments for JupyterLab, after --")
    demo.set_defaults(run=_demo)

    run = commands.add_parser(
        "run",
        help=COMMANDS["run"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=RUN_CODES,
    )
    run.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="the definition, a .toml file; its pictures are looked for beside it, then from here",
    )
    run.add_argument(
        "--max-credits", type=_credits, metavar="N", help="the most that the experiment may cost"
    )
    run.add_argument(
        "--plan", action="store_true", help="print the cells and what they should cost; send nothing"
    )
    run.add_argument("--retry-failed", action="store_true", help="ask again for cells that have failed")
    run.add_argument(
        "--extend", action="store_true", help="the definition has changed: keep the earlier cells too"
    )
    run.add_argument(
        "--allow-outside",
        action="store_true",
        help="take pictures outside the definition's folder without asking; else each is shown and asked about",
    )
    run.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write a page of what came of it, that plays from disk",
    )
    run.set_defaults(run=_run)

    doctor = commands.add_parser("doctor", help=COMMANDS["doctor"])
    doctor.add_argument("--look", action="store_true", help="look only: fetch and remove nothing")
    doctor.set_defaults(run=_doctor)

    export = commands.add_parser("export", help=COMMANDS["export"])
    export.add_argument("dir", type=Path, metavar="DIR", help="where to; an earlier export there is added to")
    export.add_argument(
        "ids", nargs="*", metavar="ID", help="runs, by the beginning of their ids (default: all)"
    )
    export.set_defaults(run=_export)

    import_ = commands.add_parser("import", help=COMMANDS["import"])
    import_.add_argument("dir", type=Path, metavar="DIR", help="a folder that export has made")
    import_.set_defaults(run=_import)

    ledger = commands.add_parser("ledger", help=COMMANDS["ledger"])
    verbs = ledger.add_subparsers(required=True, metavar="VERB")
    copy = verbs.add_parser("copy", help="copy the runs of kie-runs to a PostgreSQL database, once each")
    copy.add_argument(
        "--to",
        type=Secret,
        metavar="URL",
        help="postgresql+psycopg://user:password@host/database (default: KIE_NB_LEDGER)",
    )
    copy.set_defaults(run=_copy_ledger)

    server = commands.add_parser("simulator", help=COMMANDS["simulator"])
    simulator.add_arguments(server)
    server.set_defaults(run=simulator.run)
    return parser


def _credits(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:  # nan would limit nothing
        raise argparse.ArgumentTypeError(f"{text!r} is no number of credits")
    return number


def _demo(args: argparse.Namespace) -> int:
    from . import demo

    return demo.open_lab(args.dir, args.rest) if args.lab else demo.run(args.dir)


def _run(args: argparse.Namespace) -> int:
    from .experiments import headless

    return headless.run(
        args.file,
        max_credits=args.max_credits,
        plan=args.plan,
        retry_failed=args.retry_failed,
        extend=args.extend,
        report=args.report,
        allow_outside=args.allow_outside,
    )


def _doctor(args: argparse.Namespace) -> int:
    from . import api

    report = api.doctor(mend=not args.look)
    say(report)
    return 0 if report.is_well else 1


def _export(args: argparse.Namespace) -> int:
    from . import api

    say(api.export(args.dir, args.ids or None))
    return 0


def _import(args: argparse.Namespace) -> int:
    from . import api

    say(api.import_runs(args.dir))
    return 0


def _copy_ledger(args: argparse.Namespace) -> int:
    from . import settings
    from .ledger import Ledger
    from .ledger.copy import copy_ledger

    current = settings.current()
    url = args.to or current.ledger_url or Secret("nowhere")
    source = Ledger(current.home)
    target = Ledger(current.home, url=url)
    counts = copy_ledger(source.database, target.database)
    say(f"{counts.copied} runs copied to {target.database.name}, {counts.known} were there already.")
    if counts.unreadable:
        say(f"{counts.unreadable} cannot be read, and stay here: {' '.join(source.remarks)}")
    if counts.left:
        say(f"{counts.left} are written down but not sent: they stay here. Let them end, then copy again.")
    say(f"The videos stay in {current.home}. Set KIE_NB_LEDGER to use the copy.")
    source.close()
    target.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
