"""Reads the project files of IoTize Studio, versions 1.2 to 2.9.

What sets up the Tap is taken out of the tree of elements. What is left in the end is listed, so that nothing is dropped
silently. Evidence: the vendor's converter in @iotize/tap 2.7.0, and projects that exist in both kinds of vendor file.
"""

from dataclasses import asdict
from typing import Final

from emulator.config import kinds
from emulator.config.draft import Draft, Place
from emulator.config.iotz_app import AppImporter
from emulator.config.iotz_data import BundleImporter, UserImporter
from emulator.config.iotz_rest import RestLister
from emulator.config.kinds import Plain
from emulator.config.source import Source
from emulator.config.vendor import put_setting
from emulator.config.xml_reader import Attribute, Element, parse, take
from protocol.bodies.interface import SecurityOptions

_ROOT: Final = "IOTizeConfiguration"

_DEFAULT_VERSION: Final = "1.0.0"
"""Configuration version where a file has none; the vendor's converter takes this one too."""

_LOCK: Final = kinds.integer(0, 0xFF)
_KNOWN_LOCK_BITS: Final = 0x1F


def read(source: Source) -> Draft:
    """Reads the values of a file.

    Raises:
        ConfigError: it cannot be understood.
    """
    draft = Draft(source)
    root = parse(draft)
    if root.name != _ROOT:
        source.fail(root.line, f"the root is <{root.name}>, expected <{_ROOT}> of IoTize Studio")
    draft.data = {"tap": 1, "base": "factory"}
    _import(draft, root)
    return draft


def _import(draft: Draft, root: Element) -> None:
    apps = root.named("IOTizeApp")
    if len(apps) != 1:
        line = apps[1].line if apps else root.line
        draft.problem(line, f"the file has {len(apps)} elements <IOTizeApp>, expected one")
    options = SecurityOptions()
    for app in apps[:1]:
        options = _lock(draft, root, app)
        AppImporter(draft, app).run()
    version = take(root, "Version") or Attribute(_DEFAULT_VERSION, root.line)
    put_setting(draft, "interface.config_version", Plain(version.value), Place(version.line, "Version"))
    users = UserImporter(draft, options)
    for profile in root.named("IOTizeProfile"):
        users.profile(profile)
    bundles = BundleImporter(draft)
    for bundle in root.named("IOTizeBundle"):
        bundles.bundle(bundle)
    RestLister(draft).run(root)


def _lock(draft: Draft, root: Element, app: Element) -> SecurityOptions:
    """The security options, which the passwords depend on."""
    root_lock, lock = take(root, "Lock"), take(app, "InterfaceLock")
    if lock is None:
        return SecurityOptions() if root_lock is None else _options(draft, root_lock, "Lock")
    if root_lock is not None and root_lock.value != lock.value:
        draft.ignored(root_lock.line, f"Lock of <{_ROOT}>: InterfaceLock of <IOTizeApp> counts")
    return _options(draft, lock, "InterfaceLock")


def _options(draft: Draft, lock: Attribute, label: str) -> SecurityOptions:
    try:
        bits = _LOCK.parse(Plain(lock.value))
    except ValueError as error:
        draft.problem(lock.line, f"{label} {error}")
        return SecurityOptions()
    if bits > _KNOWN_LOCK_BITS:
        draft.ignored(lock.line, f"{label}: the meaning of bits 0x{bits & ~_KNOWN_LOCK_BITS:02X} is not known")
    options = SecurityOptions.from_bits(bits)
    for name, option in asdict(options).items():
        put_setting(draft, f"interface.security_options.{name}", option, Place(lock.line, label))
    return options
