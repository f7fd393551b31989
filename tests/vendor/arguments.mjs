// What each service call of the vendor's clients is made with: values that a Tap accepts, different from its defaults.
import { AdpControlIn, AdpControlOut } from '@iotize/tap/bundles/iotize-tap-service-impl-tapnpass.umd.js';
import { CloudPlatform } from '@iotize/tap/bundles/iotize-tap-service-impl-cloud.umd.js';
import { HostProtocol, TargetProtocol, VariableFormat } from '@iotize/tap';
import {
  LowPowerOptimizationLevel, NfcConnectionPriority, NfcPairingMode, ServiceCode,
} from '@iotize/tap/bundles/iotize-tap-service-impl-interface.umd.js';
import {
  SinglePacket, SinglePacketBuilder, SinglePacketChunk, SinglePacketConverter, SinglePacketStoreLoader,
} from '@iotize/tap/bundles/iotize-tap-service-impl-single-packet.umd.js';
import {
  ModbusOptions, SerialSettings, TargetCoreType, TargetS3PProtocolConfiguration,
} from '@iotize/tap/bundles/iotize-tap-service-impl-target.umd.js';
import { VariableType } from '@iotize/tap/bundles/iotize-tap-service-impl-variable.umd.js';
import {
  WifiKeyVisibility, WifiMode, WifiProtocol, WifiSSIDVisibility,
} from '@iotize/tap/bundles/iotize-tap-service-impl-wifi.umd.js';

/** Instances in paths: they are those of `sweep.yaml`, except what is created. */
const INSTANCES = { bundleId: 1, variableId: 1, groupId: 1, featureId: 102 };
const CREATED = 9;

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const text = (string) => Uint8Array.from(Buffer.from(string, 'latin1'));

const SERIAL = {
  baudRate: 19200,
  physicalPort: SerialSettings.PhysicalPort.RS485,
  stopBits: SerialSettings.StopBits.TWO,
  bitParity: SerialSettings.BitParity.EVEN,
  dataBits: SerialSettings.DataBits._7,
  handshakeDelimiter: SerialSettings.HandshakeDelimiter.CR,
  hardwareFlowControl: SerialSettings.HardwareFlowControl.RTS_CTS,
  timeout: 20,
};
const MODBUS = { slave: 1, offsetFirstRegister: true };
const SERIAL_MODBUS = { modbus: MODBUS, serial: SERIAL };
const TAPNPASS = {
  modbus: MODBUS,
  serial: { ...SERIAL, identification: true, ledStatus: false },
  usb: { aliases: [{ pid: 0x1234, vid: 0x5678, equ: 2 }] },
};
const S3P = { delay: 3, mode: TargetS3PProtocolConfiguration.Mode.INDEXED };
const REGISTERS = {
  objectType: ModbusOptions.ObjectType.HOLDING_REGISTER,
  slave: 1,
  address: 100,
  length: 2,
  format: VariableFormat._16_BITS,
};
const READ = { header: { methodType: 1, path: '/3//2' }, payload: bytes('') };
const WORDS = { address: 0x20000000, length: 2, format: VariableFormat._32_BITS };
const RIGHTS = { groupId: 5, read: true, write: false };
const COMMAND = SinglePacketBuilder.create(bytes('010003ffff0002'), SinglePacket.PacketType.COMMAND).build(); // GET /3//2
const COMMAND_BYTES = new SinglePacketConverter().encode(COMMAND);
const COMMAND_CHUNK = Uint8Array.from({ length: 16 * Math.ceil(COMMAND_BYTES.length / 16) }, (_, at) => COMMAND_BYTES[at] ?? 0);
const COMMAND_CRC = SinglePacketStoreLoader.computeCRC(COMMAND_CHUNK);

