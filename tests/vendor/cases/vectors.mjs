// Initialization vectors (IVs). Firmware 1.86 is the first to have them.
import assert from 'node:assert/strict';
import { CLIENT, refusal } from '../clients.mjs';

const IV = 16;
const ZERO = '0'.repeat(2 * IV);
const DEFAULT_PERIOD = 100;
const NOT_IMPLEMENTED = 0xa1;
const EXCHANGE = 'encrypted GET /1024//45';
const READ = 'encrypted GET /3//2';

const reads = (tap, count) => tap.during(async () => {
  for (let i = 0; i < count; i++) await tap.serialNumber();
});
const ivsOf = ({ ivs }) => [ivs.request, ivs.answer].map((iv) => (iv ? Buffer.from(iv).toString('hex') : ZERO));
const ivsOfNextRead = async (tap) => ivsOf((await reads(tap, 1))[0]);
const times = (count, item) => Array(count).fill(item);
const isNotSupported = (error) => {
  assert.match(error.code, /InitializationVectorNotSupported$/);
  return true;
};
const isNotImplemented = (error) => {
  assert.equal(refusal(error), NOT_IMPLEMENTED, error.message);
  return true;
};

const startWithIvs = async (tap, client) => {
  const start = await tap.during(() => tap.startEncryptionWithIvs());
  assert.deepEqual(start.map(String), ['GET /1024//47', client === CLIENT.old ? EXCHANGE : 'GET /1024//45']);
  const ivs = await ivsOfNextRead(tap);
  ivs.forEach((iv) => assert.notEqual(iv, ZERO));
  return ivs;
};

export async function periodZeroExchangesNothing({ tap }) {
  tap.setIvPeriod(0);
  assert.deepEqual((await tap.during(() => tap.startEncryption())).map(String), ['GET /1024//47']);
  const exchanges = await reads(tap, DEFAULT_PERIOD + 5);
  assert.deepEqual(exchanges.map(String), times(DEFAULT_PERIOD + 5, READ));
  assert.deepEqual(ivsOf(exchanges.at(-1)), [ZERO, ZERO]);
}

export async function periodOneCarriesIvsInEachFrame({ tap }) {
  tap.setIvPeriod(0);
  await tap.startEncryption();
  const [without] = await reads(tap, 1);
  tap.setIvPeriod(1);
  const count = 5;
  const withIvs = await reads(tap, count);
  assert.deepEqual(withIvs.map(String), times(count, 'encrypted with IV GET /3//2'));
  for (const { sent, received } of withIvs) {
    assert.equal(sent.length, without.sent.length + IV);
    assert.equal(received.length, without.received.length + IV);
  }
  assert.equal(new Set(withIvs.flatMap(ivsOf)).size, 2 * count, 'each frame has an IV of its own');
}

export async function ivsOfTheLastFrameStayWhenThePeriodEnds({ tap }) {
  tap.setIvPeriod(1);
  await tap.startEncryption();
  const [last] = (await reads(tap, 2)).slice(-1);
  tap.setIvPeriod(0);
  assert.deepEqual(await ivsOfNextRead(tap), ivsOf(last));
}

const exchangesEvery = async (tap, period) => {
  tap.setIvPeriod(period);
  await tap.startEncryption();
  const exchanges = await reads(tap, 3 * period + 1);
  const round = times(period, READ);
  assert.deepEqual(exchanges.map(String), [...round, EXCHANGE, ...round, EXCHANGE, ...round, EXCHANGE, READ]);
  const used = exchanges.filter(({ call }) => call === 'GET /3//2').map(ivsOf).map(String);
  assert.equal(new Set(used.slice(-2 * period - 1)).size, 3, 'each exchange brings new IVs');
  assert.equal(new Set(used.slice(period, 2 * period)).size, 1, 'between exchanges they stay');
};

export const periodTwoCostsOneRequestInTwo = ({ tap }) => exchangesEvery(tap, 2);

export const periodThreeCostsOneRequestInThree = ({ tap }) => exchangesEvery(tap, 3);

export const periodSevenCostsOneRequestInSeven = ({ tap }) => exchangesEvery(tap, 7);

export async function defaultPeriodIsAHundred({ tap }) {
  const start = await tap.during(() => tap.startEncryption());
  assert.deepEqual(start.map(String), ['GET /1024//47', 'GET /1024//45']);
  const hundred = await reads(tap, DEFAULT_PERIOD);
  assert.deepEqual(hundred.map(String), times(DEFAULT_PERIOD, READ));
  assert.deepEqual((await reads(tap, 1)).map(String), [EXCHANGE, READ]);
  assert.notDeepEqual(await ivsOfNextRead(tap), ivsOf(hundred.at(-1)));
}

export async function defaultPeriodCountsFromTheLogin({ tap }) {
  await tap.login('admin', 'admin');
  const before = tap.exchanges.filter(({ carrier }) => carrier === 'encrypted').length;
  assert.deepEqual((await reads(tap, DEFAULT_PERIOD - before)).map(String), times(DEFAULT_PERIOD - before, READ));
  assert.deepEqual((await reads(tap, 1)).map(String), [EXCHANGE, READ]);
}

