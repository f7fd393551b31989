// Runs cases on request: one JSON object per line in, one per line out. A process that has loaded the clients is worth
// keeping, and each case has connections of its own.
import { createInterface } from 'node:readline';
import { readdir } from 'node:fs/promises';
import './stderr.mjs';
import './hashing.mjs';
import { clients } from './clients.mjs';

const TIME_LIMIT = 30_000;
const PATIENCE = { timeout: 5_000 }; // a busy machine is no fault of the Tap; the clients' own limits are 0.5 and 1 s

const folder = new URL('cases/', import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith('.mjs'));
const modules = await Promise.all(files.map((name) => import(new URL(name, folder))));
const cases = Object.assign({}, ...modules);

async function run({ name, client, url, ...context }) {
  const opened = [];
  clients[client].reset();
  const openAnother = async (other = url) => {
    const tap = new clients[client](other);
    tap.link.options = { connect: PATIENCE, disconnect: PATIENCE, send: PATIENCE };
    opened.push(tap);
    await tap.connect();
    return tap;
  };
  try {
    const observed = await within(TIME_LIMIT, cases[name]({ ...context, client, openAnother, tap: await openAnother() }));
    opened.forEach(({ link }) => link.verify());
    return { exchanges: opened.reduce((sum, tap) => sum + tap.exchanges.length, 0), observed };
  } catch (error) {
    return { error: [error.stack, ...opened.map(transcript)].join('\n\n') };
  } finally {
    opened.forEach(({ link }) => link.abandon());
  }
}

function within(limit, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${limit} ms`)), limit);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const transcript = ({ exchanges }) => exchanges
  .map(({ sent, received }) => `-> ${sent.toString('hex')}\n<- ${received.toString('hex')}`).slice(-12).join('\n');

let current = Promise.resolve();
let fault;
process.on('unhandledRejection', (error) => { fault ??= error; });

createInterface({ input: process.stdin }).on('line', (line) => {
  current = current.then(async () => {
    const request = JSON.parse(line);
    fault = undefined;
    const result = request.name ? await run(request) : { cases: Object.keys(cases) };
    if (fault) result.error ??= `unhandled rejection: ${fault.stack}`;
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });
}).on('close', () => current.then(() => process.exit())); // timers of the clients would keep it alive
