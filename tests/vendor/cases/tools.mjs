// The other tools of 2.7.0: data logger, single-packet loader, firmware updater, pins, keep-alive, factory reset.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { VariableFormat } from '@iotize/tap';
import { GPIO_MAPPING } from '@iotize/tap/bundles/iotize-tap-gpio.umd.js';
import { GPIOMode } from '@iotize/tap/bundles/iotize-tap-service-impl-gpio.umd.js';
import {
  SinglePacket, SinglePacketBuilder, SinglePacketConverter, SinglePacketStoreInfo, SinglePacketStoreLoader,
} from '@iotize/tap/bundles/iotize-tap-service-impl-single-packet.umd.js';
import { FirmwareState } from '@iotize/tap/bundles/iotize-tap-service-impl-firmware.umd.js';
import { ARGUMENTS } from '../arguments.mjs';
import { CLIENT, refusal } from '../clients.mjs';
import { collected, until } from '../waiting.mjs';

const NOT_FOUND = 0x84;
const NOT_ACCEPTABLE = 0x86;
const UNAUTHORIZED = 0x81;
const NOT_CONNECTED = 0xa5;
const POLL = 20; // ms; the data logger's own period is 400

const enter = async (tap, user = 'admin') => {
  tap.setIvPeriod(0);
  await tap.login(user, user);
};
const called = (exchanges) => exchanges.map(({ call }) => call);

// --- data log

/** The data loggers of both generations behind the same names. */
const LOGGERS = {
  [CLIENT.new]: ({ tap: { dataLog } }) => ({
    start: () => dataLog.startAcquisition(),
    stop: () => dataLog.stopAcquisition(),
    isRunning: () => dataLog.isAcquisitionRunning(),
    count: () => dataLog.getPacketCount(),
    packets: (options) => dataLog.download(options),
    read: ({ packet: { meta, data } }) => ({ id: meta.packetId, bundle: meta.bundleId, time: meta.logTime, values: data }),
  }),
  [CLIENT.old]: ({ tap: { datalogger }, service: { datalog } }) => ({
    start: async () => (await datalog.run()).successful(),
    stop: async () => (await datalog.stop()).successful(),
    isRunning: async () => (await datalog.isRunning()).body(),
    count: () => datalogger.getPacketCount(),
    packets: () => datalogger.download(),
    read: ({ payload: { current: { singlePacket: { outerHeader }, packet: { bundle, variables } } } }) => ({
      id: outerHeader.packetId, bundle: bundle.id, time: bundle.logTime, values: variables,
    }),
  }),
};

/** Downloads until the Tap says that nothing is left, which the logger reports as an error. */
async function download(logger, options) {
  const packets = [];
  const error = await new Promise((resolve) => {
    logger.packets(options).subscribe({ next: (event) => packets.push(logger.read(event)), error: resolve });
  });
  return { packets, error };
}

const hexOf = (values) => Object.fromEntries(Object.entries(values).map(([id, value]) => [id, Buffer.from(value).toString('hex')]));

/** Waits for one packet of each bundle, and downloads them; `logged` has values by variable, by bundle. */
export async function dataLoggerDownloads({ tap, client, logged }) {
  await enter(tap);
  const logger = LOGGERS[client](tap);
  const bundles = Object.entries(logged);
  await logger.start();
  assert.equal(await logger.isRunning(), true);
  await until(async () => assert.ok(await logger.count() >= bundles.length));
  await logger.stop();
  assert.equal(await logger.isRunning(), false);
  const waiting = await logger.count();
  let result;
  const exchanges = await tap.during(async () => { result = await download(logger, { period: POLL }); });
  const { packets, error } = result;
  assert.equal(refusal(error), NOT_FOUND);
  assert.equal(packets.length, waiting);
  assert.deepEqual(called(exchanges), Array(waiting + 1).fill('GET /1031//11'));
  assert.deepEqual(packets.slice(0, bundles.length).map(({ bundle, values }) => [String(bundle), hexOf(values)]), bundles);
  assert.ok(packets.every(({ time }) => Math.abs(Date.now() - time) < 30_000));
  assert.deepEqual(packets.map(({ id }) => id), packets.map((_, index) => (packets[0].id + index) & 0xffff));
  assert.equal(await logger.count(), 0);
}

export async function dataLoggerPollsEvery400Milliseconds({ tap }) {
  await enter(tap);
  await tap.tap.dataLog.startAcquisition();
  await tap.tap.dataLog.stopAcquisition();
  (await tap.service.dataLog.flush()).successful();
  const start = Date.now();
  const { packets, error } = await download(LOGGERS[CLIENT.new](tap));
  assert.equal(refusal(error), NOT_FOUND);
  assert.deepEqual(packets, []);
  assert.ok(Date.now() - start >= 395, `${Date.now() - start} ms`);
}

export async function dataLogNeedsALogin({ tap }) {
  const unauthorized = { code: 'DataLoggerErrorActionUnauthorized' };
  await assert.rejects(tap.tap.dataLog.startAcquisition(), unauthorized);
  await assert.rejects(tap.tap.dataLog.stopAcquisition(), unauthorized);
  assert.deepEqual(tap.exchanges.map(({ answer }) => answer.code), [UNAUTHORIZED, UNAUTHORIZED]);
}

