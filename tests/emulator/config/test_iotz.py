"""Projects of IoTize Studio: what is used, what is listed, what is forgiven and what is not."""

from collections.abc import Callable

import pytest

from emulator.blueprint import ADMIN, ANONYMOUS, SUPERVISOR, Bundle, Group, Variable, factory_groups
from emulator.config import Loaded
from emulator.config.xml_reader import MAX_DEPTH, MAX_ELEMENTS
from protocol.bodies.interface import SecurityOptions
from protocol.bodies.target import TargetProtocol
from protocol.bodies.variable import DataType, Domain, VariableType
from protocol.bodies.wifi import WifiMode
from protocol.codes import HostProtocol, Rights
from protocol.firmware import Version

LoadText = Callable[[str], Loaded]
Problems = Callable[[str | bytes], list[tuple[int, str]]]

HASH = "00112233445566778899AABBCCDDEEFF"
KEY = HASH + HASH + "0000002A"

PROJECT = f"""\ufeff<?xml version="1.0"?>
<IOTizeConfiguration Version="3.2.1" Lock="24">
<GUI_Environment AdminPWD="admin" />
<IOTizeApp Name="Lamp &amp; Co" DevIoTizeSN="IoTize004100000007" InterfaceLock="24" Scram_Hash_It="6000" NFCLogin="4"
  Firmware="9.9.9" Config="1.0.0" TargetProtocol="SWD" HostProtocol="FFFF" GUI_Path="x" BLEPairingRequest="0">
<WIFI_Info Network="P2P" Module_AP_WEPKey="do-not-show" ModuleWEPKey="nor-this" Broker_Certificate="c.pem" />
<USB_Aliases Alias0="0102030405" />
</IOTizeApp>
<!-- people -->
<IOTizeProfile GroupId="0" Id="0" Name="anonymous" LifeTime="100" Pwd="" GUI_BackColor="1" />
<IOTizeProfile GroupId="65535" Id="65535" Name="admin" LifeTime="200" Pwd="{HASH}"
  Scram_Pwd="{KEY}" Scram_User_Salt="42" />
<IOTizeProfile GroupId="4" Id="4" Name="tech" LifeTime="50" Pwd="{HASH}">
<IOTizeUser GroupId="5" Id="5" Name="paul" Scram_Pwd="{KEY}" />
<IOTizeUser GroupId="6" Id="6" Name="ann" LifeTime="9" Shoe="42" />
</IOTizeProfile>
<IOTizeBundle Id="1" GUI_Name="Light" DataLogPeriod="0x0000003C">
<IOTizeVariable Id="8" GUI_Name="level" Unit="1" Address="0x20000010"><XAppRender GUI_min="0" /></IOTizeVariable>
<IOTizeAccessControl><IOTizeACL ProfileName="anonymous" Rights="read,write" /></IOTizeAccessControl>
<Feature FeatureObjId="1024" FeatureResId="101" />
</IOTizeBundle>
</IOTizeConfiguration>
"""


@pytest.fixture
def suffix() -> str:
    return ".iotz"


def project(app: str = "", inside: str = "", root: str = 'Version="1.0.0"') -> str:
    """A project with the interesting part on line 2."""
    return f"<IOTizeConfiguration {root}>\n<IOTizeApp {app}/>{inside}\n</IOTizeConfiguration>\n"


def test_a_project_sets_up_a_tap(load_text: LoadText) -> None:
    blueprint = load_text(PROJECT).blueprint
    assert blueprint.settings == {
        "device.serial_number": "IoTize004100000007",
        "interface.app_name": "Lamp & Co",
        "interface.app_path": "x",
        "interface.authorized_host_protocol": HostProtocol(0xFFFF),
        "interface.config_version": Version(3, 2, 1),
        "interface.nfc_autolog_profile_id": 4,
        "interface.security_options": SecurityOptions(scram_activated=True, hash_password=True),
        "interface.serial_access_bundle": 1,
        "scram.hash_iteration": 6000,
        "target.firmware_version": Version(9, 9, 9),
        "target.protocol": TargetProtocol.SWD,
        "wifi.key": "do-not-show",
        "wifi.mode": WifiMode.PEER_TO_PEER,
    }
    assert blueprint.groups == {
        ANONYMOUS: Group("anonymous", None, ANONYMOUS, 100),
        SUPERVISOR: factory_groups()[SUPERVISOR],
        ADMIN: Group("admin", bytes.fromhex(KEY), ADMIN, 200),
        4: Group("tech", bytes.fromhex(HASH), 4, 50),
        5: Group("paul", bytes.fromhex(KEY), 4, 50),
        6: Group("ann", None, 4, 9),
    }
    assert blueprint.bundles == {1: Bundle("Light", {ANONYMOUS: Rights.READ | Rights.WRITE}, 60)}
    assert blueprint.variables == {
        8: Variable(VariableType(Domain.TARGET, DataType.INT8), 1, 1, 0x20000010, b"level:", 6)
    }


