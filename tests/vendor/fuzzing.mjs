// One of the vendor's clients as a client to be fuzzed: `tap-emulator fuzz client --persistent --client "node fuzzing.mjs
// 2.7.0"`. It does what an app does, once for each line that it reads, and tells what it has read and what went wrong.
import { createInterface } from 'node:readline';
import './stderr.mjs';
import './hashing.mjs';
import { CLIENT, clients } from './clients.mjs';

const [version = CLIENT.new, ...only] = process.argv.slice(2);
const ANSWER = 10_000; // ms that one call may take, a login in JavaScript on a busy machine too; the limit for an answer is 500

const PATIENCE = 3; // errors after which the app gives up

const BUNDLE = 2;
const VARIABLE = 1;
const ADMIN = 65535;

/** What both generations read, by the names of the emulator's resource table. */
const SHARED = [
  ['interface.get_app_name', ({ interface: it }) => it.getAppName()],
  ['interface.get_current_group_id', ({ interface: it }) => it.getCurrentGroupId()],
  ['interface.get_current_profile_id', ({ interface: it }) => it.getCurrentProfileId()],
  ['interface.get_current_host_protocol', ({ interface: it }) => it.getCurrentHostProtocol()],
  ['interface.get_host_inactivity_period', ({ interface: it }) => it.getHostInactivityPeriod()],
  ['device.get_serial_number', ({ device }) => device.getSerialNumber()],
  ['device.get_firmware_version', ({ device }) => device.getFirmwareVersion()],
  ['device.get_memory_free', ({ device }) => device.getMemoryFree()],
  [`group.get_session_lifetime/${ADMIN}`, ({ group }) => group.getSessionLifetime(ADMIN)],
  [`group.get_name/${ADMIN}`, ({ group }) => group.getName(ADMIN)],
  [`bundle.get_name/${BUNDLE}`, ({ bundle }) => bundle.getName(BUNDLE)],
  [`bundle.get_values/${BUNDLE}`, ({ bundle }) => bundle.getValues(BUNDLE)],
  [`variable.get_type/${VARIABLE}`, ({ variable }) => variable.getType(VARIABLE)],
  [`variable.get_number_of_elements/${VARIABLE}`, ({ variable }) => variable.getNumberOfElements(VARIABLE)],
  [`variable.get_value/${VARIABLE}`, ({ variable }) => variable.getValue(VARIABLE)],
  ['target.get_protocol', ({ target }) => target.getProtocol()],
  ['target.get_core_type', ({ target }) => target.getCoreType()],
  ['target.get_vcc', ({ target }) => target.getVcc()],
  ['scram.get_hash_iteration', ({ scram }) => scram.getHashIteration()],
  ['single_packet.get_info', ({ singlePacket }) => singlePacket.getInfo()],
];

const OWN = {
  [CLIENT.new]: [
    ['interface.get_security_options', ({ interface: it }) => it.getSecurityOptions()],
    ['interface.get_config_version', ({ interface: it }) => it.getConfigVersion()],
    ['interface.get_current_host_protocol_max_frame_size', ({ interface: it }) => it.getCurrentHostProtocolMaxFrameSize()],
    [`variable.get_meta/${VARIABLE}`, ({ variable }) => variable.getMeta(VARIABLE)],
    ['data_log.get_packet_count', ({ dataLog }) => dataLog.getPacketCount()],
    ['data_log.get_options', ({ dataLog }) => dataLog.getOptions()],
    ['wifi.get_ssid', ({ wifi }) => wifi.getSSID()],
    ['time.get_local_time', ({ time }) => time.getLocalTime()],
  ],
  [CLIENT.old]: [
    ['interface.get_security_options', ({ interface: it }) => it.getLock()],
    ['data_log.get_packet_count', ({ datalog }) => datalog.getPacketCount()],
    ['data_log.get_options', ({ datalog }) => datalog.getOptions()],
    ['wifi.get_ssid', ({ interface: it }) => it.getWifiSSID()],
  ],
};

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** A value of the client as JSON: bytes in hex, whatever holds them. */
const plain = (value) => JSON.parse(JSON.stringify(value ?? null, (_, part) => {
  if (part instanceof Uint8Array) return `hex:${Buffer.from(part).toString('hex')}`;
  if (part?.type === 'Buffer' && Array.isArray(part.data)) return `hex:${Buffer.from(part.data).toString('hex')}`;
  return typeof part === 'bigint' ? String(part) : part;
}));

const within = (work) => {
  let timer;
  const hung = new Promise((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('the call neither ended nor failed'), { hung: true })), ANSWER);
  });
  return Promise.race([work, hung]).finally(() => clearTimeout(timer));
};

let fault;
process.on('unhandledRejection', (error) => { fault ??= error; });

const described = (error) => `${error?.code ?? error?.name ?? typeof error}: ${error?.message ?? error}`.slice(0, 300);

/** Does one thing, and tells of its error, which is one that an app can handle. */
async function attempt(errors, name, action) {
  try {
    return await within(action());
  } catch (error) {
    if (error?.hung) await new Promise(() => {}); // whoever watches sees that nothing happens any more
    errors.push(`${name}: ${described(error)}`);
    return undefined;
  }
}

async function readAll(tap, errors) {
  const read = async (name, call) => {
    if (!tap.isConnected || errors.length >= PATIENCE) return;
    const value = await attempt(errors, name, async () => plain(await call()));
    if (value !== undefined) tell({ read: name, value });
  };
  for (const [name, call] of [...SHARED, ...OWN[version]]) {
    if (!only.length || only.includes(name)) await read(name, async () => (await call(tap.services)).body());
  }
  await attempt(errors, 'ivs', () => tap.exchangeIvs());
  await read('device.get_serial_number', () => tap.serialNumber());
  await attempt(errors, 'logout', () => tap.logout());
}

async function turn({ url }) {
  fault = undefined;
  const errors = [];
  const Client = clients[version];
  Client.reset();
  const tap = new Client(url);
  try {
    await attempt(errors, 'connect', () => tap.connect());
    if (!errors.length) await attempt(errors, 'encryption', () => tap.startEncryptionWithIvs());
    if (!errors.length) await attempt(errors, 'login', () => tap.login('admin', 'admin'));
    if (!errors.length) await readAll(tap, errors);
  } finally {
    tap.link.abandon();
  }
  await new Promise(setImmediate);
  if (fault) return { unhandled: fault.stack?.split('\n').slice(0, 4).join(' | ') ?? described(fault) };
  return errors.length ? { error: errors.slice(0, 5).join('; ') } : {};
}

if (process.env.FUZZ_ONCE) {
  tell(await turn({ url: process.env.FUZZ_ONCE }));
  process.exit();
}

let current = Promise.resolve();
createInterface({ input: process.stdin }).on('line', (line) => {
  current = current.then(async () => {
    let came;
    try {
      came = await turn(JSON.parse(line));
    } catch (error) {
      came = { unhandled: error?.stack ?? String(error) };
    }
    tell({ done: true, ...came });
  });
}).on('close', () => current.then(() => process.exit()));
