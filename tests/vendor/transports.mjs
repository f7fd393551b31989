// Transports for the vendor's clients by the scheme of a link's URL. Those of WebSocket and MQTT are the vendor's own.
import { QueueComProtocol } from '@iotize/tap/bundles/iotize-tap-protocol-core.umd.js';
import { MqttTransport } from './mqtt.mjs';
import { overRfc2217, overSerial } from './serial.mjs';
import { overTcp } from './tcp.mjs';
import { WebSocketTransport } from './websocket.mjs';

/** Streams, on the queue protocol of either generation of the vendor's client. */
export const transportsOver = (Base) => ({
  'tcp:': overTcp(Base),
  'pty:': overSerial(Base),
  'serial:': overSerial(Base),
  'rfc2217:': overRfc2217(Base),
});

export const transports = {
  ...transportsOver(QueueComProtocol),
  'ws:': WebSocketTransport,
  'mqtt:': MqttTransport,
};
