// Both generations of the vendor's client behind the few names that the tests use. Nothing of the clients is replaced.
import assert from 'node:assert/strict';
import { Tap } from '@iotize/tap';
import '@iotize/tap/bundles/iotize-tap-auth.umd.js';
import '@iotize/tap/bundles/iotize-tap-service-all.umd.js';
import '@iotize/tap/bundles/iotize-tap-ext-all.umd.js';
import { Device, Protocol } from '@iotize/device-client.js/index.js';
import '@iotize/device-client.js/ext/datalogger.js';
import '@iotize/device-client.js/ext/keep-alive.js';
import { transports, transportsOver } from './transports.mjs';
import { recorded } from './recording.mjs';
import { until } from './waiting.mjs';

/** The transport of a link, which keeps what crosses it. */
const recordedTransport = (kinds, url) => recorded(kinds[new URL(url).protocol]);

class Client {
  /** Undoes what instances leave behind in the module. */
  static reset() {}

  connect() {
    return this.tap.connect();
  }

  disconnect() {
    return this.tap.disconnect();
  }

  get isConnected() {
    return this.tap.isConnected();
  }

  /** Resolves when the link is closed. */
  closed() {
    return until(() => assert.ok(!this.isConnected, 'the link is still open'), { seconds: 2, interval: 5 });
  }

  get service() {
    return this.tap.service;
  }

  get exchanges() {
    return this.link.exchanges;
  }

  /** The exchanges that an action causes. */
  during(action) {
    return this.link.during(action);
  }

  logout() {
    return this.auth.logout();
  }

  changePassword(password, groupId) {
    return this.auth.changePassword(password, groupId);
  }

  nfcPairing() {
    return this.tap.nfcPairing();
  }

  /** Any GET, below the services; answers the result code. */
  async status(path, body) {
    return statusOf(await this.tap.lwm2m.get(path, body));
  }

  async serialNumber() {
    return (await this.service.device.getSerialNumber()).body();
  }

  async groupId() {
    return (await this.service.interface.getCurrentGroupId()).body();
  }
}

class NewClient extends Client {
  static label = '@iotize/tap 2.7.0';
  generation = 'new';

  constructor(url) {
    super();
    this.link = new (recordedTransport(transports, url))(url, () => this.keys);
    this.tap = Tap.fromProtocol(this.link);
  }

  /** The services by name; each has its calls as `resources`. */
  get services() {
    return this.service.servicesMap();
  }

  get auth() {
    return this.tap.auth;
  }

  get keys() {
    const { sessionKey, ivEncode, ivDecode } = this.tap.encryption.getEncryptionOptions().keys;
    return { key: sessionKey, ivEncode, ivDecode };
  }

  login(username, password) {
    return this.auth.login({ username, password });
  }

  startEncryption() {
    return this.tap.encryption.start();
  }

  startEncryptionWithIvs() {
    return this.tap.encryption.start(); // exchanges IVs by itself, unless the period is 0
  }

  async pauseEncryption() {
    this.tap.encryption.pause();
  }

  async resumeEncryption() {
    this.tap.encryption.resume();
  }

  renewKey() {
    return this.tap.encryption.start();
  }

  /** What a program does after the Tap has lost its side of the session. */
  async forgetSession() {
    this.tap.encryption.stop();
    this.auth.clearCache();
  }

  setIvPeriod(period) {
    this.tap.encryption.setInitializationVectorRefreshPeriod(period);
  }

  exchangeIvs() {
    return this.tap.encryption.refreshEncryptionInitializationVector();
  }

  multiRequest(calls, expected) {
    return this.service.interface.executeMultipleCalls(calls, expected);
  }

  get unknownCall() {
    return { method: 1, path: '/1024//999' };
  }
}

const { INITIAL_SESSION_STATE } = Device.IoTizeDevice;
const pristineState = { ...INITIAL_SESSION_STATE };
const oldTransports = transportsOver(Protocol.Impl.QueueComProtocol);

class OldClient extends Client {
  static label = '@iotize/device-client.js 0.0.1-alpha.105';
  generation = 'old';

  /** All instances change this one object, so the next one would believe that it is logged in. */
  static reset() {
    Object.assign(INITIAL_SESSION_STATE, pristineState);
  }

  constructor(url) {
    super();
    this.link = new (recordedTransport(oldTransports, url))(url, () => this.keys);
    this.tap = Device.Tap.fromProtocol(this.link);
  }

  get services() {
    const names = Object.keys(this.service).map((name) => name.slice(1)); // they are kept with an underscore
    return Object.fromEntries(names.map((name) => [name, this.service[name]]));
  }

  get auth() {
    return this.tap;
  }

  get keys() {
    return { ...this.tap._scramInterceptor._options._encryptionOption };
  }

  login(username, password) {
    return this.tap.login(username, password);
  }

  startEncryption() {
    return this.tap.encryption(true);
  }

  startEncryptionWithIvs() {
    return this.tap.encryption(true, false, true);
  }

  pauseEncryption() {
    return this.tap.encryption(false);
  }

  resumeEncryption() {
    return this.tap.encryption(true);
  }

  renewKey() {
    return this.tap.encryption(true, true);
  }

  forgetSession() {
    return this.tap.encryption(false, true);
  }

  setIvPeriod(period) {
    this.tap.setInitializationVectorRefreshPeriod(period);
  }

  exchangeIvs() {
    return this.tap.refreshEncryptionInitializationVector();
  }

  multiRequest(calls, expected) {
    return this.tap.multiRequests(calls, expected);
  }

  get unknownCall() {
    return { methodType: 'GET', path: '/1024//999' };
  }
}

export const CLIENT = { new: '2.7.0', old: 'alpha.105' };

export const clients = { [CLIENT.new]: NewClient, [CLIENT.old]: OldClient };

export const statusOf = (response) => response.codeRet();

/** The result code behind an error of either client. */
export function refusal(error) {
  for (let cause = error; cause; cause = cause.cause) if (cause.response) return statusOf(cause.response);
  return undefined;
}
