"""How faithful the Tap is: each rule of its behaviour, with what we know it from.

The code refers to these rules by number: D for a decision where the evidence is silent or contradicts itself, S for
something seen by running the vendor's clients, OQ for a question that no client answers. Resources carry their own
evidence in the table of `protocol.resources`.
"""

from dataclasses import dataclass
from typing import Final

from protocol.resources.model import Evidence


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of behaviour.

    Args:
        number: how code and people refer to it.
        setting: what in device.yaml changes it, empty if nothing does.
    """

    number: str
    text: str
    evidence: Evidence
    setting: str = ""


def _client(source: str) -> Evidence:
    return Evidence("client", source)


def _doc(source: str) -> Evidence:
    return Evidence("doc", source)


def _assumed(source: str = "no evidence") -> Evidence:
    return Evidence("assumed", source)


_BOTH: Final = "both generations of the vendor's client"

RULES: Final = (
    Rule(
        "D1",
        "Initialization vectors exist from firmware 1.86. On older firmware /1024//45 and /1024//44 answer A1, "
        "the only code that both client generations take as not supported. Up to 1.83 the slot of /1024//45 may "
        "answer a random number.",
        _doc("vendor's security page (1.86); the tags in the clients say 1.85"),
        "quirks: random_number_slot",
    ),
    Rule(
        "D2",
        "Unknown path: 84. Path of another firmware: A1. Known path without that method: 85. Body that does not "
        "fit: 80. Value that fits and is refused: 86.",
        _assumed("the clients have names for these codes, and treat A1 and 84 of optional resources alike"),
    ),
    Rule(
        "D3",
        "The built-in Tap: SCRAM and hashed passwords, 5000 iterations, admin/admin and supervisor/supervisor, "
        "firmware 1.113, manufacturer IOTIZE.",
        Evidence("sample", "configurations saved by IoTize Studio"),
        "settings, users, firmware",
    ),
    Rule(
        "D4",
        "Each connection has a login and a key of its own; at most 256 connections a link. With hosts: single the"
        " Tap has one session that survives a change of link, and a second host gets A8; a host on NFC ends the other"
        " connections instead, if it has priority (/1024//24).",
        _assumed(
            "whether the session belongs to the link is unknown; the NFC demo suggests that it belongs to the Tap"
        ),
        "hosts, max_connections",
    ),
    Rule(
        "D4",
        "A host that is silent for /1024//34 seconds, and 2 more, is disconnected. A line that cannot be hung up"
        " (serial, MQTT) begins a new session with what comes next.",
        _client("texts of the vendor's app; its keep-alive sends when the period is over, not before"),
        "settings: interface.host_inactivity_period; inactivity_grace",
    ),
    Rule(
        "D4",
        "/1024//21 answers the interfaces of the links that the Tap serves, and what its file adds.",
        _assumed("a Tap cannot be reached over an interface that it does not have"),
        "interface in the URL of a link; settings: interface.available_host_protocols",
    ),
    Rule(
        "D5",
        "The third failed login in a row answers 86 and closes the link; for 60 s every login answers A3.",
        _doc("vendor's security page: three attempts, disconnection, one minute"),
        "lockout_attempts, lockout_time",
    ),
    Rule(
        "D5",
        "Failures count for the whole Tap. A success resets the count, a reboot does not. An unknown user gets a "
        "stable false salt.",
        _assumed(),
    ),
    Rule(
        "D6",
        "A login that does not go with the security options answers 87.",
        _assumed("87 is the clients' code for: not available with the current configuration"),
        "quirks: lenient_login",
    ),
    Rule(
        "D6",
        "A host on an interface that /1024//17 does not authorise gets 87 to everything; the mask holds for "
        "connections made from then on, and not while the Tap is configured. What needs a service that /1024//75 "
        "switches off is 87 too.",
        _assumed("the vendor's application says that the mask decides over what hosts may connect"),
    ),
    Rule(
        "D7",
        "A session's lifetime is in seconds and counts from its last request; 0 is without end. When it is over "
        "the session is anonymous and its keys stay.",
        _doc("vendor's pages on authentication; that the keys stay is assumed"),
    ),
    Rule("D7", "The answer to keep-alive is the remaining seconds of the session.", _assumed("clients ignore it")),
    Rule(
        "D7", "Anybody may send a keep-alive.", _client("the vendor's keep-alive engine sends it without a login too")
    ),
    Rule(
        "D8",
        "Any id of an encrypted frame is accepted, because clients restart at 0 or 1.",
        _client("device-client.js alpha.105 restarts its counter under the same key"),
        "quirks: strict_frame_counter",
    ),
    Rule(
        "D8",
        "Wrong length, padding or CRC: 80 outside. No key: 81 outside. The answer repeats the id. An encrypted "
        "frame inside another: 80.",
        _assumed(),
    ),
    Rule(
        "D9",
        "A key made in clear sets the vectors to zero and leaves the login; one made inside the session, or a "
        "login there, replaces the key after its answer and keeps the vectors. After a login in clear the first "
        "frame decides between zero and kept vectors. An encrypted exchange of vectors holds from the next frame.",
        _client(f"seen by running {_BOTH}"),
        "iv_after_clear_login",
    ),
    Rule(
        "D9",
        "A key made over NFC logs an anonymous host in as the profile of /1024//43, if that is not 0.",
        _client("texts of device-client.js alpha.78"),
    ),
    Rule(
        "D10",
        "Every success is 00.",
        Evidence("sample", "the vendor's own mock devices; the clients cannot tell 00 from 41, 44 or 45"),
    ),
    Rule(
        "D11",
        "Configuration version 255.255.65535 is configuration mode, 0.0.0 factory state, in which everybody may "
        "write everything. A final version ends both. Otherwise stored configuration is written by the admin.",
        _assumed("it fits the order in which the vendor's configurator writes"),
        "quirks: strict_configuration_mode",
    ),
    Rule(
        "D11",
        "While a Tap is configured, a special feature that is POSTed is stored, because the vendor's configurator "
        "writes features that way.",
        _client("@iotize/tap 2.7.0; that they have to survive the reboot is assumed"),
    ),
    Rule(
        "D12",
        "A factory reset restores the defaults, without SCRAM and hashed passwords, and keeps key and login of "
        "the open sessions.",
        _client("the vendor's configurator goes on after the reset, over the same connection"),
    ),
    Rule(
        "D12",
        "A reboot answers first, closes the links, and refuses connections for a second.",
        _assumed(),
        "reboot_time",
    ),
    Rule(
        "D12",
        "A loss of power in the middle of a write leaves all of it, nothing, or a part: half of the records, and of a"
        " single value of bytes its first half. The Tap restarts without an answer.",
        _assumed(),
        "scenarios: power_failure",
    ),
    Rule(
        "D13",
        "Anonymous reads object 3, what a client reads before a login, and names, lifetimes and aliases of groups.",
        _client("what the vendor's clients read before they log in"),
    ),
    Rule(
        "D13",
        "Users and passwords belong to supervisor and admin, what is the admin's to the admin.",
        _doc("description of the predefined profiles"),
    ),
    Rule("D13", "The UID, settings and everything else that is written belong to the admin.", _assumed()),
    Rule("D13", "Other settings are read by whoever is logged in, keys and passwords by the admin.", _assumed()),
    Rule(
        "D14",
        "The period of the data log is in seconds.",
        _doc("vendor's page on data logging; a comment says minutes"),
    ),
    Rule(
        "D14",
        "The log looks at the bundles once a second and connects the target by itself. A full log drops its oldest "
        "packet in rolling mode, else it stops; so does one that cannot be kept. An empty one answers 84. After a jump "
        "in time a bundle is logged once. With logOnChange a bundle with a period is logged only when a value changed; "
        "the first values of a run are a change. Values that do not fit one answer are spread over several packets; "
        "one that fits none is left out. The option qos changes nothing. "
        "Whoever is logged in may run, take and flush it.",
        _assumed(),
    ),
    Rule(
        "D15",
        "Wrong class 6E00, wrong instruction 6D00, wrong length 6700; the link stays open. The method byte "
        "decides, not the instruction. A request that is not complete after 5 s closes the link. P1 and P2 are "
        "not looked at.",
        _assumed("status words as in ISO 7816; no client sends such requests"),
        "partial_request_time",
    ),
    Rule(
        "D16", "Several requests in one segment are answered in order, each in one write.", _client("the Swift client")
    ),
    Rule(
        "D17",
        "Frames have at most 250 bytes, encrypted bodies 240; longer ones answer 6700 and 80. An answer that does"
        " not fit is A0.",
        _assumed("250 is the size constant of the clients"),
        "max_request, max_response, max_ciphertext, also in the URL of a link; quirks: response_too_large",
    ),
    Rule(
        "D18",
        "A multi-request goes on to the first item that misses its expected result; those after it answer BA. The"
        " outer code is 00.",
        _client("@iotize/tap 2.7.0 needs as many answers as requests, and describes BA so"),
    ),
    Rule("D18", "A multi-request inside another: 80.", _assumed()),
    Rule(
        "D18",
        "An item of a multi-request whose answer does not fit beside the others is A0 and does nothing.",
        _assumed(),
    ),
    Rule("D19", "Text is answered without terminator.", _client("device-client.js alpha.105 shows a NUL to its user")),
    Rule(
        "S1",
        "On firmware 1.85 a forced refresh of the vectors fails in alpha.105 with not supported and passes "
        "silently in 2.7.0, which then goes on without.",
        _client("seen by running both"),
    ),
    Rule(
        "S2",
        "2.7.0 with refresh period 1 cannot read the answer to an encrypted logout: a defect of that client.",
        _client("seen by running it"),
    ),
    Rule(
        "S6",
        "With refresh period 1 on firmware 1.85 the refused /1024//44 leaves alpha.105 with a request vector of its "
        "own, so its next frame answers 80 until it makes a new session: a defect of that client.",
        _client("seen by running it"),
    ),
    Rule("OQ22", "/1024//2 is the profile of the session (the alias), /1024//7 its group.", _client("Swift test")),
    Rule(
        "OQ24",
        "A Tap that has to be paired answers 81 over other interfaces than NFC until the pairing command comes: to "
        "logins, or to all that is not public reading. A reboot forgets the pairing; a Tap that is being configured "
        "needs none.",
        _assumed("names of the modes"),
    ),
    Rule(
        "OQ26",
        "Writing the rights of a group on a bundle replaces those of that group and keeps the others.",
        _client("the configurator of @iotize/tap 2.7.0 sends one group per request"),
    ),
    Rule(
        "OQ27",
        "A profile or bundle read leaves out what the session may not read; reading one such variable answers 81.",
        _assumed("the access lists of the vendor's documentation"),
    ),
    Rule("OQ30", "A meta block longer than its creation reserved answers A7.", _assumed()),
    Rule("OQ31", "Creating a group that exists answers 00 and changes nothing.", _assumed("repeated configurations")),
    Rule("OQ34", "Writes take effect at once, so reload has nothing to do; the connection survives.", _assumed()),
    Rule(
        "OQ35",
        "Texts have the limits of the configurator's schema, else 86. What comes in chunks is A7 beyond 16 kB for a "
        "certificate and beyond the reserved size for Java code, 64 kB at first and at most 256 kB.",
        _client("schema of @iotize/tap 2.7.0; the codes, and the sizes for Java code, are assumed"),
    ),
    Rule(
        "OQ35",
        "A Tap has at most 1024 groups, bundles and variables, each; one more is refused with A7. A variable with more "
        "than 255 elements, which only a program can make, tells a length of 255.",
        _assumed(),
    ),
    Rule(
        "OQ37",
        "The first write of /1027//21 fixes the size of the settings block until a factory reset; another size answers "
        "86.",
        _client("comment in the vendor's client; the code is assumed"),
    ),
    Rule("OQ39", "The Tap has no secure element: to send it something is A1.", _assumed("clients take A1 as absent")),
    Rule(
        "OQ41",
        "The sender of a log packet is whoever started the log: 0 with autorun, or where no byte stands for that user. "
        "Packet ids follow each other and wrap at 65536.",
        _assumed(),
    ),
    Rule(
        "OQ44",
        "Encrypted log packets are made as single packets are, with the key of /1031//3, the user name IoTize and the "
        "Tap's own serial number; no key is like zeros.",
        _assumed("the construction of single packets"),
    ),
    Rule("OQ45", "The log may be flushed while it runs.", _assumed()),
    Rule(
        "OQ47",
        "The packet store is USED after a chunk, FULL once it holds what the packet's header announces, and ERROR "
        "after a failed execution until offset 0 is written or the Tap reboots.",
        _assumed("names of the states"),
    ),
    Rule(
        "OQ48",
        "Wrong CRC, chunk out of order, a packet or an update that cannot be used: 86. A chunk beyond 2 MiB: A7. A "
        "type that nothing executes: A1. An execution erases the store in any case.",
        _assumed("the erasure is in texts of older clients"),
    ),
    Rule(
        "OQ48",
        "An encrypted command has the rights of the user whose key it has; in clear or under the blank key, those of "
        "the session. Sender 0 is whoever is logged in. An update brings firmware 1.0 to 1.113.",
        _assumed(),
    ),
    Rule(
        "OQ49",
        "The CRC of an execution may leave out any zeros at the end of the last chunk.",
        _client("loader and updater of 2.7.0 and alpha.105 differ"),
    ),
    Rule(
        "OQ53",
        "What needs the target answers A5 until a client connects it; A6 while its voltage is outside the limits; BB "
        "where the protocol in use cannot do it.",
        _assumed("the names of the codes"),
        "target: auto_connect",
    ),
    Rule(
        "OQ54",
        "Unknown format, no element, or no such address: B3. An address that is no multiple of the element: B8. No "
        "memory there: B0. No right: B4.",
        _assumed("the names of the codes"),
    ),
    Rule(
        "OQ55",
        "Modbus: a slave that does not answer is B7, a damaged answer B6; exception 1 is BB, 2 and 3 B5, 5 and 6 B1, 7 "
        "B4, 8 B6, 10 and 11 B7, any other B0. An element of 32 bits takes two registers, the high one first; a "
        "smaller one takes one register. Function code 0 stands for coils or holding registers, slave 0 for the one of "
        "the settings block.",
        _assumed("the names of the codes; sample configurations have function code 0 and slave 0"),
    ),
    Rule("OQ56", "A single bit takes one byte on the wire, 0 or 1.", _assumed("the clients disagree")),
    Rule(
        "OQ57",
        "Sending over the serial line has an empty answer. Asking for an answer is B7 if none comes within the "
        "time-out.",
        _assumed("comment in the vendor's client; the code is assumed"),
        "target: timeout",
    ),
    Rule(
        "OQ58",
        "Elements read by address are big-endian on the wire, although the target's memory is little-endian.",
        _assumed("variables are big-endian everywhere"),
    ),
    Rule("OQ65", "The time is answered as decimal seconds since 1970, which is also how it is set.", _assumed()),
    Rule("OQ66", "The voltages of the target are millivolts.", Evidence("sample", "a real Tap answers 3500 at most")),
    Rule("OQ67", "POST on the last error code is accepted and does nothing.", _assumed()),
    Rule("OQ70", "/1024//46 forgets key and vectors and keeps the login.", _doc("named on the vendor's service page")),
    Rule(
        "OQ73",
        "The group of /1028/x/3 selects its SCRAM key for the log packets of the bundle; without one the key of the "
        "log holds.",
        _assumed(),
    ),
)