// --- single packets

const ADMIN_SENDER = 0xff;
const SERIAL_NUMBER = 'IoTize_FWUpdate_SP'; // the clients use it in place of the Tap's own

const storeState = async (tap) => (await tap.service.singlePacket.getInfo()).body().state;

/** A packet that renames the Tap; encrypted for whoever is logged in, or in clear. */
export async function singlePacketLoaderRunsACommand({ tap, encrypted }) {
  await enter(tap);
  const name = encrypted ? 'Renamed in secret' : 'Renamed in clear';
  const command = Uint8Array.from(Buffer.from(`030400ffff0009${Buffer.from(name).toString('hex')}`, 'hex'));
  const builder = SinglePacketBuilder.create(command, SinglePacket.PacketType.COMMAND).setEncryption(encrypted);
  const { storedKey, serverKey } = tap.tap.auth.sessionDataSnapshot;
  const credentials = { username: 'admin', serialNumber: SERIAL_NUMBER, hashKey: Uint8Array.from([...storedKey, ...serverKey]) };
  const packet = builder.setSenderId(ADMIN_SENDER).build();
  const loader = tap.service.singlePacket.createStoreLoader(packet, { execute: true }, encrypted ? credentials : undefined);
  assert.equal(await storeState(tap), SinglePacketStoreInfo.State.EMPTY);
  const exchanges = await tap.during(() => collected(loader.asObservable()));
  assert.deepEqual(called(exchanges), ['POST /1024//82', 'POST /1024//83']);
  assert.equal((await tap.service.interface.getAppName()).body(), name);
  assert.equal(await storeState(tap), SinglePacketStoreInfo.State.EMPTY);
}

export async function singlePacketLoaderSendsChunks({ tap }) {
  await enter(tap);
  const data = Uint8Array.from({ length: 1000 }, (_, index) => index & 0xff);
  const loader = tap.service.singlePacket.createStoreLoaderFromBytes(data);
  const exchanges = await tap.during(() => collected(loader.asObservable()));
  assert.deepEqual(called(exchanges), Array(Math.ceil(data.length / 192)).fill('POST /1024//82'));
  assert.notEqual(await storeState(tap), SinglePacketStoreInfo.State.EMPTY);
  const wrong = SinglePacketStoreLoader.computeCRC(data) ^ 1;
  assert.equal((await tap.service.singlePacket.executeSinglePacketInStore(wrong)).codeRet(), NOT_ACCEPTABLE);
}

/** alpha.105 sends small packets in one request; this one was encoded by 2.7.0, whose lengths are right. */
export async function oldClientSendsSinglePackets({ tap }) {
  await enter(tap);
  const rename = (name) => Uint8Array.from(Buffer.from(`030400ffff0009${Buffer.from(name).toString('hex')}`, 'hex'));
  const build = (name) => SinglePacketBuilder.create(rename(name), SinglePacket.PacketType.COMMAND)
    .setSenderId(ADMIN_SENDER).build();
  const packet = new SinglePacketConverter().encode(build('Renamed by alpha'));
  const small = await tap.during(() => collected(tap.tap.sendSinglePacket(packet)));
  assert.deepEqual(called(small), ['POST /1024//80']);
  assert.equal((await tap.service.interface.getAppName()).body(), 'Renamed by alpha');
}

// --- firmware update

async function update({ tap, packet, from, to }) {
  await enter(tap);
  const version = async () => (await tap.service.device.getFirmwareVersion()).body();
  assert.ok((await version()).startsWith(from), await version());
  const file = Uint8Array.from(await readFile(packet));
  const updater = tap.tap.firmwareUpdater;
  const loader = updater.createLoader(file, { reconnectAfterUpdate: true, reconnectRetryDelay: 100, reconnectRetryCount: 50 });
  assert.equal(await loader.isFirmwareUpdateAvailable(tap.tap), true);
  const [socket] = tap.link.sockets.slice(-1);
  let steps;
  const exchanges = await tap.during(async () => { steps = await collected(loader.asObservable()); });
  assert.equal(steps.find(({ step }) => step === 'finish').executeRequestTimeout, false);
  const chunks = Math.ceil(file.length / 192);
  assert.deepEqual(called(exchanges), [...Array(chunks).fill('POST /1024//82'), 'POST /1024//83']);
  await until(() => assert.ok(socket.destroyed), { interval: 5 }); // it may have "reconnected" before the Tap was gone
  await until(() => tap.isConnected || tap.connect());
  await tap.forgetSession();
  assert.ok((await version()).startsWith(to), await version());
}

