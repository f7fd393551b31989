// A session of the vendor's client over a broker, step by step: one JSON object per line in, one per line out.
import { createInterface } from 'node:readline';
import './stderr.mjs';
import { Tap } from '@iotize/tap';
import '@iotize/tap/bundles/iotize-tap-auth.umd.js';
import '@iotize/tap/bundles/iotize-tap-service-all.umd.js';
import '@iotize/tap/bundles/iotize-tap-ext-all.umd.js';
import { MqttTransport, RawMqttTransport } from './mqtt.mjs';
import { recorded } from './recording.mjs';

const transports = { relay: MqttTransport, raw: RawMqttTransport };
const PATIENCE = { timeout: 10_000 }; // a busy machine is no fault of the Tap
let link;
let tap;

const keys = () => {
  const { sessionKey, ivEncode, ivDecode } = tap.encryption.getEncryptionOptions().keys;
  return { key: sessionKey, ivEncode, ivDecode };
};

const steps = {
  async open({ url, form }) {
    link = new (recorded(transports[form]))(url, keys);
    link.options = { connect: PATIENCE, disconnect: PATIENCE, send: PATIENCE };
    tap = Tap.fromProtocol(link);
    await tap.connect();
  },

  login({ username, password }) {
    return tap.auth.login({ username, password });
  },

  logout() {
    return tap.auth.logout();
  },

  async period({ requests }) {
    tap.encryption.setInitializationVectorRefreshPeriod(requests);
    await tap.encryption.start();
  },

  /** Asks several times; answers what was answered, and how the requests travelled. */
  async ask({ times }) {
    const answers = [];
    const exchanges = await link.during(async () => {
      for (let count = 0; count < times; count += 1) {
        answers.push((await tap.service.device.getSerialNumber()).body());
      }
      answers.push((await tap.service.interface.getCurrentGroupId()).body());
    });
    link.verify();
    return { answers, exchanges: exchanges.map(String) };
  },

  /** Waits until mqtt.js has lost its broker, or has found it again and subscribed. */
  reconnected({ yes }) {
    if (link.mqttClient.connected === yes) return undefined;
    return new Promise((resolve) => { link.mqttClient.once(yes ? 'connect' : 'close', () => setImmediate(resolve)); });
  },

  close() {
    return tap.disconnect();
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { step, ...details } = JSON.parse(line);
  const answer = await Promise.resolve(steps[step](details)).then(
    (result) => ({ result: step === 'ask' ? result : null }),
    (error) => ({ error: error.stack }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}).on('close', () => process.exit()); // timers of the client would keep it alive
