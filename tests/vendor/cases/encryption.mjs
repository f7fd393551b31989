import assert from 'node:assert/strict';
import { CLIENT } from '../clients.mjs';

const frameId = ([exchange]) => exchange.requestFrame.id;
const carriers = (exchanges) => exchanges.map(String);
const key = (tap) => Buffer.from(tap.keys.key).toString('hex');

export async function encryptionGoesOnAndOffAndOn({ tap, client }) {
  const clearly = await tap.serialNumber();
  const read = () => tap.during(async () => assert.equal(await tap.serialNumber(), clearly));
  await tap.startEncryption();
  const sessionKey = key(tap);
  assert.equal(sessionKey.length, 32);
  const first = await read();
  assert.deepEqual(carriers(first), ['encrypted GET /3//2']);
  assert.equal(frameId(first), 0);
  assert.equal(frameId(await read()), 1);

  await tap.pauseEncryption();
  assert.deepEqual(carriers(await read()), ['GET /3//2']);

  assert.deepEqual(await tap.during(() => tap.resumeEncryption()), []);
  assert.equal(key(tap), sessionKey);
  const resumed = await read();
  assert.deepEqual(carriers(resumed), ['encrypted GET /3//2']);
  assert.equal(frameId(resumed), client === CLIENT.old ? 0 : 2);
}

export async function sessionKeyIsRenewedInsideTheSession({ tap, client }) {
  await tap.startEncryption();
  const serialNumber = await tap.serialNumber();
  const oldKey = key(tap);
  const renewal = await tap.during(() => tap.renewKey());
  assert.equal(renewal[0].toString(), client === CLIENT.old ? 'encrypted GET /1024//47' : 'GET /1024//47');
  assert.notEqual(key(tap), oldKey);
  const read = await tap.during(async () => assert.equal(await tap.serialNumber(), serialNumber));
  assert.deepEqual(carriers(read), ['encrypted GET /3//2']);
  assert.equal(frameId(read), 0);
}

export async function loginSurvivesEncryptionOffAndOn({ tap }) {
  await tap.login('admin', 'admin');
  await tap.pauseEncryption();
  assert.equal(await tap.groupId(), 0xffff);
  await tap.resumeEncryption();
  assert.equal(await tap.groupId(), 0xffff);
}

export async function loginSurvivesARenewedKey({ tap }) {
  await tap.login('admin', 'admin');
  await tap.renewKey();
  assert.equal(await tap.groupId(), 0xffff);
}
