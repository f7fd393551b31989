// The data manager of 2.7.0: it learns from the Tap which bundles and variables there are, then reads and writes them.
import assert from 'node:assert/strict';
import { VariableType } from '@iotize/tap/bundles/iotize-tap-service-impl-variable.umd.js';
import { refusal } from '../clients.mjs';
import { collected, until } from '../waiting.mjs';

const UNAUTHORIZED = 0x81;
const PER_VARIABLE = ['GET /1024//89', 'GET /1028//4']; // a multi-request for the variable, and the name of its bundle

/** Whoever looks at the Tap; with a configuration, the vendor's configurator writes it first. */
const enter = async ({ tap, openAnother, user, configuration }) => {
  if (configuration) {
    const operations = await (await openAnother()).tap.configurator.setup(configuration, { skipSchemaValidation: true });
    await collected(operations.asObservable());
  }
  tap.setIvPeriod(0);
  if (user) await tap.login(user.name, user.password);
};

const synchronize = async (tap) => {
  const exchanges = await tap.during(() => collected(tap.tap.data.synchronizeTapConfig()));
  const calls = exchanges.map(({ call }) => call.replace(/^(GET .1028.)\d+/, '$1'));
  const count = tap.tap.data.listVariables().length;
  assert.deepEqual(calls, ['POST /1027//3', 'GET /1029//4', ...Array(count).fill(PER_VARIABLE).flat()]);
  return tap.tap.data;
};

/** What the data manager found: bundles by name, variables by name, each `[type, length, value]`. */
const found = async (data) => {
  const bundles = {};
  for (const bundle of data.listBundles()) {
    const values = await bundle.read();
    bundles[bundle.id] = Object.fromEntries(bundle.variables.map(({ id, config: { dataType, length } }) => [
      id, [VariableType.Data[dataType], length, values[id]],
    ]));
  }
  return bundles;
};

export async function dataManagerShowsTheTap({ bundles, ...context }) {
  const { tap } = context;
  await enter(context);
  assert.deepEqual(await found(await synchronize(tap)), bundles);
}

/** Values that the data manager writes by name; the ones that it may not are refused with 81. */
export async function dataManagerWrites({ writes, ...context }) {
  const { tap } = context;
  await enter(context);
  const data = await synchronize(tap);
  for (const [name, value, allowed] of writes) {
    const variable = data.variable(name);
    const before = await variable.read();
    const exchanges = await tap.during(async () => {
      if (allowed) await variable.write(value);
      else await assert.rejects(variable.write(value), (error) => refusal(error) === UNAUTHORIZED);
    });
    assert.deepEqual(exchanges.map(({ call }) => call), [`POST /1029/${variable.variableId}/5`]);
    assert.deepEqual(await variable.read(), allowed ? value : before);
  }
}

/** Rights of whoever asks on variables, by id: the client reads them without the data manager. */
export async function variablesTellRights({ rights, ...context }) {
  const { tap } = context;
  await enter(context);
  const told = {};
  for (const id of Object.keys(rights)) {
    const response = await tap.service.variable.getCurrentAccess(Number(id));
    const { read, write } = response.body();
    told[id] = `${read ? 'r' : '-'}${write ? 'w' : '-'}`;
  }
  assert.deepEqual(told, rights);
}

export async function unknownVariableIsNotConfigured({ tap }) {
  const { data } = tap.tap;
  const variable = data.createConfiguredVariable('ghost', { id: 4711, dataType: VariableType.Data.UINT8, length: 1 });
  await assert.rejects(variable.read(), { code: 'TapDataErrorVariableNotConfigured' });
  const bundle = data.createConfiguredBundle('ghosts', { id: 4711, variables: {} });
  await assert.rejects(bundle.read(), { code: 'TapDataErrorBundleNotConfigured' });
}

export async function dataManagerPolls({ variable, ...context }) {
  const { tap } = context;
  await enter(context);
  const data = await synchronize(tap);
  const values = [];
  data.variable(variable).values.subscribe((value) => values.push(value));
  const written = await data.variable(variable).read();
  data.monitoring.start({ period: 20 });
  await until(() => assert.ok(values.length >= 3, `${values.length} values`), { interval: 10 });
  data.monitoring.stop();
  assert.ok(values.every((value) => value === written));
  await until(() => assert.ok(tap.exchanges.at(-1).chunks.length), { interval: 10 }); // the last poll is answered
}

/** Target memory and Modbus registers, each by its own kind of variable. */
export async function directAccess({ kind, config, written, ...context }) {
  const { tap } = context;
  await enter(context);
  (await tap.service.target.connect()).successful();
  const create = { memory: 'createTargetMemoryVariable', modbus: 'createModbusAccessVariable' }[kind];
  const variable = tap.tap.data[create]('direct', { config });
  await variable.writeRaw(Uint8Array.from(Buffer.from(written, 'hex')));
  assert.equal(Buffer.from(await variable.readRaw()).toString('hex'), written);
}
