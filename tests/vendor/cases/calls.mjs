// Every service call of a client is made once; what came back is for the caller to judge.
import assert from 'node:assert/strict';
import { TargetProtocol } from '@iotize/tap';
import { argumentsOf } from '../arguments.mjs';
import { CLIENT } from '../clients.mjs';
import { until } from '../waiting.mjs';

/** Calls that end or change the session, each on a connection of its own; what comes last leaves no Tap behind. */
const ALONE = [
  'interface.login', 'interface.loginWithHash', 'interface.loginWithUID', 'interface.logout', 'scram.login',
  'scram.loginProof', 'scram.initialize', 'scram.setInitializationVector', 'scram.send', 'scram.sendWithIV',
  'interface.putSecurityOptions', 'interface.putLock', 'interface.putNfcPairingMode', 'interface.putConfigVersion',
  'interface.reloadConfig', 'group.changePassword', 'group.changePasswordKey',
  'firmware.postUpdate', 'firmware.postPackage', 'firmware.postCrcCheck', // the last two need what the first does
  'device.reboot', 'device.factoryReset',
];
const UID = 'uid';

const { MODBUS, SERIAL, SWD } = TargetProtocol;

/** Protocol of the target that a call needs; the target is connected then. */
const PROTOCOLS = {
  readDebug: SWD, writeDebug: SWD, getRegisterAccess: SWD, postRegisterAccess: SWD, readAddress: SWD, writeAddress: SWD,
  sendReceive: SERIAL, send: SERIAL, readBytes: SERIAL, getReceivedCount: SERIAL, modbusRead: MODBUS, modbusWrite: MODBUS,
};

/** What has to be undone or waited for, so that the calls after it still can be made. */
const AFTER = {
  'interface.putNfcPairingMode': ({ service }) => service.interface.putNfcPairingMode(0),
  'interface.postDisabledServices': ({ service }) => service.interface.postDisabledServices([]),
  'target.postResetKeep': ({ service }) => service.target.reset(),
  'device.reboot': (session) => session.closed(),
};

/** What shows that a write arrived, where it is not the call with the same ending. */
const SHOWN_BY = { 'variable.setValue': 'getValue' };
const WRITES = /^(put|set|post|write)/;

const plain = (value) => JSON.parse(JSON.stringify(value ?? null, (_, part) => (
  part instanceof Uint8Array || part?.type === 'Buffer' ? Buffer.from(part).toString('hex') : part)));

const listed = (tap) => Object.entries(tap.services).flatMap(([service, { resources }]) => Object.entries(resources)
  .map(([name, resource]) => ({ id: `${service}.${name}`, service, name, resource })));

/** Makes one call; a refusal is an answer, and so is an answer that the client cannot read. */
async function make(tap, { id, service, name, resource }, values) {
  let response;
  let failure;
  const exchanges = await tap.during(async () => {
    try {
      response = await tap.services[service][name](...values);
    } catch (error) {
      failure = error;
    }
  });
  if (exchanges.length === 0) return { id, path: resource.path, unsent: failure.message };
  const [exchange, ...others] = exchanges;
  assert.deepEqual(others.map(String), [], id);
  const { code, body } = exchange.answer;
  const observed = { id, call: exchange.call, code, sent: exchange.request.body, received: body };
  if (code & 0x80) return observed;
  if (!response) throw failure;
  try {
    return { ...observed, value: plain(response.body()) };
  } catch (error) {
    return { ...observed, unread: error.message };
  }
}

/** Reads back what was written: decoded, else compared byte for byte. */
async function readBack(tap, calls, call, written, { sent }) {
  const ending = call.name.replace(WRITES, 'get');
  const sameService = calls.filter(({ service }) => service === call.service);
  const reader = sameService.find(({ name }) => name === (SHOWN_BY[call.id] ?? ending))
    ?? sameService.find(({ name, resource }) => resource.path === call.resource.path && /^(get|is)/.test(name));
  if (!reader) return undefined;
  const instances = argumentsOf(tap.generation, reader.service, reader.name, reader.resource.path);
  const { code, value, unread, received } = await make(tap, reader, instances);
  const decoded = { written: plain(written), read: value };
  const raw = { written: sent.toString('hex'), read: received.toString('hex') };
  const same = [decoded, raw].some(({ written: one, read }) => code === 0 && isSame(one, read));
  return { by: reader.id, same, ...(same ? {} : { ...decoded, raw, code, unread }) };
}

function isSame(one, other) {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return Array.isArray(one) && one.length === 1 && isSame(one[0], other); // 2.7.0 reads one member of a set
  }
}

export async function everyServiceCall({ tap, openAnother, client, user }) {
  const calls = listed(tap);
  let admin = tap;
  const enter = async (fresh) => {
    fresh.setIvPeriod(0); // one exchange for one call
    if (user) await fresh.login(user, user);
    return fresh;
  };
  await enter(tap);
  if (!user) {
    admin = await openAnother();
    await admin.login('admin', 'admin');
  }
  const [{ answer: { body: uid } }] = await admin.during(() => admin.status('/1024//5'));
  const valuesOf = ({ service, name, resource }) => argumentsOf(tap.generation, service, name, resource.path)
    .map((value) => (value === UID ? Uint8Array.from(uid) : value));

  const observe = async (session, call) => {
    const values = valuesOf(call);
    if (call.service === 'target' && call.name in PROTOCOLS) {
      await admin.service.target.setProtocol(PROTOCOLS[call.name]);
      await admin.service.target.connect();
    }
    const observed = await make(session, call, values);
    if (WRITES.test(call.name) && observed.code === 0 && values.length > 0) {
      observed.readBack = await readBack(session, calls, call, values.at(-1), observed);
    }
    if (observed.code === 0) await AFTER[call.id]?.(session);
    return observed;
  };

  const observed = [];
  for (const call of calls.filter(({ id }) => !ALONE.includes(id))) observed.push(await observe(tap, call));
  for (const id of ALONE) {
    const call = calls.find((one) => one.id === id);
    if (!call) continue;
    const session = await enter(await until(openAnother));
    observed.push(await observe(session, call));
    session.link.abandon();
  }
  return observed.map(({ sent, received, ...rest }) => rest);
}