/** By service and call, behind the instances of the path. */
const SHARED = {
  bundle: { putAcl: [RIGHTS], putDataLogPeriod: [60], putName: ['Renamed'] },
  dataLog: {
    putCryptoKey: [bytes('00112233445566778899aabbccddeeff')],
    putOptions: [{ security: false, qos: true, logOnChange: false, rollingMode: true, autorun: false }],
  },
  device: { putCurrentTime: [1_700_000_000] },
  firmware: { postCrcCheck: [{ address: 0x08000000, size: 4096, crc: 0xdeadbeef }] },
  group: {
    putName: ['mechanic'], putSessionLifetime: [120], putAlias: [1], changePassword: ['secret'],
    changePasswordKey: [bytes('01'.repeat(36))],
  },
  interface: {
    login: [{ username: 'supervisor', password: 'supervisor' }],
    loginWithHash: [{ username: 'supervisor', password: bytes('99c243d5f82eb712c281d5ffe7d12097') }],
    loginWithUID: ['uid'], // filled in by the sweep
    putAppName: ['Sweep'],
    putAppPath: ['$2/sweep'],
    putAuthorizedHostProtocol: [[HostProtocol.NFC, HostProtocol.WIFI, HostProtocol.BLE]],
    putConfigFormatVersion: [3],
    putCurrentHostProtocol: [HostProtocol.WIFI],
    putHostInactivityPeriod: [45],
    putNfcAutologProfileId: [1],
    postNfcConnectionPriority: [NfcConnectionPriority.NFC_NON_PRIORITY],
    putNfcConnectionPriority: [NfcConnectionPriority.NFC_NON_PRIORITY],
    putNfcPairingMode: [NfcPairingMode.MANDATORY_FOR_LOGIN],
    putPowerOptimisationLevel: [LowPowerOptimizationLevel.STANDBY],
    putUniversalLink: ['http://sweep.example'],
    putSpecialFeatureProfile: [1],
    setSpecialFeatureProfile: [1],
  },
  lora: {
    putIds: [bytes('0011223344556677'.repeat(4))],
    putConfig: [{ classA: true, classB: false, classC: true, dataLoggingEnabled: false, singlePacketEnabled: true }],
  },
  scram: {
    login: [{ username: 'admin', clientNonce: 0x01020304 }],
    loginProof: [bytes('00'.repeat(16))],
    putHashIteration: [2000],
    send: [bytes('00'.repeat(16))],
    sendWithIV: [{ iv: bytes('00'.repeat(16)), request: bytes('00'.repeat(16)) }],
    setInitializationVector: [bytes('0102030405060708090a0b0c0d0e0f10')],
  },
  tapnpass: {
    postAction: [bytes('01')],
    setControlIn: [{ command: AdpControlIn.Command.SET_TRANSMISSION_BUFFER_SIZE, param: 256 }],
    setAdpControlOut: [{ resultCode: AdpControlOut.ResultCode.OK, param: 1 }],
  },
  target: {
    setProtocol: [TargetProtocol.MODBUS],
    putProtocol: [TargetProtocol.MODBUS],
    putCoreType: [TargetCoreType.M1_CORTEX],
    putMinVoltage: [1800],
    putMaxVoltage: [3500],
    putPageSize: [2048],
    readDebug: [0],
    sendReceive: [text('ping')],
    send: [text('ping')],
    modbusRead: [REGISTERS],
    modbusWrite: [{ options: REGISTERS, data: bytes('00010002') }],
    readAddress: [WORDS],
    writeAddress: [{ info: WORDS, data: bytes('0000000100000002') }],
  },
  variable: {
    create: [8], putBundleId: [1], putNumberOfElements: [2], putUnit: ['bar'], putValue: [bytes('00010002')],
    setValue: [bytes('00030004')],
  },
};

const NEW = {
  cloud: {
    putPlatform: [CloudPlatform.CUSTOM], putDataLogUploadPeriod: [5000], putMqttBrokerPort: ['8883'],
    putMqttClientId: ['sweep'], putMqttUsername: ['sweep'], putMqttPassword: ['secret'],
    putDataLogPublishTopic: ['log/up'], putDataLogSubscribeTopic: ['log/down'],
  },
  interface: {
    executeMultiRequestFrame: [{
      requests: [{ requestLen: 7, request: READ, expectedResponseStatus: 0xff }],
    }],
    postDisabledServices: [[ServiceCode.JVM]],
    putApplicationData: [bytes('c0ffee')],
    putCertificatePrivateKey: [text('-----BEGIN PRIVATE KEY-----')],
    putCertificatePublicKey: [text('-----BEGIN CERTIFICATE-----')],
    putConfigVersion: ['1.2.300'],
    putProductCode: ['TNL-SWEEP'],
    putSecurityOptions: [{
      scramActivated: true, hashPassword: true, disableHardwareFactoryReset: true, disableLoginWithUID: false,
      disableResourceFactoryReset: false,
    }],
  },
  jvm: { appendCode: [bytes('cafebabe')], putProfileId: [1] },
  mqtt: {
    putBrokerCertificate: [text('-----BEGIN CERTIFICATE-----')], putBrokerHostname: ['broker.example'],
    putBrokerPort: ['8883'], putClientId: ['sweep'], putPassword: ['secret'], putRelayNetKey: ['sweepkey'],
    putTopicPrefix: ['plant/'], putRequestTopic: ['plant/ask'], putResponseTopic: ['plant/tell'], putUsername: ['sweep'],
  },
  singlePacket: {
    writeAndExecuteBytes: [COMMAND_BYTES],
    writeAndExecute: [COMMAND],
    writeChunk: [{ format: SinglePacketChunk.Format.OFFSET_ON_2_BYTES, offset: 0, data: COMMAND_CHUNK }],
    executeSinglePacketInStore: [COMMAND_CRC],
  },
  tapnpass: { setProtocolConfiguration: [TAPNPASS], putProtocolConfiguration: [TAPNPASS] },
  target: {
    putFirmwareVersion: ['3.2.100'],
    setSerialModbusConfiguration: [SERIAL_MODBUS], putSerialModbusConfiguration: [SERIAL_MODBUS],
    setS3PConfiguration: [S3P], putS3PConfiguration: [S3P],
  },
  time: { putNtpServer: ['ntp.example'], putTimeZone: ['UTC-1'] },
  variable: {
    putVariableAddress: [0x20000010],
    putModbusVariableAddress: [{ functionCode: 3, slave: 1, address: 100 }],
    putType: [{ domain: VariableType.Domain.IN_TAP_VOLATIL, data: VariableType.Data.UINT16 }],
    putRawMeta: [text('level:m')],
    putMeta: [{ name: 'level', unit: 'm' }],
  },
  wifi: {
    putMode: [WifiMode.NETWORK], putKey: ['ABCD1234'], putIp: ['192.168.1.20'], putGatewayIp: ['192.168.1.1'],
    putIpMask: ['255.255.0.0'], putSSID: ['sweep'], putCountryCode: [33], putProtocol: [[WifiProtocol.N]],
    putTxPower: [-5], putSSIDVisibility: [WifiSSIDVisibility.HIDDEN], putKeyVisibility: [WifiKeyVisibility.HIDDEN],
  },
};

