"""Bodies of the target, of the TapNPass adapter and of the pins: vendor bytes in both directions, and damaged ones."""

import json
from typing import Any

import pytest

from protocol.bodies.gpio import GPIO_MODE, GPIOMode
from protocol.bodies.tapnpass import (
    ADP_CONTROL_IN,
    ADP_CONTROL_OUT,
    ADP_STATS,
    TAPNPASS_CONFIGURATION,
    AdpCom,
    AdpCommand,
    AdpControlIn,
    AdpControlOut,
    AdpHeader,
    AdpIntern,
    AdpResultCode,
    AdpState,
    AdpStats,
    AdpUart,
    AdpUsb,
    AdpVersion,
    TapnpassProtocolConfiguration,
    TapnpassSerialSettings,
    TapnpassUsbSettings,
    UsbAlias,
)
from protocol.bodies.target import (
    BYTE_COUNT,
    CORE_REGISTER,
    CORE_REGISTER_WRITE,
    MEMORY_INFO,
    MEMORY_WRITE_INFO,
    MODBUS_OPTIONS,
    MODBUS_SETTINGS,
    MODBUS_WRITE_OPTIONS,
    REGISTER_WRITE,
    S3P_CONFIGURATION,
    SERIAL_MODBUS_CONFIGURATION,
    TARGET_COM_STATS,
    TARGET_CORE_TYPE,
    TARGET_PROTOCOL,
    TARGET_PROTOCOL_ARRAY,
    VARIABLE_FORMAT,
    BitParity,
    CoreRegisterWrite,
    DataBits,
    HandshakeDelimiter,
    HardwareFlowControl,
    MemoryInfo,
    MemoryWriteInfo,
    ModbusObjectType,
    ModbusOptions,
    ModbusWriteOptions,
    PhysicalPort,
    RegisterWrite,
    S3PMode,
    StopBits,
    TargetComStats,
    TargetCoreType,
    TargetModbusSettings,
    TargetProtocol,
    TargetProtocols,
    TargetS3PProtocolConfiguration,
    TargetSerialModbusConfiguration,
    TargetSerialSettings,
    VariableFormat,
)
from protocol.client.jsonable import from_json, to_json
from protocol.errors import BodyError, UsageError
from protocol.values import Body

LINE = {
    "baud_rate": 115200,
    "physical_port": PhysicalPort.RS232,
    "stop_bits": StopBits.ONE,
    "bit_parity": BitParity.EVEN,
    "data_bits": DataBits._8,
    "handshake_delimiter": HandshakeDelimiter.CR_LF,
    "hardware_flow_control": HardwareFlowControl.RTS_CTS,
    "timeout": 10,
}
PLAIN = {
    "baud_rate": 9600,
    "physical_port": PhysicalPort.NONE,
    "stop_bits": StopBits.ONE,
    "bit_parity": BitParity.NONE,
    "data_bits": DataBits._8,
    "handshake_delimiter": HandshakeDelimiter.NONE,
    "hardware_flow_control": HardwareFlowControl.NONE,
    "timeout": 10,
}
STATS = AdpStats(
    header=AdpHeader(AdpVersion(1, 2, 3), error_code=4),
    state=AdpState(usb_disconnected=True),
    uart=AdpUart(1, 2, 3, 4, 5, 6, 7),
    usb=AdpUsb(1, 2, 3, 4, 5, 6),
    current=bytes.fromhex("01020304"),
    com=AdpCom(1, 2, 3, bytes.fromhex("0a0b0c0d")),
    battery=bytes.fromhex("05060708"),
    intern=AdpIntern(
        time=bytes.fromhex("00000001"),
        nb_boots=bytes.fromhex("00000002"),
        nb_shutdown=bytes.fromhex("0003"),
        nb_adp_fault=bytes.fromhex("0004"),
        nb_adp_mem_fault=bytes.fromhex("0005"),
        nb_adp_bus_fault=bytes.fromhex("0006"),
        nb_adp_usage_fault=bytes.fromhex("0007"),
        temperature=bytes.fromhex("00000008"),
    ),
)

