// What is under way between a client and a broker, as its two ends see it: so that it is known what a cut has hit.
//
// Both ends of a line are watched: what the client gives to its WebSocket and gets from it, and what the broker does. Packets
// keep their order, so those of a direction that were sent and have not come out at the other end when all is over are lost. A
// cut has hit a stage of an exchange, as PUBREC at QoS 2, when such a packet was sent before the line had ended (what one side
// says into a line that is dead does not count) and is lost. Each stage counts once for a cut, however many packets were lost.
import { WebSocket } from "ws";
import { PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL } from "../web/fake-broker.mjs";
import { splitter } from "./wire.mjs";

const ANSWERS = { [PUBACK]: "QoS 1 PUBACK", [PUBREC]: "QoS 2 PUBREC", [PUBREL]: "QoS 2 PUBREL", [PUBCOMP]: "QoS 2 PUBCOMP" };
const BY_SENDER = new Set([PUBLISH, PUBREL]); // the others are sent by who receives the message

/** All stages: of messages from the client ("out") and to it ("in"). */
export const STAGES = ["out", "in"].flatMap((way) =>
  ["QoS 1 PUBLISH", "QoS 1 PUBACK", "QoS 2 PUBLISH", "QoS 2 PUBREC", "QoS 2 PUBREL", "QoS 2 PUBCOMP"].map((stage) => `${way} ${stage}`));

/** The stage of a packet by its first byte; undefined for what is of no exchange. */
function stageOf(first, fromClient) {
  const type = first >> 4;
  const qos = (first >> 1) & 3;
  const stage = type === PUBLISH ? qos > 0 && `QoS ${qos} PUBLISH` : ANSWERS[type];
  return stage && `${fromClient === BY_SENDER.has(type) ? "out" : "in"} ${stage}`;
}

/** Packets in one direction of a line. */
class Way {
  sent = [];
  received = 0;
  alive; // how many were sent before the line, that was broken, had ended

  end() {
    this.alive ??= this.sent.length;
  }

  get lost() {
    return this.alive === undefined ? [] : this.sent.slice(this.received, this.alive);
  }
}

export class Lines {
  #lines = [];

  /** The next URL of the proxy: each line has a number. */
  url(port) {
    return `ws://127.0.0.1:${port}/${this.#lines.push({ up: new Way(), down: new Way() }) - 1}`;
  }

  #line(path) {
    return this.#lines[Number(path.slice(1))];
  }

  /** For the broker. */
  watch(path) {
    const { up, down } = this.#line(path);
    return { received: () => up.received++, sent: (first) => down.sent.push(stageOf(first, false)) };
  }

  /** For the client. */
  get WebSocket() {
    const lines = this;
    return class extends WebSocket {
      #up;
      #split = splitter();

      constructor(url, protocols) {
        super(url, protocols);
        const { up, down } = lines.#line(new URL(url).pathname);
        this.#up = up;
        const split = splitter();
        this.on("message", (bytes) => (down.received += split(bytes).length));
      }

      send(bytes, ...more) {
        for (const { first } of this.#split(bytes)) this.#up.sent.push(stageOf(first, true));
        super.send(bytes, ...more);
      }
    };
  }

  /** For the proxy: the line with this HTTP request was broken, and has ended. */
  ended(request) {
    const path = /^GET (\/\d+) /.exec(request)?.[1];
    if (path === undefined) return; // the request has not come through
    const { up, down } = this.#line(path);
    up.end();
    down.end();
  }

  /** How many lines have lost something of each stage; to be asked when all is over. */
  count() {
    const figures = Object.fromEntries(STAGES.map((stage) => [stage, 0]));
    for (const { up, down } of this.#lines) {
      for (const stage of new Set([...up.lost, ...down.lost])) if (stage) figures[stage]++;
    }
    return figures;
  }
}