export async function nothingIsExchangedByDefault({ tap }) {
  await tap.login('admin', 'admin');
  assert.deepEqual((await reads(tap, DEFAULT_PERIOD + 5)).map(String), times(DEFAULT_PERIOD + 5, READ));
}

export async function forcedExchangeHoldsFromTheNextFrame({ tap, client }) {
  const before = await startWithIvs(tap, client);
  const [exchange, ...more] = await tap.during(() => tap.exchangeIvs());
  assert.deepEqual([String(exchange), ...more], [EXCHANGE]);
  assert.deepEqual(ivsOf(exchange), before);
  const after = await ivsOfNextRead(tap);
  assert.deepEqual(after, [exchange.request.body, exchange.answer.body].map((iv) => iv.toString('hex')));
  after.forEach((iv) => assert.ok(!before.includes(iv)));
  assert.equal(exchange.answer.body.length, IV);
}

export async function ivsSurviveEncryptionOffAndOn({ tap, client }) {
  const before = await startWithIvs(tap, client);
  await tap.pauseEncryption();
  await tap.serialNumber();
  await tap.resumeEncryption();
  assert.deepEqual(await ivsOfNextRead(tap), before);
}

export async function renewedKeyKeepsOrResetsIvsAsTheClientWants({ tap, client }) {
  const before = await startWithIvs(tap, client);
  tap.setIvPeriod(0);
  await tap.renewKey(); // inside the session by alpha.105, in clear by 2.7.0
  assert.deepEqual(await ivsOfNextRead(tap), client === CLIENT.old ? before : [ZERO, ZERO]);
}

export async function loginInsideTheSessionKeepsIvs({ tap, client }) {
  const before = await startWithIvs(tap, client);
  const login = await tap.during(() => tap.login('admin', 'admin'));
  assert.ok(login.every((exchange) => exchange.carrier === 'encrypted'));
  assert.deepEqual(await ivsOfNextRead(tap), before);
  assert.equal(await tap.groupId(), 0xffff);
}

export async function loginInClearStartsWithZeroIvs({ tap }) {
  await tap.login('admin', 'admin');
  assert.deepEqual(await ivsOfNextRead(tap), [ZERO, ZERO]);
}

export async function loginAgainAfterALogout({ tap, client }) {
  const before = await startWithIvs(tap, client);
  await tap.login('admin', 'admin');
  await tap.logout();
  const login = await tap.during(() => tap.login('admin', 'admin'));
  assert.ok(login.filter(({ call }) => /^GET .1024..4[01]$/.test(call)).every((exchange) => exchange.isClear));
  assert.equal(await tap.groupId(), 0xffff);
  assert.deepEqual(await ivsOfNextRead(tap), client === CLIENT.old ? before : [ZERO, ZERO]); // they disagree: D9
}

export async function oldFirmwareHasNoIvs({ tap }) {
  assert.equal(await tap.status('/1024//45', new Uint8Array(IV)), NOT_IMPLEMENTED);
  assert.equal(await tap.status('/1024//44', new Uint8Array(2 * IV)), NOT_IMPLEMENTED);
}

export async function newFirmwareHasIvs({ tap }) {
  await tap.startEncryption();
  await tap.pauseEncryption();
  assert.equal(await tap.status('/1024//45', new Uint8Array(IV)), 0x00);
  assert.equal(await tap.status('/1024//44', new Uint8Array(2 * IV)), 0x80); // not a frame, but the call is there
}

export async function oldFirmwareStartsWithoutIvs({ tap, client }) {
  const start = await tap.during(() => tap.startEncryptionWithIvs());
  assert.deepEqual(start.map(String), ['GET /1024//47', client === CLIENT.old ? EXCHANGE : 'GET /1024//45']);
  assert.equal(start[1].answer.code, NOT_IMPLEMENTED);
  assert.deepEqual(await ivsOfNextRead(tap), [ZERO, ZERO]);
}

export async function oldFirmwareRefusesAForcedExchange({ tap, client }) {
  await tap.startEncryption();
  const forced = tap.exchangeIvs();
  if (client === CLIENT.old) await assert.rejects(forced, isNotSupported);
  else await forced; // swallowed: S1
  assert.equal(tap.exchanges.at(-1).answer.code, NOT_IMPLEMENTED);
  assert.deepEqual(await ivsOfNextRead(tap), [ZERO, ZERO]);
}

export async function oldFirmwareRefusesThePeriodicExchange({ tap, client }) {
  const period = 3;
  tap.setIvPeriod(period);
  await tap.startEncryption();
  await reads(tap, period);
  if (client === CLIENT.old) {
    const refused = await tap.during(() => assert.rejects(tap.serialNumber(), isNotSupported));
    assert.deepEqual(refused.map(String), [EXCHANGE]);
  } else {
    assert.deepEqual((await reads(tap, 1)).map(String), [EXCHANGE, READ]);
  }
  assert.deepEqual(await ivsOfNextRead(tap), [ZERO, ZERO]);
}

export async function oldFirmwareRefusesFramesWithIv({ tap }) {
  tap.setIvPeriod(1);
  await tap.startEncryption();
  await assert.rejects(tap.serialNumber(), isNotImplemented);
  tap.setIvPeriod(0);
  await tap.forgetSession(); // the client has set an IV that the Tap does not know
  await tap.startEncryption();
  assert.match(await tap.serialNumber(), /^IoTize/);
}
