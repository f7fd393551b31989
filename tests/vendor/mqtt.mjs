// The vendor's own MQTT transports as they are published, made from the URL of a link as the Tap prints it.
import { connect } from 'mqtt';
import { MqttProtocol } from '@iotize/device-com-mqtt.js';
import {
  DEFAULT_NET_KEY, MqttRelayProtocol, TopicBuilder, createClientMQTTRelayProtocol,
} from '@iotize/device-com-mqtt.js/bundles/iotize-device-com-mqtt.js-tap-cloud.umd.js';

// mqtt 3 hands no packet to the callback of a publish at QoS 0, and the transport complains of that each time.
const { warn } = console;
console.warn = (text, ...more) => (/packet must not be undefined/.test(text) ? undefined : warn(text, ...more));

const parse = (text) => {
  const url = new URL(text);
  const given = Object.fromEntries(url.searchParams);
  return {
    serialNumber: given.serial,
    netkey: given.netkey ?? DEFAULT_NET_KEY,
    broker: {
      url: `${url.protocol}//${url.host}`,
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    },
  };
};

/** What the tests need of either transport and the vendor left out. */
const handy = (Base) => class extends Base {
  get options() {
    return super.options;
  }

  /** Time limits, as those of every other transport; broker and topics stay. */
  set options(limits) {
    Object.assign(this._options, limits);
  }

  abandon() {
    this.mqttClient?.end(true);
  }
};

/** The relay: what `createClientMQTTRelayProtocol` makes, as a class. */
export class MqttTransport extends handy(MqttRelayProtocol) {
  constructor(url) {
    super(connect, createClientMQTTRelayProtocol({ connect, ...parse(url) }).options);
  }
}

/** The generic transport, which sends APDUs as they are, with the topics of the relay. */
export class RawMqttTransport extends handy(MqttProtocol) {
  constructor(text) {
    const { serialNumber, netkey, broker } = parse(text);
    const topic = (name) => TopicBuilder.buildMessageTopic(serialNumber, netkey, name);
    const read = topic(TopicBuilder.SUBTOPIC_ANSWER);
    super(connect, {
      mqttBroker: { url: broker.url },
      mqttClient: { clientId: `${serialNumber}_${Math.round(Math.random() * 10000)}` },
      mqttTopics: { read, write: topic(TopicBuilder.SUBTOPIC_COMMAND), subscribe: [read] },
    });
    if (broker.password) this.setCredentials(broker);
  }
}
