// The vendor's WebSocket transport as it is published. The WebSocket that it finds in a browser comes from `ws` here:
// that of newer Node versions gives Blobs, which the transport reads with something that only browsers have.
import { EventEmitter } from 'node:events';
import { WebSocketProtocol } from '@iotize/device-com-websocket.js';
import WebSocket from 'ws';

globalThis.WebSocket = WebSocket;

/** Watches what goes to and fro, for those who count it: `data` is a message, bytes are those inside messages. */
class Watcher extends EventEmitter {
  bytesRead = 0;
  bytesWritten = 0;

  watch(webSocket) {
    this.destroy = () => webSocket.terminate();
    webSocket.on('close', () => this.emit('close'));
    webSocket.on('message', (message) => {
      this.bytesRead += message.length;
      this.emit('data', message);
    });
  }

  destroy() {}
}

export class WebSocketTransport extends WebSocketProtocol {
  constructor(url) {
    super({ url });
  }

  _connect(options) {
    this.socket = new Watcher();
    return super._connect(options);
  }

  _createSocket(emitter) {
    super._createSocket(emitter);
    this.socket.watch(this.ws);
  }

  write(request) {
    this.socket.bytesWritten += request.length;
    return super.write(request);
  }
}