def test_the_rest_of_a_project_is_listed(load_text: LoadText) -> None:
    notes = load_text(PROJECT).notes
    assert {note.kind for note in notes} == {"unused"}
    assert [(note.line, note.text) for note in notes] == [
        (3, "GUI_* and the like: 2 elements and 3 attributes that serve IoTize Studio and reach no Tap"),
        (5, "Config of <IOTizeApp>: the configuration version is the attribute Version of the root"),
        (5, "BLEPairingRequest of <IOTizeApp>: no resource of the Tap is known for it"),
        (6, "ModuleWEPKey of <WIFI_Info>: it is for the other mode of the network"),
        (6, "Broker_Certificate of <WIFI_Info>: it names a file beside the project, and other files are not opened"),
        (7, "<USB_Aliases>: the form of its numbers is not known"),
        (11, "Pwd of admin: its Scram_Pwd counts, because SCRAM is on"),
        (15, "<IOTizeUser>: attributes Shoe"),
    ]


def test_origins_are_the_lines_of_attributes(load_text: LoadText) -> None:
    origins = load_text(PROJECT).origins
    lines = {path: int(origin.rpartition(":")[2]) for path, origin in origins.items()}
    assert lines["settings", "interface", "app_name"] == 4
    assert lines["settings", "interface", "config_version"] == 2
    assert lines["users", "paul", "key"] == 14
    assert lines["users", "paul", "lifetime"] == 13


@pytest.mark.parametrize(
    ("app", "root", "options"),
    [
        ('InterfaceLock="24"', 'Lock="8"', SecurityOptions(scram_activated=True, hash_password=True)),
        ("", 'Lock="8"', SecurityOptions(hash_password=True)),
        ('InterfaceLock=""', 'Lock="0x18"', SecurityOptions(scram_activated=True, hash_password=True)),
        ('InterfaceLock="7"', "", SecurityOptions(False, False, True, True, True)),
        ('InterfaceLock="0"', 'Lock="8"', SecurityOptions()),
    ],
)
def test_lock(load_text: LoadText, app: str, root: str, options: SecurityOptions) -> None:
    settings = load_text(project(app, root=root)).blueprint.settings
    assert settings["interface.security_options"] == options


@pytest.mark.parametrize(
    ("lock", "passwords", "password", "note"),
    [
        ("24", f'Pwd="{HASH}" Scram_Pwd="{KEY}"', KEY, "Pwd of tech: its Scram_Pwd counts, because SCRAM is on"),
        ("24", f'Pwd="{HASH}"', HASH, None),
        ("8", f'Pwd="{HASH}" Scram_Pwd="{KEY}"', HASH, "Scram_Pwd of tech: its Pwd counts, because SCRAM is off"),
        ("8", f'Pwd="" Scram_Pwd="{KEY}"', KEY, None),
        ("24", f'Scram_Pwd="{KEY}" Scram_User_Salt="42"', KEY, None),
        ("24", f'Scram_Pwd="{KEY}" Scram_User_Salt="43"', KEY, "Scram_User_Salt of tech: it is not the salt in"),
        ("24", 'Pwd="" Scram_Pwd=""', "", None),
    ],
)
def test_passwords(load_text: LoadText, lock: str, passwords: str, password: str, note: str | None) -> None:
    loaded = load_text(project(f'InterfaceLock="{lock}"', f'<IOTizeProfile Id="1" Name="tech" {passwords} />'))
    assert loaded.blueprint.groups[1].password == (bytes.fromhex(password) if password else None)
    assert [found.text.startswith(note) for found in loaded.notes if note] == ([True] if note else [])


