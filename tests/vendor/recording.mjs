// Keeps every APDU that a client sent and every answer it received: as they crossed the socket, where the transport is
// ours, and as the vendor's own transport gave them otherwise.
import assert from 'node:assert/strict';
import { openFrame } from './crypto.mjs';

const METHODS = { 1: 'GET', 2: 'POST', 3: 'PUT' };
const REQUEST_HEADER = 7;
const IV = 16;
const ANY_INSTANCE = 0xffff;
const OUTER = { 'GET /1024//48': 'encrypted', 'GET /1024//44': 'encrypted with IV' };
const hex = (bytes) => Buffer.from(bytes).toString('hex');

const parseRequest = (frame) => {
  const [object, instance, resource] = [1, 3, 5].map((at) => frame.readUInt16BE(at));
  return {
    call: `${METHODS[frame[0]]} /${object}/${instance === ANY_INSTANCE ? '' : instance}/${resource}`,
    body: frame.subarray(REQUEST_HEADER),
  };
};
const parseAnswer = (apdu) => ({ code: apdu[0], body: apdu.subarray(1, -2), status: hex(apdu.subarray(-2)) });

/** One request and what came back. */
export class Exchange {
  chunks = [];

  /** @param keys session key and IVs of the client when it sent the request */
  constructor(sent, keys) {
    this.sent = Buffer.from(sent);
    this.keys = keys;
    this.isTapRequest = this.sent[0] === 0xa2;
    this.outer = this.isTapRequest ? parseRequest(this.sent.subarray(5)) : { call: hex(this.sent), body: Buffer.alloc(0) };
    this.offeredCarrier = (keys.key && OUTER[this.outer.call]) ?? 'clear';
  }

  get received() {
    return Buffer.concat(this.chunks);
  }

  /** How the request travelled; a carrier that the Tap refuses is itself a clear request. */
  get carrier() {
    return this.#outerAnswer.code & 0x80 ? 'clear' : this.offeredCarrier;
  }

  get isClear() {
    return this.carrier === 'clear';
  }

  /** IVs under which request and answer went. */
  get ivs() {
    if (this.carrier !== 'encrypted with IV') return { request: this.keys.ivEncode, answer: this.keys.ivDecode };
    return { request: this.outer.body.subarray(0, IV), answer: this.#outerAnswer.body.subarray(0, IV) };
  }

  get requestFrame() {
    return openFrame(this.keys.key, this.ivs.request, this.#ciphertext(this.outer.body));
  }

  get answerFrame() {
    return openFrame(this.keys.key, this.ivs.answer, this.#ciphertext(this.#outerAnswer.body));
  }

  /** The clear request, for example `GET /3//2`. */
  get call() {
    return this.request.call;
  }

  get request() {
    return this.isClear ? this.outer : parseRequest(this.requestFrame.payload);
  }

  /** The clear answer: result code and body. */
  get answer() {
    return this.isClear ? this.#outerAnswer : parseAnswer(this.answerFrame.payload);
  }

  /** Holds for every exchange of every test, since the clients themselves do not check it. */
  verify() {
    assert.equal(this.chunks.length, 1, `${this} was answered in ${this.chunks.length} pieces`);
    assert.equal(hex(this.received.subarray(-2)), '9000', `status word of ${this}`);
    if (this.isClear) return;
    assert.equal(this.#outerAnswer.code, 0, `outer result code of ${this}`);
    assert.ok(this.requestFrame.intact, `CRC of the request ${this}`);
    assert.ok(this.answerFrame.intact, `CRC of the answer to ${this}`);
    assert.equal(this.answerFrame.id, this.requestFrame.id, `frame id of the answer to ${this}`);
    assert.equal(this.answer.status, '9000', `inner status word of the answer to ${this}`);
  }

  toString() {
    return this.isClear ? this.call : `${this.carrier} ${this.call}`;
  }

  get #outerAnswer() {
    return parseAnswer(this.received);
  }

  #ciphertext(body) {
    return this.carrier === 'encrypted with IV' ? body.subarray(IV) : body;
  }
}

/** A protocol that records, made from one that does not. */
export const recorded = (Protocol) => class extends Protocol {
  exchanges = [];
  sockets = [];
  #keys = {};

  /** @param currentKeys session key and IVs that the client has now */
  constructor(url, currentKeys) {
    super(url);
    this.currentKeys = currentKeys;
  }

  _connect(options) {
    const connected = super._connect(options);
    if (this.socket) {
      this.sockets.push(this.socket);
      this.socket.on('data', (chunk) => this.exchanges.at(-1).chunks.push(chunk));
    }
    return connected;
  }

  write(request, ...how) {
    const keys = this.currentKeys();
    if (keys.key) this.#keys = keys; // a client may forget its key between encrypting and sending
    this.exchanges.push(new Exchange(request, this.#keys));
    return super.write(request, ...how);
  }

  async read(options) {
    const answer = await super.read(options);
    if (!this.socket) this.exchanges.at(-1).chunks.push(Buffer.from(answer));
    return answer;
  }

  /** Ends whatever is still open, without a word. */
  abandon() {
    this.sockets.forEach((socket) => socket.destroy());
    super.abandon?.();
  }

  /** The exchanges that an action causes. */
  async during(action) {
    const before = this.exchanges.length;
    await action();
    return this.exchanges.slice(before);
  }

  verify() {
    this.exchanges.forEach((exchange) => exchange.verify());
    if (!this.sockets.length) return;
    const total = (sizes) => sizes.reduce((sum, size) => sum + size, 0);
    assert.equal(total(this.exchanges.map(({ sent }) => sent.length)), total(this.sockets.map((s) => s.bytesWritten)));
    assert.equal(total(this.exchanges.map(({ received }) => received.length)), total(this.sockets.map((s) => s.bytesRead)));
  }
};