const OLD_SERIAL = {
  slv: 1, ofs: true, baudRate: 19200, physicalPort: 10, stopBit: 2, bitParity: 2, dataBitsLength: 0,
  handshakeDelimiter: 1, handshakeValue: 3, timeout: 20,
};
const OLD_TAPNPASS = {
  ...OLD_SERIAL, identification: true, ledStatus: false,
  usbSettings: { aliases: [{ pid: bytes('1234'), vid: bytes('5678'), equ: 2 }] },
};

const OLD = {
  adp: { ...SHARED.tapnpass, postAdpAction: SHARED.tapnpass.postAction },
  bundle: { getAcl: [5] },
  datalog: SHARED.dataLog,
  device: { putCurrentTime: [] }, // it cannot give a time
  interface: {
    multiRequest: [{ requests: [{ requestLen: 7, request: READ, expectedCodeRet: 0xff }] }],
    putApplicationParameters: NEW.interface.putApplicationData,
    putCloudClientId: ['sweep'],
    putCloudConnectionMode: [1],
    putCloudGatewayUrl: ['http://sweep.example'],
    putCloudLogin: ['sweep'],
    putCloudPassword: ['secret'],
    putCloudServiceName: ['8883'],
    putConfigVersion: [0x0102012c],
    putLock: [{
      scramActivated: true, hashPassword: true, factoryReset: true, resourceLogUid: false, resourceFactory: false,
    }],
    putMqttRelayNetKey: NEW.mqtt.putRelayNetKey,
    putMqttRelayPassword: NEW.mqtt.putPassword,
    putMqttRelayPort: NEW.mqtt.putBrokerPort,
    putMqttRelayUrl: NEW.mqtt.putBrokerHostname,
    putNetworkGatewayIp: NEW.wifi.putGatewayIp,
    putNetworkInfraIp: NEW.wifi.putIp,
    putNetworkInfraIpMask: NEW.wifi.putIpMask,
    putNetworkMode: [1],
    putUploadPeriod: NEW.cloud.putDataLogUploadPeriod,
    putWepKey: NEW.wifi.putKey,
    putWifiSSID: NEW.wifi.putSSID,
  },
  scram: { sendWithIV: [{ iv: bytes('00'.repeat(16)), command: bytes('00'.repeat(16)) }] },
  singlePacket: {
    bspe: NEW.singlePacket.executeSinglePacketInStore,
    writePartialSinglePacket: [{ len: COMMAND_CHUNK.length / 16, offset: 0, data: COMMAND_CHUNK }],
    writeSmallSinglePacket: NEW.singlePacket.writeAndExecuteBytes,
  },
  target: {
    putFirmwareVersion: [{ major: 3, minor: 2, patch: 100 }],
    putProtocolConfiguration: [OLD_TAPNPASS],
    setProtocolConfiguration: [OLD_TAPNPASS],
    setSubProtocol: [3],
    setUARTSettings: [OLD_SERIAL],
    writeUARTSettings: [OLD_SERIAL],
  },
  variable: { putAddress: NEW.variable.putVariableAddress, putFormat: [2], putName: ['level:m'] },
};

export const ARGUMENTS = { new: merged(SHARED, NEW), old: merged(SHARED, OLD) };

function merged(...tables) {
  const services = new Set(tables.flatMap(Object.keys));
  return Object.fromEntries([...services].map((name) => [name, Object.assign({}, ...tables.map((table) => table[name]))]));
}

/** Everything a call takes. */
export function argumentsOf(generation, service, name, path) {
  const instances = [...path.matchAll(/\{(\w+)\}/g)].map(([, key]) => (name === 'create' ? CREATED : INSTANCES[key]));
  return [...instances, ...(ARGUMENTS[generation][service]?.[name] ?? [])];
}