def test_a_file_that_says_little_gives_a_configured_tap(load_text: LoadText) -> None:
    blueprint = load_text("<IOTizeConfiguration><IOTizeApp/></IOTizeConfiguration>").blueprint
    assert blueprint.settings == {"interface.config_version": Version(1, 0, 0)}
    assert blueprint.groups == factory_groups()


def test_the_last_of_two_attributes_counts_and_both_lines_are_told(load_text: LoadText) -> None:
    loaded = load_text(project('Name="one"\nName="two" Config="1" Config="1" '))
    assert loaded.blueprint.settings["interface.app_name"] == "two"
    assert [(note.line, note.text) for note in loaded.notes if note.kind == "ignored"] == [
        (2, "IOTizeApp: the attribute Name is there twice; the value of line 3 counts"),
        (3, "IOTizeApp: the attribute Config is there twice; both values are equal"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "note"),
    [
        (project("", '<IOTizeProfile Id="1" Name="a-name-of-17-chars" />'), 2, "the name 'a-name-of-17-chars' is cut"),
        (project("", '<IOTizeProfile Id="1" GroupId="2" Name="tech" />'), 2, "GroupId 2: Id 1 counts"),
        (project('InterfaceLock="8"', root='Lock="24"'), 1, "Lock of <IOTizeConfiguration>: InterfaceLock of"),
        (project('InterfaceLock="255"'), 2, "InterfaceLock: the meaning of bits 0xE0 is not known"),
        (project("", "words"), 2, "text within IOTizeConfiguration: its meaning is not known"),
    ],
)
def test_what_is_odd_is_noted(load_text: LoadText, text: str, line: int, note: str) -> None:
    ignored = [found for found in load_text(text).notes if found.kind == "ignored"]
    assert len(ignored) == 1
    assert ignored[0].line == line
    assert ignored[0].text.startswith(note)