/** After an update to 1.86 initialization vectors work, which 1.85 refused. */
export async function updateBringsInitializationVectors(context) {
  const { tap } = context;
  tap.setIvPeriod(100);
  await tap.startEncryption();
  assert.equal(tap.exchanges.at(-1).answer.code, 0xa1);
  await update(context);
  tap.setIvPeriod(100);
  const start = await tap.during(() => tap.startEncryption());
  assert.deepEqual(start.map(({ call, answer }) => [call, answer.code]), [['GET /1024//47', 0], ['GET /1024//45', 0]]);
  await tap.login('admin', 'admin');
  const [read] = await tap.during(() => tap.serialNumber());
  assert.notEqual(Buffer.from(read.ivs.answer).toString('hex'), '0'.repeat(32));
}

export async function firmwareIsInNormalState({ tap }) {
  await enter(tap);
  assert.equal((await tap.service.firmware.getState()).body(), FirmwareState.NORMAL);
}

// --- pins

export async function gpioManagerReadsAndWritesPins({ tap }) {
  await enter(tap);
  const { gpio } = tap.tap;
  const pin = gpio.getPinByIndex(GPIO_MAPPING.find(({ name }) => name === 'EXT_A4').index);
  await pin.writeConfig({ mode: GPIOMode.OUTPUT_PUSH_PULL });
  assert.equal(await pin.readConfig(), GPIOMode.OUTPUT_PUSH_PULL);
  for (const level of [true, false, true]) {
    await pin.writeValue(level);
    assert.equal(await pin.readValue(), level);
  }
  await gpio.writeConfig([{ index: 6, value: GPIOMode.OUTPUT_PUSH_PULL }, { index: 9, value: GPIOMode.INPUT_PULL_UP }]);
  const modes = await gpio.readConfig([6, 7, 8, 9]);
  assert.deepEqual(modes.map(({ value }) => value),
    [GPIOMode.OUTPUT_PUSH_PULL, GPIOMode.INPUT_FLOATING, GPIOMode.OUTPUT_PUSH_PULL, GPIOMode.INPUT_PULL_UP]);
  await gpio.writeValues([{ index: 6, value: true }]);
  assert.deepEqual((await gpio.readValues([6, 7, 8])).map(({ value }) => value), [true, false, true]);
  assert.equal((await gpio.readValues()).length, GPIO_MAPPING.length);
  const direct = tap.exchanges.slice(-1)[0];
  assert.equal(direct.call, 'GET /1027//33');
  assert.equal(direct.request.body.toString('hex'), '000000000000001a41');
}

// --- keep-alive and factory reset

export async function keepAliveFollowsTheConfiguration({ tap, period }) {
  const { keepAlive } = tap.tap;
  const ticks = [];
  const errors = [];
  keepAlive.events.subscribe(({ type, error }) => {
    if (type === 'tick') ticks.push(Date.now());
    if (type === 'error') errors.push(error);
  });
  await tap.tap.setupKeepAliveFromConfig();
  assert.equal(keepAlive.options.period, period * 1000);
  await until(() => assert.equal(tap.exchanges.length, 4), { seconds: 10 });
  await until(() => assert.ok(tap.exchanges.at(-1).chunks.length), { interval: 10 });
  keepAlive.stop();
  assert.deepEqual(errors, []);
  assert.deepEqual(called(tap.exchanges), ['GET /1024//34', ...Array(3).fill('GET /1024//4')]);
  const gaps = ticks.slice(1).map((tick, index) => tick - ticks[index]);
  assert.equal(gaps.length, 2);
  assert.ok(gaps.every((gap) => gap >= period * 980), `${gaps} ms`);
}

export async function factoryResetHelperResets({ tap }) {
  await enter(tap);
  const reset = await tap.during(() => tap.tap.factoryReset());
  assert.deepEqual(called(reset), ['GET /5//3', 'POST /3//5']);
  assert.equal(await tap.tap.configurator.isConfigured(), false);
}

export async function factoryResetNeedsTheAdmin({ tap }) {
  await assert.rejects(tap.tap.factoryReset(), (error) => refusal(error) === UNAUTHORIZED);
}

// --- target

export async function targetHasToBeConnected({ tap }) {
  await enter(tap);
  const { target } = tap.service;
  const read = async () => (await target.readAddress({ address: 0x20000000, length: 1, format: VariableFormat._32_BITS })).codeRet();
  const isConnected = async () => (await target.isConnected()).body();
  for (const round of [1, 2]) { // whatever state it is found in
    (await target.disconnect()).successful();
    assert.deepEqual([await isConnected(), await read()], [false, NOT_CONNECTED], round);
    (await target.connect()).successful();
    assert.deepEqual([await isConnected(), await read()], [true, 0], round);
  }
}

/** Each protocol has a block of its own size, and the first that is stored fixes the size (OQ37). */
export async function settingsBlockKeepsItsSize({ tap, service, block, others }) {
  await enter(tap);
  const [value] = ARGUMENTS[tap.generation][service][`put${block}`];
  const put = await tap.services[service][`put${block}`](value);
  assert.equal(put.codeRet(), 0);
  assert.deepEqual((await tap.services[service][`get${block}`]()).body(), value);
  for (const [otherService, other] of others) {
    const [otherValue] = ARGUMENTS[tap.generation][otherService][`put${other}`];
    assert.equal((await tap.services[otherService][`put${other}`](otherValue)).codeRet(), NOT_ACCEPTABLE);
  }
}
