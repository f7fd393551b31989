// Lets the vendor's clients talk to a Tap over TCP: raw APDUs, one write per request, one read per answer.
import { connect } from 'node:net';
import { from } from 'rxjs';
import { ConnectionState } from '@iotize/tap/bundles/iotize-tap-protocol-api.umd.js';
import { QueueComProtocol } from '@iotize/tap/bundles/iotize-tap-protocol-core.umd.js';

/** A TCP transport on the queue protocol of either generation of the vendor's client. */
export const overTcp = (Base) => class extends Base {
  #waiting;

  constructor(url) {
    super();
    const { hostname, port } = new URL(url);
    this.address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), noDelay: true };
  }

  _connect() {
    this.socket = connect(this.address);
    this.socket.on('data', (answer) => this.#waiting?.resolve(Uint8Array.from(answer)));
    this.socket.on('close', () => {
      this.setConnectionState(ConnectionState.DISCONNECTED);
      this.#waiting?.reject(new Error('the Tap closed the link'));
    });
    return from(new Promise((resolve, reject) => this.socket.once('connect', resolve).once('error', reject)));
  }

  _disconnect() {
    return from(new Promise((resolve) => this.socket.once('close', resolve).end()));
  }

  async write(request) {
    this.answer = new Promise((resolve, reject) => { this.#waiting = { resolve, reject }; });
    this.answer.catch(() => {}); // read() reports it
    this.socket.write(request);
  }

  read() {
    return this.answer;
  }
};

export class TcpProtocol extends overTcp(QueueComProtocol) {}
