"""What can be set: from the environment, a `.env` file, the keyring, or `configure()`.

Settings are read anew each time they are asked for, so that `os.environ[...] = ...` in a cell works, and frozen once read.
The order of precedence is: `configure()`, then the environment, then the default.
"""

from __future__ import annotations

import functools
import getpass
import hashlib
import os
import platform
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast

from . import addresses
from .errors import AuthError, InvalidRequest
from .frontend import notebook_folder
from .home import LEDGER
from .keys import Secret, keyring_key, read_dotenv
from .settable import SETTABLE, check_value
from .shared_files import Cache, cache_in, store_address

Embed = Literal["preview", "full", "link"]
ServiceName = Literal["kie", "simulator"]

KIE_BASE_URL = "https://api.kie.ai"  # kie-api §1
KIE_UPLOAD_URL = "https://kieai.redpandaai.co"
CREATES_PER_WINDOW = 20  # what the service allows per 10 s and account (kie-api §10)
WINDOW_S = 10.0
MOST_CONNECTIONS = 1000

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One reading of all settings."""

    service: ServiceName  # who answers: the real service or the simulator
    embedded: bool  # the simulator runs inside this process (no `KIE_BASE_URL` points elsewhere)
    base_url: str
    upload_url: str
    key: Secret | None = field(repr=False)
    key_source: str
    withheld_from: str  # the host that this key may not go to, see `addresses`; then `key` is None
    home: Path  # the folder with the ledger, the videos and the inputs
    ledger_url: Secret | None = field(repr=False)  # a team's PostgreSQL database; None: a file in `home`
    files: str  # the address of the store that a team's files are in; "": they are in `home`
    cache: Cache  # where copies of those are kept
    state_home: Path  # the user's own folder for what all notebooks share: the rate grants
    wait: bool | None  # whether a cell waits for its video; None: found out by looking who runs the kernel
    embed: Embed  # what a finished cell holds: a small preview, the full file, or a link to it
    max_credits: float | None  # the most that one run may be estimated at; None: no limit
    creates_per_window: (
        int  # new tasks in any 10 s for the account; 20 are allowed unless Kie's support raised that
    )
    simulator_speed: float
    user: str  # who asks, tags and rates

    @property
    def who(self) -> str:
        """Who answers, in words; a host that is not Kie's is named."""
        if self.service == "simulator":
            return (
                "the simulator" if self.embedded else f"the simulator at {addresses.host_of(self.base_url)}"
            )
        return self.via or "Kie.ai"

    @property
    def via(self) -> str:
        """The same where the host is not Kie's, else empty."""
        urls = (self.base_url, self.upload_url) if self.service == "kie" else ()
        foreign = dict.fromkeys(addresses.host_of(url) for url in urls if not addresses.is_kie(url))
        return f"kie via {' and '.join(foreign)}" if foreign else ""

    @property
    def account(self) -> str:
        """A salted hash that tells accounts apart without holding the key."""
        key = self.key.reveal() if self.key else ""
        whose = key if self.service == "kie" else "" if self.embedded else self.base_url
        seed = f"{self.service}\n{whose}".encode()
        return hashlib.blake2b(seed, digest_size=8, salt=b"kie_nb/account", person=b"account").hexdigest()


_overrides: dict[str, Any] = {}


def configure(**changes: Any) -> None:
    """Set for this process what the environment would set for all; None goes back to the environment's value.

    InvalidRequest for a name or a value that cannot be meant; nothing is changed then.
    """
    from .bounds import as_scalar  # with pydantic, which no start needs

    changes = {name: as_scalar(value) for name, value in changes.items()}
    for name, value in changes.items():
        if name not in SETTABLE:
            hint = f"settings are: {', '.join(SETTABLE)}"
            raise InvalidRequest(f"configure() has no setting {name!r}.", hint=hint, charged="")
        check_value(name, value)
    if changes.get("files"):
        store_address(changes["files"], start_folder())
    for name, value in changes.items():
        _override(name, value)


def executor() -> Any:
    """The executor that does heavy work in place of this process's threads; None: they do it."""
    return _overrides.get("executor")


def set_key(key: str | None) -> None:
    """Use *key* for this process (what `%kie login` does); it is kept in memory alone."""
    _override("key", Secret(key) if key else None)


def _override(name: str, value: Any) -> None:
    if value is None:
        _overrides.pop(name, None)
    else:
        _overrides[name] = value


