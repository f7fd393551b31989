// Reads the serial number with each of the vendor's clients over an encrypted login: node smoke.mjs tcp://host:port
import assert from 'node:assert/strict';
import { clients } from './clients.mjs';

const [url = 'tcp://127.0.0.1:2000'] = process.argv.slice(2);

for (const Client of Object.values(clients)) {
  const tap = new Client(url);
  await tap.connect();
  await tap.startEncryption(); // the login may be one that does not
  await tap.login('admin', 'admin');
  console.log(Client.label, await tap.serialNumber());
  assert.equal(String(tap.exchanges.at(-1)), 'encrypted GET /3//2');
  tap.link.verify();
  await tap.disconnect();
}
