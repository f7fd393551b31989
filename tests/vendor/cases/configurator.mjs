// The configurator of 2.7.0: it writes a whole configuration, and its reader reads one back.
import assert from 'node:assert/strict';
import {
  READ_CONFIGURATOR_CONFIG, TapConfiguratorReader, TapConfiguratorWriter, WRITE_CONFIGURATOR_CONFIG, tapConfigToServiceCalls,
} from '@iotize/tap/bundles/iotize-tap-configurator.umd.js';
import { collected } from '../waiting.mjs';

const { Step } = TapConfiguratorWriter;
const METHOD_NOT_ALLOWED = 0x85;

const CONFIGURING = 'ffffffff';
const FIRST_BYTE_OF_SCRAM = '10';
const READS = 44;
const CALL_OF_A_KEY = /service\.(\w+)\.(\w+?)(?:Append)?Calls?\(/;
const callOf = (factory) => factory.toString().match(CALL_OF_A_KEY).slice(1).join('.');

/** Writes a configuration as a program does; answers the keys that this firmware does not have. */
async function write(tap, configuration) {
  const skipSchemaValidation = 'mqtt' in (configuration.config.cloud ?? {}); // the schema has not heard of its own keys
  const operations = await tap.tap.configurator.setup(configuration, { skipSchemaValidation });
  const events = await collected(operations.asObservable());
  const calls = events.filter(({ step }) => step === Step.executeCall);
  return {
    skipped: calls.filter(({ error }) => error).map(({ error }) => error.configKey),
    written: calls.filter(({ call }) => call).length,
  };
}

const ACL = /^.1028.\d+.0$/;
const NAME_OF_A_BUNDLE = /^.1028.\d+.4$/;

/** The group of an entry of an access list: on one byte, on two, or on one where it should be two, as 2.7.0 has it. */
const groupOf = (entry) => {
  if (entry[0] === 0x41) return entry[1];
  return entry.length === 4 ? entry.readUInt16BE(1) : 0xff00 | entry[1];
};

/** What was PUT last on each path, with the body that a GET of it needs. */
function lastWrites(exchanges) {
  const writes = new Map();
  for (const { call, request: { body } } of exchanges.filter(({ call: sent }) => sent.startsWith('PUT '))) {
    const path = call.slice(4);
    const question = ACL.test(path) ? Buffer.from([groupOf(body) >> 8, groupOf(body) & 0xff]) : undefined;
    writes.set(`${path} ${question?.toString('hex')}`, { path, question, body });
  }
  return [...writes.values()];
}

/** Reading and writing differ in some zeros. */
const stripped = (body, path) => {
  const hex = body.toString('hex');
  if (ACL.test(path)) return hex.slice(-2); // the rights; the group was asked for
  if (NAME_OF_A_BUNDLE.test(path)) return hex.replace(/(00)+$/, ''); // filled up to 16 bytes until firmware 1.106
  return hex.replace(/^(00)+(?=.)/, ''); // some numbers are written shorter than they are read
};

/** Reads every path that was written; answers those that can only be written. */
async function readAgain(tap, writes) {
  const writeOnly = [];
  for (const { path, question, body } of writes) {
    const [{ answer }] = await tap.during(() => tap.status(path, question));
    if (answer.code === METHOD_NOT_ALLOWED) {
      writeOnly.push(path);
    } else {
      assert.equal(answer.code, 0, path);
      assert.equal(stripped(answer.body, path), stripped(body, path), path);
    }
  }
  return writeOnly;
}

const passwordsOf = ({ config: { data = {} } }) => {
  const users = (data.profiles ?? []).flatMap((profile) => [profile, ...(profile.users ?? [])]);
  return new Map([['admin', 'admin'], ['supervisor', 'supervisor'],
    ...users.filter(({ password }) => password).map(({ username, password }) => [username, password])]);
};

/** The configuration without a key that its own tool cannot write. */
const without = (configuration, omitted) => {
  const copy = structuredClone(configuration);
  if (omitted) {
    const keys = omitted.split('.');
    const parent = keys.slice(0, -1).reduce((part, key) => part[key], copy.config);
    assert.ok(delete parent[keys.at(-1)]);
  }
  return copy;
};

export async function configuratorRefusesTheOlderDialect({ tap, configuration }) {
  await assert.rejects(write(tap, configuration), { code: 'TapConfiguratorErrorIvalidSchema' }); // its spelling
  assert.deepEqual(tap.exchanges.map(({ call }) => call), ['GET /3//3']);
}

export async function configuratorWrites({ tap, openAnother, configuration: given, omitted, loginFirst }) {
  const configuration = without(given, omitted);
  if (loginFirst) await tap.login('admin', 'admin');
  const security = configuration.config.tap?.security ?? {};
  let result;
  const exchanges = await tap.during(async () => { result = await write(tap, configuration); });
  const calls = exchanges.map(({ call }) => call);
  const bodies = exchanges.filter(({ call }) => call === 'PUT /1024//10').map(({ request }) => request.body.toString('hex'));
  assert.equal(calls[0], 'GET /3//3');
  assert.equal(calls[1], 'POST /3//5');
  const logout = loginFirst ? ['POST /1024//1'] : ['GET /1024//6', 'POST /1024//1']; // it remembers how it logged in
  assert.deepEqual(calls.slice(-logout.length), logout);
  assert.equal(bodies.length, 2);
  assert.equal(bodies[0], CONFIGURING);
  if (security.scramActivated) {
    const start = calls.findIndex((call) => call === 'PUT /1024//10');
    assert.deepEqual(calls.slice(2, start), ['GET /1024//47', 'GET /1024//45']);
    assert.equal(exchanges[start + 1].request.body.toString('hex'), FIRST_BYTE_OF_SCRAM);
    assert.ok(exchanges.slice(start).filter(({ call }) => call !== 'GET /1024//45').every(({ carrier }) => carrier === 'encrypted'));
  }
  const overhead = calls.filter((call) => ['GET /1024//47', 'GET /1024//45'].includes(call)).length + 2 + logout.length;
  assert.equal(exchanges.length, result.written + overhead, 'one exchange for each call of the configuration');

  const another = await openAnother();
  for (const [username, password] of passwordsOf(configuration)) {
    await another.login(username, password);
    assert.equal(another.exchanges.some(({ call }) => call === 'GET /1024//41'), Boolean(security.scramActivated));
  }
  await another.login('admin', passwordsOf(configuration).get('admin'));
  another.setIvPeriod(0);
  assert.equal(await another.tap.configurator.isConfigured(), true);
  const writeOnly = await readAgain(another, lastWrites(exchanges));
  return { ...result, writeOnly };
}

const encoded = ({ bodyEncoder }, body) => Buffer.from(bodyEncoder ? bodyEncoder.encode(body) : body).toString('hex');

/** Both forms of a set with one member: 2.7.0 reads the member. */
const sameAs = (call, read) => encoded(call, Array.isArray(call.body) && !Array.isArray(read) ? [read] : read);

export async function configuratorReads({ tap, openAnother, configuration, firmware }) {
  await write(await openAnother(), configuration);
  await tap.login('admin', passwordsOf(configuration).get('admin'));
  const { service } = tap.tap;
  let events;
  const exchanges = await tap.during(async () => {
    events = await collected(tap.tap.configurator.read());
  });
  assert.equal(exchanges.filter(({ call }) => call !== 'GET /1024//45').length, READS);
  const failures = events.filter(({ step }) => step === TapConfiguratorReader.Step.readKeyError);
  const { config: read } = events.at(-1);
  const written = new Map(tapConfigToServiceCalls(configuration.config, { firmwareVersion: firmware, service })
    .filter(({ method }) => method === 3).map((call) => [call.path, call]));
  const compared = Object.keys(read).filter((key) => {
    const call = written.get(READ_CONFIGURATOR_CONFIG[key]({ service }).path);
    if (call) assert.equal(sameAs(call, read[key]), encoded(call, call.body), key);
    return call;
  });
  const refused = failures.filter(({ call }) => call && exchanges.some(({ call: sent }) => sent === `GET ${call.path}`));
  return { compared: compared.length, refused: refused.map(({ configKey }) => configKey) };
}

/** The keys that no configuration makes the client write, at this firmware or the newest. */
export async function configurationsCoverEveryKey({ tap, configurations, firmware, newest }) {
  await tap.serialNumber();
  const used = new Set();
  const spies = Object.fromEntries(Object.entries(tap.services).map(([name, instance]) => [name, new Proxy(instance, {
    get(target, property) {
      const match = /^(\w+?)(?:Append)?Calls?$/.exec(property);
      if (match) used.add(`${name}.${match[1]}`);
      return Reflect.get(target, property);
    },
  })]));
  for (const firmwareVersion of [firmware, newest]) {
    configurations.forEach(({ config }) => tapConfigToServiceCalls(config, { firmwareVersion, service: spies }));
  }
  const keys = Object.keys(WRITE_CONFIGURATOR_CONFIG);
  return keys.filter((key) => !used.has(callOf(WRITE_CONFIGURATOR_CONFIG[key])));
}

export async function configurationIsApplied({ tap }) {
  await tap.login('admin', 'admin');
  const { configurator } = tap.tap;
  const enter = await tap.during(() => configurator.setupConfigState());
  assert.deepEqual(enter.map(({ call }) => call), ['GET /5//3', 'PUT /1024//10']);
  assert.equal(enter[1].request.body.toString('hex'), CONFIGURING);
  configurator.configuratorWriter.options = { delayMs: 10 }; // 400 by default, three times
  const apply = await tap.during(() => configurator.applyConfig('2.0.5'));
  assert.deepEqual(apply.map(({ call }) => call), ['PUT /1024//10', 'POST /1024//10']);
  assert.equal((await tap.service.interface.getConfigVersion()).body(), '2.0.5');
  assert.equal(await configurator.isConfigured(), true);
}

export async function factoryTapIsNotConfigured({ tap }) {
  assert.equal(await tap.tap.configurator.isConfigured(), false);
  await tap.tap.configurator.setupConfigState();
  assert.equal(await tap.tap.configurator.isConfigured(), true);
}
