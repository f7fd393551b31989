// The visit without a browser: node node.mjs ws://host:port PERIOD...
import { Tap } from '@iotize/tap';
import '@iotize/tap/bundles/iotize-tap-auth.umd.js';
import '@iotize/tap/bundles/iotize-tap-service-all.umd.js';
import { WebSocketTransport } from '../websocket.mjs';
import { visit } from './visit.mjs';

const [url, ...periods] = process.argv.slice(2);
console.log(JSON.stringify(await visit(Tap, new WebSocketTransport(url), periods.map(Number))));
process.exit(); // timers of the client would keep it alive
