// Has @iotize/tap 2.7.0 do a few things with its own time limits, and tells what each of them came to: one JSON object
// per line in, one per line out.
import { createInterface } from 'node:readline';
import { collected, pause } from '../waiting.mjs';
import '../stderr.mjs';
import '../hashing.mjs';
import { CLIENT, clients, refusal } from '../clients.mjs';

const HANGS = 4_000; // ms; the client's own limit is 500 for each answer

const plain = (value) => JSON.parse(JSON.stringify(value ?? null, (_, part) => (
  part instanceof Uint8Array ? Buffer.from(part).toString('hex')
    : part?.type === 'Buffer' ? Buffer.from(part.data).toString('hex') : part)));

/** Packets of the data log until there are so many, or the time is over. */
const downloaded = (tap, count, { period, ms = 3_000 }) => new Promise((resolve, reject) => {
  const packets = [];
  let subscription;
  const end = () => {
    subscription?.unsubscribe();
    resolve(packets);
  };
  const timer = setTimeout(end, ms);
  subscription = tap.tap.dataLog.download({ period }).subscribe({
    next: ({ packet }) => {
      if (packets.push(packet.meta.packetId) < count) return;
      clearTimeout(timer);
      end();
    },
    error: (error) => {
      clearTimeout(timer);
      reject(Object.assign(error, { packets }));
    },
  });
});

const updated = async (tap, file) => {
  const loader = tap.tap.firmwareUpdater.createLoader(Uint8Array.from(Buffer.from(file, 'hex')), { reconnectAfterUpdate: false });
  return (await collected(loader.asObservable())).at(-1).step;
};

/** What a program can do, by name. */
const ACTIONS = {
  connect: (tap) => tap.connect(),
  reconnect: async (tap) => {
    await tap.disconnect().catch(() => {});
    await tap.connect();
  },
  isConnected: async (tap) => tap.isConnected,
  login: (tap, user, password) => tap.login(user, password).then(() => null),
  logout: (tap) => tap.logout().then(() => null),
  encrypt: (tap) => tap.startEncryption().then(() => null),
  forgetSession: (tap) => tap.forgetSession().then(() => null),
  ivPeriod: async (tap, period) => tap.setIvPeriod(period),
  exchangeIvs: (tap) => tap.exchangeIvs().then(() => null),
  call: async (tap, name, ...values) => {
    const [service, method] = name.split('.');
    const given = values.map((value) => (/^hex:/.test(value) ? Uint8Array.from(Buffer.from(value.slice(4), 'hex')) : value));
    return (await tap.services[service][method](...given)).body();
  },
  ivs: async (tap) => tap.keys.ivDecode,
  download: downloaded,
  update: updated,
  wait: (_, ms) => pause(ms),
};

const within = (limit, work) => {
  let timer;
  const hung = new Promise((resolve) => { timer = setTimeout(() => resolve({ hangs: true }), limit); });
  return Promise.race([work, hung]).finally(() => clearTimeout(timer));
};

const outcome = async (tap, [action, ...values]) => {
  try {
    const value = await ACTIONS[action](tap, ...values);
    return { value: plain(value?.then ? null : value) };
  } catch (error) {
    const code = refusal(error);
    return {
      error: error.code ?? error.name,
      message: String(error.message),
      ...(code === undefined ? {} : { code }),
      ...(error.packets ? { packets: error.packets } : {}),
    };
  }
};

async function run({ url, steps }) {
  const tap = new clients[CLIENT.new](url);
  const outcomes = [];
  try {
    await tap.connect();
    for (const step of steps) outcomes.push(await within(HANGS, outcome(tap, step)));
  } finally {
    tap.link.abandon();
  }
  return { outcomes };
}

let fault;
process.on('unhandledRejection', (error) => { fault ??= error; });

let current = Promise.resolve();
createInterface({ input: process.stdin }).on('line', (line) => {
  current = current.then(async () => {
    fault = undefined;
    let result;
    try {
      result = await run(JSON.parse(line));
    } catch (error) {
      result = { failure: error.stack };
    }
    if (fault) result.unhandled = `${fault.code ?? fault.name}: ${fault.message}`;
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });
}).on('close', () => current.then(() => process.exit()));