def current(service: ServiceName | None = None) -> Settings:
    """Read all settings as they are now, for a run that belongs to *service* as if that had been chosen."""
    key, key_source = find_key()
    base_url = addresses.service_from_environment("KIE_BASE_URL")
    is_here = bool(base_url) and addresses.is_loopback(base_url)
    chosen = service or _chosen_service()
    check_value("service", chosen)
    if chosen is None:
        # A base URL without a key is a mistake to report, not a reason to simulate.
        chosen = "kie" if (key or base_url) and not is_here else "simulator"
    embedded = chosen == "simulator" and not is_here
    if embedded:
        base_url = ""
    # A base URL of your own (the simulator's, a test's) takes uploads too: the key must not go to another host.
    upload_url = addresses.service_from_environment("KIE_UPLOAD_URL") or base_url or KIE_UPLOAD_URL
    base_url = base_url or KIE_BASE_URL
    embed = _overrides.get("embed") or os.environ.get("KIE_NB_EMBED") or "preview"
    check_value("embed", embed)
    withheld_from = ""
    if chosen == "kie":
        addresses.check_encrypted(base_url, upload_url)
        foreign = [url for url in (base_url, upload_url) if key and not may_have(url, key, key_source)]
        withheld_from = addresses.host_of(foreign[0]) if foreign else ""
    home = _home()
    return Settings(
        service=cast("ServiceName", chosen),
        embedded=embedded,
        base_url=base_url,
        upload_url=upload_url,
        key=None if embedded or withheld_from else key,
        key_source=key_source,
        withheld_from=withheld_from,
        home=home,
        ledger_url=ledger_url(),
        files=files_address(),
        cache=files_cache(home),
        state_home=state_home(),
        wait=_overrides.get("wait", flag("KIE_NB_WAIT")),
        embed=cast("Embed", embed),
        max_credits=_number("max_credits"),
        creates_per_window=int(_number("creates_per_window") or CREATES_PER_WINDOW),
        simulator_speed=float(_number("simulator_speed") or 1.0),
        user=user(),
    )


def connections() -> int:
    """The most connections that this process has to a team's database."""
    text = os.environ.get("KIE_NB_CONNECTIONS", "").strip() or "3"
    if not (text.isdecimal() and 0 < int(text) < MOST_CONNECTIONS):
        raise InvalidRequest(f"KIE_NB_CONNECTIONS={text[:40]!r}: use a whole number above 0.", charged="")
    return int(text)


def notebook_name() -> str | None:
    """What the user calls this notebook, for its budget."""
    chosen = _overrides.get("notebook") or os.environ.get("KIE_NB_NOTEBOOK", "").strip()
    check_value("notebook", chosen or None, shown=f"KIE_NB_NOTEBOOK={chosen[:40]!r}")
    return chosen or None


def user() -> str:
    """Who asks, tags and rates: as set, else the name at this system and its machine."""
    chosen = _overrides.get("user") or os.environ.get("KIE_NB_USER", "").strip()
    check_value("user", chosen or None, shown=f"KIE_NB_USER={chosen[:40]!r}")
    return chosen or system_user()


