"""`kie-nb simulator`: the simulator on a port of its own, for clients in other processes or other languages."""

# ruff: noqa: T201 - a command line prints
import argparse
import json
import sys
import textwrap
import threading
from pathlib import Path

_EXAMPLE = '[{"call": "create", "kind": "lost_reply", "times": 1}]'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, and below them the faults there are."""
    from .faults import KINDS

    listed = [f"  {call}: {', '.join(sorted(found))}" for call, found in KINDS.items()]
    kinds = "\n".join(textwrap.fill(line, 96, subsequent_indent="      ") for line in listed)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # keeps a call a line
    parser.epilog = (
        "faults, by the call they disturb (--faults, or while it runs GET, PUT and DELETE /_sim/faults):\n"
        f"{kinds}\nwith them may stand times, probability, match (a part of the prompt) and seconds"
    )
    add = parser.add_argument
    add("--port", type=int, default=8765, help="port on 127.0.0.1; 0 picks a free one (default: 8765)")
    add("--speed", type=float, default=1.0, help="times faster than the real service (default: 1)")
    add("--state", type=Path, metavar="DIR", help="keep tasks, balance and videos here")
    add("--credits", type=float, default=10_000.0, help="the balance at start (default: 10000)")
    add("--faults", metavar="JSON", default="", help=f"trouble on purpose, a JSON list: '{_EXAMPLE}'")
    drift = "a model that drifts: the same request gives other pixels each time, the more the higher "
    default = "(default: KIE_SIM_DRIFT, or 0: the same bytes)"
    add("--drift", type=float, metavar="0..1", help=drift + default)
    private = "let callbacks go to this machine and to private networks, to rehearse a listener"
    add("--private-callbacks", action="store_true", help=private)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; the exit code."""
    from . import Simulator
    from .faults import parse_faults
    from .store import ForeignState

    try:
        faults = parse_faults(json.loads(args.faults)) if args.faults else []
        simulator = Simulator(
            state_dir=args.state,
            port=args.port,
            speed=args.speed,
            credits=args.credits,
            faults=faults,
            drift=args.drift,
            private_callbacks=args.private_callbacks,
        ).start()
    except (OSError, ValueError) as exc:
        why = str(exc)
        if isinstance(exc, json.JSONDecodeError):
            why = f"--faults is not JSON ({exc}); for example {_EXAMPLE}"
        elif isinstance(exc, OSError) and not isinstance(exc, ForeignState):
            why = f"port {args.port}: {exc.strerror or exc}; --port 0 picks a free one"
        print(f"kie-nb simulator: {why}", file=sys.stderr)
        return 2
    with simulator:
        print(
            f"Kie.ai simulator at {simulator.base_url} - nothing here costs money. Ctrl-C ends it.\n\n"
            f"Set these for a client:\n  KIE_BASE_URL={simulator.base_url}\n"
            f"  KIE_UPLOAD_URL={simulator.upload_url}\n  KIE_API_KEY=anything",
            flush=True,
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("\nended")
    return 0
