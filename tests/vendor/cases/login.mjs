import assert from 'node:assert/strict';
import { CLIENT, refusal } from '../clients.mjs';
import { pause } from '../waiting.mjs';

const ADMIN = 0xffff;
const SUPERVISOR = 0xfffe;
const LOCKOUT = 1000;
const MARGIN = 100;
const NOT_ACCEPTABLE = 0x86;
const SERVICE_UNAVAILABLE = 0xa3;

const LOGIN_CALLS = {
  scram: ['GET /1024//6', 'GET /1024//40', 'GET /1024//41'],
  hashed: ['GET /1024//6', 'POST /1024//0'],
  plain: ['GET /1024//6', 'POST /1024//0'],
};
const AFTER_LOGIN = { // what a client reads about its new session
  [CLIENT.new]: ['GET /1024//7', 'GET /1025//4'],
  [CLIENT.old]: ['GET /1024//7', 'GET /1025//0', 'GET /1025//4'],
};
const CREDENTIALS = {
  hashed: 'admin'.padEnd(16, '\0') + '\x01\x55\xaf\xfc\x02\x3a\xff\x68\x82\xf5\x6a\x4e\x0d\x9c\x54\x66',
  plain: 'admin'.padEnd(16, '\0') + 'admin'.padEnd(16, '\0'),
};
const CODES = { // only the newer generation tells these apart
  [NOT_ACCEPTABLE]: 'TapAuthErrorInvalidCredentials',
  [SERVICE_UNAVAILABLE]: 'TapAuthErrorTooManyLoginAttempt',
};

const isRefused = async ({ tap, client }, username, password, code) => {
  await assert.rejects(tap.login(username, password), (error) => {
    assert.equal(refusal(error), code, error.message);
    if (client === CLIENT.new) assert.equal(error.code, CODES[code]);
    return true;
  });
};

const reconnects = async (tap) => {
  await tap.closed();
  await tap.connect();
};

export async function scramLoginTurnsEncryptionOn({ tap, client }) {
  const login = await tap.during(() => tap.login('admin', 'admin'));
  const encrypted = AFTER_LOGIN[client].map((call) => `encrypted ${call}`);
  assert.deepEqual(login.map(String), [...LOGIN_CALLS.scram, ...encrypted]);
  const read = await tap.during(async () => assert.equal(await tap.groupId(), ADMIN));
  assert.deepEqual(read.map(String), ['encrypted GET /1024//7']);
  assert.deepEqual(login.slice(3).concat(read).map((exchange) => exchange.requestFrame.id),
    [...encrypted, ''].map((_, id) => id));
}

export async function otherLoginsStayInClear({ tap, client, security }) {
  const login = await tap.during(() => tap.login('admin', 'admin'));
  assert.deepEqual(login.map(String), [...LOGIN_CALLS[security], ...AFTER_LOGIN[client]]);
  assert.equal(login[1].request.body.subarray(0, 32).toString('latin1'), CREDENTIALS[security]);
  assert.equal(await tap.groupId(), ADMIN);
}

export async function supervisorLogsIn({ tap }) {
  await tap.login('supervisor', 'supervisor');
  assert.equal(await tap.groupId(), SUPERVISOR);
}

export async function iterationsOfTheTapHold({ tap, iterations }) {
  await tap.login('admin', 'admin');
  const challenge = tap.exchanges.find(({ call }) => call === 'GET /1024//40').answer.body;
  assert.equal(challenge.readUInt32BE(8), iterations);
  assert.equal(await tap.groupId(), ADMIN);
}

export async function wrongPasswordIsRefused(context) {
  const { tap } = context;
  await isRefused(context, 'admin', 'wrong', NOT_ACCEPTABLE);
  assert.equal(await tap.groupId(), 0);
  await tap.login('admin', 'admin');
  assert.equal(await tap.groupId(), ADMIN);
}

export async function unknownUserIsRefused(context) {
  const { tap } = context;
  await isRefused(context, 'nobody', 'admin', NOT_ACCEPTABLE);
  assert.equal(await tap.groupId(), 0);
  await tap.login('admin', 'admin');
  assert.equal(await tap.groupId(), ADMIN);
}

export async function unknownUserLooksLikeAKnownOne(context) {
  const { tap } = context;
  await isRefused(context, 'nobody', 'one', NOT_ACCEPTABLE);
  await isRefused(context, 'nobody', 'two', NOT_ACCEPTABLE);
  await tap.login('admin', 'admin');
  const challenges = tap.exchanges.filter(({ call }) => call === 'GET /1024//40').map(({ answer }) => answer.body);
  const [first, second, known] = challenges.map((body) => ({ salt: body.readUInt32BE(4), rounds: body.readUInt32BE(8) }));
  assert.deepEqual(first, second);
  assert.equal(first.rounds, known.rounds);
  assert.notEqual(first.salt, 0);
}

export async function threeFailuresLockTheTapAndItRecovers(context) {
  const { tap } = context;
  await isRefused(context, 'admin', 'wrong', NOT_ACCEPTABLE);
  await isRefused(context, 'nobody', 'wrong', NOT_ACCEPTABLE);
  assert.equal(await tap.groupId(), 0); // the link is still open
  await isRefused(context, 'admin', 'wrong', NOT_ACCEPTABLE);
  await reconnects(tap);
  await isRefused(context, 'admin', 'admin', SERVICE_UNAVAILABLE);
  assert.equal(await tap.groupId(), 0); // only logins are refused
  await pause(LOCKOUT + MARGIN);
  await tap.login('admin', 'admin');
  assert.equal(await tap.groupId(), ADMIN);
}

export async function successForgetsFailures(context) {
  const { tap } = context;
  for (const round of [1, 2]) {
    await isRefused(context, 'admin', 'wrong', NOT_ACCEPTABLE);
    await isRefused(context, 'admin', 'wrong', NOT_ACCEPTABLE);
    await tap.login('admin', 'admin');
    assert.equal(await tap.groupId(), ADMIN, `round ${round}`);
    await tap.logout();
  }
}

export async function secondLoginReplacesTheFirst({ tap, security }) {
  await tap.login('admin', 'admin');
  const login = await tap.during(() => tap.login('supervisor', 'supervisor'));
  assert.ok(login.every((exchange) => exchange.isClear === (security !== 'scram')));
  assert.equal(await tap.groupId(), SUPERVISOR);
}

export async function sessionBelongsToItsConnection({ tap, openAnother }) {
  await tap.login('admin', 'admin');
  const another = await openAnother();
  assert.equal(await another.groupId(), 0);
  await another.login('supervisor', 'supervisor');
  assert.equal(await tap.groupId(), ADMIN);
  assert.equal(await another.groupId(), SUPERVISOR);
}