@pytest.mark.parametrize("value", ["&lt;&gt;&amp;&quot;&apos;", "&#60;&#x3e;&#38;&#34;&#x27;", "&lt;>&#0038;&quot;'"])
def test_predefined_entities_and_character_references(load_text: LoadText, value: str) -> None:
    assert load_text(project(f'Name="{value}"')).blueprint.settings["interface.app_name"] == "<>&\"'"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "the file has no element, expected <IOTizeConfiguration>"),
        ("\n<Other/>", 2, "the root is <Other>, expected <IOTizeConfiguration>"),
        ("<IOTizeConfiguration/>", 1, "the file has 0 elements <IOTizeApp>, expected one"),
        (project("", "\n<IOTizeApp/>"), 3, "the file has 2 elements <IOTizeApp>, expected one"),
        (project('InterfaceLock="256"'), 2, "InterfaceLock is 256, expected a whole number from 0 to 255"),
        (project(root='Lock="x"'), 1, "Lock is x, expected a whole number from 0 to 255"),
        (project(root='Version="new"'), 1, "Version is new, expected a version"),
        (project('\nScram_Hash_It="0"'), 3, "Scram_Hash_It is 0, expected a whole number from 1 to 65535"),
        (project('DevIoTizeSN="short"'), 2, "DevIoTizeSN is short, expected text of 18 printable characters"),
        (project(f'Name="{"n" * 33}"'), 2, "expected text of 1 to 32 printable characters"),
        (project('NFCLogin="-1"'), 2, "NFCLogin is -1, expected a whole number from 0 to 65535"),
        (project("", '\n<IOTizeProfile Id="1" />'), 3, "<IOTizeProfile> has no name, expected the name of a user"),
        (project("", '\n<IOTizeProfile Name="tech" />'), 3, "<IOTizeProfile> has no attribute Id, expected"),
        (project("", '\n<IOTizeProfile Name="tech" Id="x" />'), 3, "Id of tech is x, expected a whole number"),
        (project("", '\n<IOTizeProfile Name="admin" Id="1" />'), 3, "Id of admin is 1, but 'admin' has id 65535"),
        (project("", '\n<IOTizeProfile Name="a" Id="1"/>\n<IOTizeProfile Name="a" Id="2"/>'), 4, "a is there twice"),
        (project("", '\n<IOTizeProfile Name="a" Id="1"/>\n<IOTizeProfile Name="b" Id="1"/>'), 4, "Id of b is 1, which"),
        (project("", '\n<IOTizeProfile Name="a" Id="1" LifeTime="x"/>'), 3, "LifeTime of a is x, expected a whole"),
        (project("", '\n<IOTizeProfile Name="a" Id="1" Pwd="secret"/>'), 3, "Pwd of a has an unusable value, which"),
        (project("", f'\n<IOTizeProfile Name="a" Id="1" Scram_Pwd="{HASH}"/>'), 3, "Scram_Pwd of a has an unusable"),
        (project("", '\n<IOTizeProfile Name="&#1078;" Id="1"/>'), 3, "the user '\\u0436' is '\\u0436', expected text"),
        ("<IOTizeConfiguration>\n<IOTizeApp>\n</IOTizeConfiguration>", 3, "closes <IOTizeApp> of line 2, expected"),
        ("<IOTizeConfiguration>\n<IOTizeApp>\n", 3, "the file ends within <IOTizeApp> of line 2, expected"),
        ("<a/>\n<b/>", 2, "<b> starts a second root element, expected the end"),
        ("<a/>\n</a>", 2, "</a> closes nothing, expected a start tag"),
        ("<a/>\nwords", 2, "'words' stands outside of the root element, expected a tag"),
        ("<a\nb=c/>", 1, "the tag <a> goes on with 'b=c/>', expected an attribute"),
        ("<a b='1\n' c/>", 2, "the tag <a> goes on with 'c/>', expected an attribute"),
        ("<a b='<'/>", 1, "the tag <a> goes on with \"b='<'/>\", expected an attribute"),
        ("< a/>", 1, "a < starts no tag, expected a name"),
        ("<a></a", 1, "a tag starts with </ but has no end"),
        ("<a>\n<!-- no end", 2, "<!-- has no end, expected -->"),
        ("<a>\n<?pi", 2, "<? has no end, expected ?>"),
        ("<a>\n<![CDATA[x]]></a>", 2, "a document type or CDATA section starts, expected elements"),
        ("<a b='\n&euro;'/>", 2, "'&euro;' stands for no character, expected &amp;"),
        ("<a b='1 & 2'/>", 1, "'&' stands for no character, expected &amp;"),
        ("<a b='&#0;'/>", 1, "'&#0;' stands for no character"),
        ("<a b='&#xD800;'/>", 1, "'&#xD800;' stands for no character"),
        ("<a b='&#9999999;'/>", 1, "'&#9999999;' stands for no character"),
        ("<a>\n\x01</a>", 2, "the character '\\x01' cannot stand in XML"),
        (
            '<?xml version="1.0" encoding="ISO-8859-1"?><a/>',
            1,
            "the file calls its encoding 'ISO-8859-1', expected UTF-8",
        ),
        (b"<a>\n\n" + b"\xe9</a>", 3, "byte E9 is no text, expected UTF-8"),
        ("<a/>".encode("utf-16"), 1, "byte FF is no text, expected UTF-8"),
        ("<a>\n" * (MAX_DEPTH + 1), MAX_DEPTH + 1, "elements are nested too deep"),
        ("<a>\n" + "<b/>\n" * MAX_ELEMENTS, MAX_ELEMENTS + 1, "the file has too many elements"),
    ],
)
def test_mistakes(problems: Problems, text: str | bytes, line: int, reason: str) -> None:
    found = problems(text)
    assert found[0][0] == line
    assert reason in found[0][1]


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY ha "ha"><!ENTITY laugh "&ha;&ha;&ha;&ha;">]>',
        '<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://localhost/a.dtd">',
    ],
)
def test_a_document_type_is_refused_unread(problems: Problems, declaration: str) -> None:
    found = problems(f'<?xml version="1.0"?>\n{declaration}\n<a b="&laugh;">&file;</a>')
    assert found == [(2, "a document type or CDATA section starts, expected elements only")]


def test_all_mistakes_are_reported_in_the_order_of_the_file(problems: Problems) -> None:
    text = project('InterfaceLock="x" Name=""\nNFCLogin="x"', '\n<IOTizeProfile Name="a" Id="x"/>', root='Version="x"')
    assert [line for line, _ in problems(text)] == [1, 2, 3, 4]


def test_names_do_not_depend_on_line_ends(load_text: LoadText) -> None:
    assert load_text(PROJECT.replace("\n", "\r\n")).blueprint == load_text(PROJECT).blueprint
