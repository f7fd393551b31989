import { Tap } from '@iotize/tap';
import '@iotize/tap/bundles/iotize-tap-auth.umd.js';
import '@iotize/tap/bundles/iotize-tap-service-all.umd.js';
import { TcpProtocol } from './tcp.mjs';

const tap = Tap.fromProtocol(new TcpProtocol(process.argv[2] ?? 'tcp://127.0.0.1:2000'));
await tap.connect();
await tap.auth.login({ username: 'admin', password: 'admin' }); // encrypted from here on
console.log((await tap.service.device.getSerialNumber()).body());
await tap.disconnect();
