// Lets the vendor's clients talk to a Tap over a serial line: a pseudo terminal, or one on the network (RFC 2217).
import { EventEmitter, once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { ReadStream } from 'node:tty';
import { from } from 'rxjs';
import { ConnectionState } from '@iotize/tap/bundles/iotize-tap-protocol-api.umd.js';
import { QueueComProtocol } from '@iotize/tap/bundles/iotize-tap-protocol-core.umd.js';

const SILENCE = 3; // ms behind what looks like the end of an answer: the same bytes may be in its middle

/** A line over which answers come in pieces; `data` is a whole answer, and `close` the end of the line. */
class Line extends EventEmitter {
  bytesRead = 0;
  bytesWritten = 0;
  #received = Buffer.alloc(0);
  #timer;

  received(piece) {
    clearTimeout(this.#timer);
    this.bytesRead += piece.length;
    this.#received = Buffer.concat([this.#received, piece]);
    const end = this.#received.subarray(-2).toString('hex');
    if (end !== '9000' && !(this.#received.length === 2 && end.startsWith('6'))) return;
    this.#timer = setTimeout(() => {
      const answer = this.#received;
      this.#received = Buffer.alloc(0);
      this.emit('data', answer);
    }, SILENCE);
  }

  write(request) {
    this.bytesWritten += request.length;
    this.send(Buffer.from(request));
  }
}

/** A device node, opened and closed as any program does. */
class DeviceLine extends Line {
  constructor(path) {
    super();
    this.descriptor = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    this.stream = new ReadStream(this.descriptor);
    this.stream.on('data', (piece) => this.received(piece));
    this.stream.on('error', () => this.destroy()); // a terminal whose other end is gone says so with EIO
    this.stream.on('end', () => this.destroy());
  }

  async opened() {}

  send(data) {
    if (this.descriptor === undefined || !data.length) return;
    let sent = 0;
    try {
      sent = writeSync(this.descriptor, data);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // the line is full, or is being flushed
    }
    if (sent < data.length) setTimeout(() => this.send(data.subarray(sent)), 1);
  }

  destroy() {
    if (this.descriptor === undefined) return;
    this.stream.destroy();
    closeSync(this.descriptor); // the stream has one of its own
    this.descriptor = undefined;
    setImmediate(() => this.emit('close'));
  }
}

const [SE, SB, WILL, WONT, DO, DONT, IAC] = [240, 250, 251, 252, 253, 254, 255];
const [BINARY, SUPPRESS_GO_AHEAD, COM_PORT] = [0, 3, 44];
const OPTIONS = [BINARY, SUPPRESS_GO_AHEAD, COM_PORT];
const SET_BAUDRATE = 1;
const FROM_SERVER = 100;

/** A serial port on the network. */
class NetworkLine extends Line {
  #state = (byte) => this.#data(byte);
  #piece = [];
  #option = [];

  constructor({ hostname, port, searchParams }) {
    super();
    this.baudrate = Number(searchParams.get('baudrate') ?? 115200);
    this.stream = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), noDelay: true });
    this.stream.on('data', (segment) => {
      for (const byte of segment) this.#state(byte);
      const piece = Buffer.from(this.#piece.splice(0));
      if (piece.length) this.received(piece);
    });
    this.stream.on('error', (error) => this.emit('refused', error));
    this.stream.on('close', () => this.emit('close'));
  }

  /** Resolves when the port has taken the baud rate. */
  async opened() {
    const refused = once(this, 'refused').then(([error]) => { throw error; });
    const set = once(this, `option ${SET_BAUDRATE + FROM_SERVER}`);
    await Promise.race([once(this.stream, 'connect'), refused]);
    for (const option of OPTIONS) this.stream.write(Buffer.from([IAC, WILL, option, IAC, DO, option]));
    const rate = Buffer.alloc(4);
    rate.writeUInt32BE(this.baudrate);
    this.stream.write(Buffer.concat([Buffer.from([IAC, SB, COM_PORT, SET_BAUDRATE]), escaped(rate), Buffer.from([IAC, SE])]));
    await Promise.race([set, refused]);
  }

  send(data) {
    this.stream.write(escaped(data));
  }

  destroy() {
    this.stream.destroy();
  }

  #data(byte) {
    if (byte === IAC) this.#state = this.#command;
    else this.#piece.push(byte);
  }

  #command(byte) {
    this.#state = this.#data;
    if (byte === IAC) this.#piece.push(byte);
    else if (byte === SB) this.#state = this.#suboption;
    else if (byte >= WILL) this.#state = (option) => this.#negotiate(byte, option);
  }

  #negotiate(verb, option) {
    this.#state = this.#data; // what is offered at the start needs no answer
    const refusal = { [WILL]: DONT, [DO]: WONT }[verb];
    if (refusal && !OPTIONS.includes(option)) this.stream.write(Buffer.from([IAC, refusal, option]));
  }

  #suboption(byte) {
    if (byte === IAC) this.#state = this.#suboptionCommand;
    else this.#option.push(byte);
  }

  #suboptionCommand(byte) {
    this.#state = byte === SE ? this.#data : this.#suboption;
    if (byte === IAC) this.#option.push(byte);
    if (byte === SE) this.emit(`option ${this.#option.splice(0)[1]}`);
  }
}

const escaped = (data) => Buffer.from([...data].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));

/** A transport on the queue protocol of either generation of the vendor's client. */
const overLine = (Base, open) => class extends Base {
  #waiting;

  constructor(url) {
    super();
    this.url = url;
  }

  _connect() {
    this.socket = open(this.url);
    this.socket.on('data', (answer) => this.#waiting?.resolve(Uint8Array.from(answer)));
    this.socket.on('close', () => {
      this.setConnectionState(ConnectionState.DISCONNECTED);
      this.#waiting?.reject(new Error('the line is gone'));
    });
    return from(this.socket.opened());
  }

  _disconnect() {
    return from(new Promise((resolve) => this.socket.once('close', resolve).destroy()));
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

export const overSerial = (Base) => overLine(Base, (url) => new DeviceLine(url.replace(/^(pty|serial):/, '').replace(/\?.*/, '')));
export const overRfc2217 = (Base) => overLine(Base, (url) => new NetworkLine(new URL(url)));

export class SerialProtocol extends overSerial(QueueComProtocol) {}
export class Rfc2217Protocol extends overRfc2217(QueueComProtocol) {}