def system_user() -> str:
    """This machine's word for who uses it."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may know no name for its number
        name = str(getattr(os, "getuid", lambda: "somebody")())
    return f"{name}@{platform.node() or 'localhost'}"[:100].encode("ascii", "replace").decode()


def _chosen_service() -> str | None:
    return _overrides.get("service") or os.environ.get("KIE_NB_SERVICE") or None


def chosen_home() -> str | os.PathLike[str] | None:
    """The folder of the runs that the user has named; None: `kie-runs` beside the notebook."""
    return _overrides.get("home") or os.environ.get("KIE_NB_HOME")


def _home() -> Path:
    named = chosen_home()
    beside = start_folder() if named else notebook_folder() or start_folder()
    home = beside / Path(named or "kie-runs").expanduser()
    try:
        place = home.resolve()  # one folder under two names must not be two ledgers
        is_refused = not named and home.is_symlink() and not _may_keep_runs(place)
    except (OSError, ValueError, RuntimeError) as exc:
        raise InvalidRequest(
            f"No folder can be named {str(home)!r}: {getattr(exc, 'strerror', None) or exc}.",
            hint="choose another with KIE_NB_HOME or configure(home=...)",
        ) from exc
    if is_refused:
        raise InvalidRequest(
            f"{home} is a link to {place}, where no runs are kept; nothing was written there.",
            hint="remove the link, or name the folder yourself with KIE_NB_HOME or configure(home=...)",
        )
    return place


def _may_keep_runs(place: Path) -> bool:
    """Whether a linked `kie-runs`, which may have come with a folder of somebody else, leads to runs or to an empty folder."""
    return place.is_dir() and ((place / LEDGER).is_file() or not any(place.iterdir()))


def may_have(url: str, key: Secret, source: str) -> bool:
    """Whether the key goes to *url*, see `addresses`."""
    if addresses.is_kie(url):
        return True
    if addresses.is_loopback(url) and _chosen_service() == "kie":
        return True
    beside = read_dotenv(start_folder())  # poured into the environment, it is still that file's
    return source == "KIE_API_KEY" and (url not in beside.addresses or beside.key == key)


def require_key(settings: Settings) -> Secret:
    """The key; AuthError, saying where to put one, where there is none or it may not go to the host that answers."""
    if settings.withheld_from:
        raise AuthError(
            f"The key ({settings.key_source}) is for Kie.ai, and {settings.withheld_from} is not: it was not sent.",
            hint="a key for another host is set where its address is: KIE_API_KEY beside KIE_BASE_URL in the environment, or AsyncKie(key=..., base_url=...)",
        )
    if settings.key is None:
        beside = read_dotenv(start_folder()).refused
        why = (
            f" {beside[0]} is not read: it belongs to another user or is not a plain file." if beside else ""
        )
        hint = (
            "set KIE_API_KEY (environment or .env file), or run %kie login; `%kie use simulator` needs none"
        )
        raise AuthError(f"There is no Kie.ai key to send.{why}", hint=hint)
    return settings.key


def describe() -> list[tuple[str, str]]:
    """Name and value of each setting, for `%kie config`; never the key itself."""
    settings = current()
    url, unused = settings.ledger_url, "not used: the embedded simulator answers"
    shown = {
        "service": settings.via or settings.service,
        "key": "set, not shown" if settings.key else "none",
        "ledger_url": without_password(url.reveal()) if url else "none: a file in home",
        "files": settings.files or "in home",
        "wait": "automatic" if settings.wait is None else settings.wait,
        "max_credits": "none" if settings.max_credits is None else settings.max_credits,
        **(dict.fromkeys(("base_url", "upload_url"), unused) if settings.embedded else {}),
    }
    names = (
        entry.name for entry in fields(Settings) if entry.name != "withheld_from" or settings.withheld_from
    )
    return [(name, str(shown.get(name, getattr(settings, name)))) for name in names]


@functools.cache
def start_folder() -> Path:
    """The current folder at first use: the notebook's. A later `os.chdir` must not lead to another ledger."""
    return Path.cwd()


def find_key() -> tuple[Secret | None, str]:
    """The key and where it was found, whichever host it may go to."""
    if "key" in _overrides:
        return _overrides["key"], "%kie login"
    if os.environ.get("KIE_API_KEY", "").strip():
        return Secret(os.environ["KIE_API_KEY"].strip()), "KIE_API_KEY"
    beside = read_dotenv(start_folder())
    if beside.key:
        return beside.key, beside.source
    if key := keyring_key():
        return key, "keyring"
    return None, "none"


def ledger_url() -> Secret | None:
    """The database that `KIE_NB_LEDGER` names."""
    text = os.environ.get("KIE_NB_LEDGER", "").strip()
    return Secret(text) if text else None


def files_address() -> str:
    """The address of the store that a team's files are in; "" for none."""
    given = _overrides.get("files") or os.environ.get("KIE_NB_FILES") or ""
    return store_address(given, start_folder()) if given else ""


def files_cache(home: Path) -> Cache:
    """Where copies of those files are kept for *home*."""
    return cache_in(_overrides.get("cache") or os.environ.get("KIE_NB_CACHE") or "", home, start_folder())


def without_password(url: str) -> str:
    """*url* as it can be shown."""
    scheme, mark, rest = url.partition("://")
    name, at, place = rest.rpartition("@")
    shown = f"{scheme}{mark}{name.partition(':')[0]}{at}{place.partition('?')[0]}"
    return shown if mark else "set, not shown"


def state_home() -> Path:
    """The user's own folder for what all notebooks share."""
    if folder := os.environ.get("KIE_NB_STATE"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_state_dir("kie_nb"))


def is_chosen() -> bool:
    """Whether the user has said who answers, in whichever way."""
    return bool(_chosen_service() or os.environ.get("KIE_BASE_URL"))


def flag(name: str) -> bool | None:
    """Whether a variable of the environment says yes or no; None where it says neither."""
    text = os.environ.get(name, "").strip().lower()
    if text in {"", "auto"}:
        return None
    if text not in _TRUE | _FALSE:
        words = f"{name}={os.environ[name]!r} is neither yes nor no."
        raise InvalidRequest(words, hint="use 1 or 0", charged="")
    return text in _TRUE


def _number(setting: str) -> float | None:
    if setting in _overrides:
        return cast("float", _overrides[setting])
    name = f"KIE_NB_{setting.upper()}"
    if not (text := os.environ.get(name)):
        return None
    try:
        number = float(text)
    except ValueError:
        raise InvalidRequest(f"{name}={text!r} is not a number.", charged="") from None
    check_value(setting, int(number) if number.is_integer() else number, shown=f"{name}={text!r}")
    return number
