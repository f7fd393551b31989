import assert from 'node:assert/strict';
import { KeepAliveEngine } from '@iotize/tap/bundles/iotize-tap-keep-alive.umd.js';
import { CLIENT } from '../clients.mjs';
import { pause, until } from '../waiting.mjs';

const ADMIN = 0xffff;
const LIFETIME = 1000;
const OVER = LIFETIME + 150;
const SHORTER = LIFETIME * 0.4;

const keepAlives = (tap) => tap.exchanges.filter(({ call }) => call === 'GET /1024//4');

export async function logoutEndsTheSession({ tap, client, security }) {
  await tap.login('admin', 'admin');
  const logout = await tap.during(() => tap.logout());
  const encrypted = security === 'scram' && client === CLIENT.new; // alpha.105 turns encryption off first
  assert.equal(String(logout.find(({ call }) => call === 'POST /1024//1')),
    `${encrypted ? 'encrypted ' : ''}POST /1024//1`);
  const read = await tap.during(async () => assert.equal(await tap.groupId(), 0));
  assert.deepEqual(read.map(String), ['GET /1024//7']);
}

export async function logoutWithIvInEachFrame({ tap, client }) {
  tap.setIvPeriod(1);
  await tap.login('admin', 'admin');
  if (client === CLIENT.old) await tap.logout();
  else await assert.rejects(tap.logout()); // it forgets its key before it decrypts the answer: S2
  await tap.pauseEncryption();
  assert.equal(await tap.groupId(), 0);
}

export async function sessionEndsWithItsLifetime({ tap }) {
  await tap.login('admin', 'admin');
  await pause(SHORTER);
  assert.equal(await tap.groupId(), ADMIN);
  await pause(OVER);
  assert.equal(await tap.groupId(), 0);
  assert.equal(String(tap.exchanges.at(-1)), 'encrypted GET /1024//7'); // the keys outlive the login
}

export async function keepAliveProlongsTheSession({ tap }) {
  await tap.login('admin', 'admin');
  for (let i = 0; i < 3; i++) {
    await pause(SHORTER);
    assert.equal((await tap.service.interface.keepAlive()).body(), LIFETIME / 1000);
  }
  assert.equal(await tap.groupId(), ADMIN);
}

export async function keepAliveEngineProlongsTheSession({ tap }) {
  await tap.login('admin', 'admin');
  const errors = [];
  const engine = new KeepAliveEngine(tap.tap, { period: 300 });
  engine.events.subscribe((event) => event.type === 'error' && errors.push(event.error));
  engine.start();
  await pause(LIFETIME * 1.5);
  engine.stop();
  assert.deepEqual(errors, []);
  assert.ok(engine.counter >= 3, `${engine.counter} ticks`);
  assert.ok(keepAlives(tap).every((exchange) => exchange.carrier === 'encrypted'));
  assert.equal(await tap.groupId(), ADMIN);
}

export async function tapRebootsAndIsThereAgain({ tap }) {
  const serialNumber = await tap.serialNumber();
  await tap.login('admin', 'admin');
  const [reboot] = await tap.during(() => tap.service.device.reboot());
  assert.equal(reboot.call, 'POST /3//4');
  assert.equal(reboot.answer.code, 0);
  await tap.closed();
  await assert.rejects(tap.connect(), { code: 'ECONNREFUSED' });
  await until(() => tap.connect());
  await tap.forgetSession();
  assert.equal(await tap.serialNumber(), serialNumber);
  assert.equal(await tap.groupId(), 0);
  await tap.login('admin', 'admin');
  assert.equal(await tap.groupId(), ADMIN);
}