VECTORS: list[tuple[Body[Any], Any, str]] = [
    (TARGET_PROTOCOL, TargetProtocol.MODBUS, "03"),
    (TARGET_PROTOCOL, TargetProtocol.NONE, "ff"),
    (TARGET_PROTOCOL_ARRAY, TargetProtocols.SWD | TargetProtocols.S3P | TargetProtocols.MODBUS, "0b"),
    (TARGET_CORE_TYPE, TargetCoreType.M0_CORTEX, "00"),
    (VARIABLE_FORMAT, VariableFormat._32_BITS, "03"),
    (TARGET_COM_STATS, TargetComStats(nb_fail_com=1, nb_successful_com=2), "0000000100000002"),
    (MEMORY_INFO, MemoryInfo(0x20000000, 2, VariableFormat._32_BITS), "200000000000000203"),
    (
        MEMORY_WRITE_INFO,
        MemoryWriteInfo(MemoryInfo(0x20000000, 2, VariableFormat._32_BITS), bytes.fromhex("0102030401020304")),
        "2000000000000002030102030401020304",
    ),
    (MODBUS_OPTIONS, ModbusOptions(ModbusObjectType.HOLDING_REGISTER, 1, 256, 2, 2), "030101000000000202"),
    (MODBUS_OPTIONS, ModbusOptions(ModbusObjectType.DEFAULT, 1, 256, 2, 2), "000101000000000202"),
    (
        MODBUS_WRITE_OPTIONS,
        ModbusWriteOptions(ModbusOptions(ModbusObjectType.COIL, 17, 5, 1, 0), b"\x01"),
        "01110005000000010001",
    ),
    (
        SERIAL_MODBUS_CONFIGURATION,
        TargetSerialModbusConfiguration(TargetModbusSettings(1, True), TargetSerialSettings(**LINE)),  # type: ignore[arg-type]
        "0a33090100c21101",
    ),
    (
        SERIAL_MODBUS_CONFIGURATION,
        TargetSerialModbusConfiguration(TargetModbusSettings(1, False), TargetSerialSettings(**PLAIN)),  # type: ignore[arg-type]
        "0a00010080250001",
    ),
    (S3P_CONFIGURATION, TargetS3PProtocolConfiguration(delay=1, mode=S3PMode.INDEXED), "0101"),
    (
        TAPNPASS_CONFIGURATION,
        TapnpassProtocolConfiguration(
            TargetModbusSettings(1, False),
            TapnpassSerialSettings(identification=True, led_status=True, **LINE),  # type: ignore[arg-type]
            TapnpassUsbSettings([UsbAlias(pid=0x1234, vid=0x5678, equ=2)]),
        ),
        "0a3309a100c201011234567802",
    ),
    (ADP_CONTROL_IN, AdpControlIn(AdpCommand.SET_TRANSMISSION_BUFFER_SIZE, 256), "80030100"),
    (ADP_CONTROL_OUT, AdpControlOut(AdpResultCode.OK, 0), "80000000"),
    (
        ADP_STATS,
        STATS,
        "0000010203040000010000000102030405060700010203040506000001020304010203000a0b0c0d0506070800000001000000020003"
        "0004000500060007000000000008",
    ),
    (GPIO_MODE, GPIOMode.OUTPUT_PUSH_PULL, "03"),
    (REGISTER_WRITE, RegisterWrite(4, 0x50000000), "0000000450000000"),
    (CORE_REGISTER, 15, "0f"),
    (CORE_REGISTER, None, ""),
    (CORE_REGISTER_WRITE, CoreRegisterWrite(15, 0x08000100), "0f08000100"),
    (BYTE_COUNT, 64, "00000040"),
    (BYTE_COUNT, None, ""),
]


@pytest.mark.parametrize(("body", "value", "data"), VECTORS, ids=lambda case: getattr(case, "name", None))
def test_vendor_bytes_in_both_directions(body: Body[Any], value: Any, data: str) -> None:
    assert body.encode(value).hex() == data
    assert body.decode(bytes.fromhex(data)) == value


READ = [(body, data) for body, value, data in VECTORS if value is not None]


@pytest.mark.parametrize(("body", "data"), READ, ids=lambda case: getattr(case, "name", None))
def test_value_as_json_and_back(body: Body[Any], data: str) -> None:
    value = body.decode(bytes.fromhex(data))
    assert from_json(body, json.dumps(to_json(value))) == value


def test_memory_address_of_a_modbus_variable_has_the_bytes_of_modbus_options() -> None:
    options = ModbusOptions(ModbusObjectType.INPUT_REGISTER, 17, 0x0102, 3, VariableFormat._16_BITS)
    place = MEMORY_INFO.decode(MODBUS_OPTIONS.encode(options))
    assert place == MemoryInfo(4 << 24 | 17 << 16 | 0x0102, 3, VariableFormat._16_BITS)


@pytest.mark.parametrize(
    ("block", "slave", "offset"),
    [
        ("0a00010080250001", 1, False),
        ("0a33090100c21101", 1, True),
        ("00000000000000f7", 247, False),
        ("ffffffffffffffff", 255, True),
    ],
)
def test_modbus_part_of_any_settings_block(block: str, slave: int, offset: bool) -> None:
    assert MODBUS_SETTINGS.decode(bytes.fromhex(block)) == TargetModbusSettings(slave, offset)


DAMAGED: list[tuple[Body[Any], str]] = [
    (TARGET_PROTOCOL, "0a"),
    (TARGET_PROTOCOL, ""),
    (MEMORY_INFO, "2000000000000002"),
    (MEMORY_INFO, "20000000000000020300"),
    (MEMORY_WRITE_INFO, "2000000000000002"),
    (MODBUS_OPTIONS, "070101000000000202"),
    (SERIAL_MODBUS_CONFIGURATION, "0a330901 00c211"),
    (SERIAL_MODBUS_CONFIGURATION, "0a330901 00c2110101"),
    (SERIAL_MODBUS_CONFIGURATION, "0a000102 80250001"),
    (S3P_CONFIGURATION, "0102"),
    (TAPNPASS_CONFIGURATION, "0a3309a100c2010112345678"),
    (ADP_STATS, "00" * 67),
    (ADP_STATS, "00" * 69),
    (GPIO_MODE, "02"),
    (CORE_REGISTER, "0102"),
    (BYTE_COUNT, "0102"),
]


@pytest.mark.parametrize(("body", "data"), DAMAGED)
def test_body_that_does_not_fit(body: Body[Any], data: str) -> None:
    with pytest.raises(BodyError):
        body.decode(bytes.fromhex(data))


def test_baud_rate_has_twenty_bits() -> None:
    line = {**PLAIN, "baud_rate": 1 << 20}
    with pytest.raises(UsageError):
        SERIAL_MODBUS_CONFIGURATION.encode(
            TargetSerialModbusConfiguration(TargetModbusSettings(1, False), TargetSerialSettings(**line))  # type: ignore[arg-type]
        )
