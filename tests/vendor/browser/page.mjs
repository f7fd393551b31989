// The visit from a page: page.html?url=ws://host:port&period=1&period=3. The result goes back to the page's server.
import { Tap } from '@iotize/tap';
import '@iotize/tap/auth';
import '@iotize/tap/service/all';
import { WebSocketProtocol } from '@iotize/device-com-websocket.js';
import { visit } from './visit.mjs';

const asked = new URLSearchParams(location.search);
const url = asked.get('url');

async function result() {
  try {
    return await visit(Tap, new WebSocketProtocol({ url }), asked.getAll('period').map(Number));
  } catch (error) {
    return { error: error.stack ?? String(error) };
  }
}

addEventListener('unhandledrejection', ({ reason }) => report({ error: String(reason?.stack ?? reason) }));
const report = (found) => fetch('result', { method: 'POST', body: JSON.stringify(found) });
await report(await result());
