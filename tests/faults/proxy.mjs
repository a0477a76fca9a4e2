// Lines that break: a TCP proxy, below WebSocket and MQTT, that has a plan for each connection.
//
// A plan is
//   direction, after   the line breaks when this many bytes have passed in this direction, "up" (from the client) or "down";
//                      without `after` it holds
//   kind, time         how:  "end"      both sides see the end
//                            "reset"    both sides see a reset
//                            "half"     the receiver sees the end, the sender nothing for `time` ms
//                            "silent"   nothing passes in this direction any more, for `time` ms, then both sides see the end
//                            "held"     nothing passes for `time` ms, then it is lost with the line
//                            "belated"  nothing passes for `time` ms, then all of it, and the end
//   up, down           how bytes pass before: "whole", "bytes" (one by one, unless they are very many), "late" (by some ms), or
//                      "joined" (those of some ms)
import { connect, createServer } from "node:net";

const LATE = 3; // ms
const MOST = 2000; // pieces of what has come together
const WHOLE = { up: "whole", down: "whole" };
// A client that has given up must not be heard to connect when it is back on another line: it would take its own session
// (5.0 §3.1.4). Behind as many bytes its CONNECT has passed.
const CONNECTED = 1000;

/** Breaks each line somewhere; `span`: how many bytes most of them have before, at most. */
export function drawPlan(random, span) {
  const where = random.next();
  // Within the upgrade to WebSocket; near CONNECT and what follows; anywhere.
  const after = where < 0.06 ? random.below(250) : where < 0.16 ? 150 + random.below(350) : 200 + random.below(span);
  const shape = () => (random.chance(0.7) ? "whole" : random.of(["bytes", "late", "joined"]));
  return {
    direction: random.of(["up", "down"]),
    after,
    kind: random.of(["end", "end", "reset", "reset", "half", "silent", "held", "belated"]),
    time: 1 + random.below(random.chance(0.9) ? 12 : 80),
    up: shape(),
    down: shape(),
  };
}

/** One direction of a line. */
class Pipe {
  passed = 0;
  /** "flows", "holds" bytes back, or "swallows" them. */
  state = "flows";
  #link;
  #to;
  #shape;
  #limit;
  #pieces = []; // on their way, in their order
  #held = [];
  #moving = false;
  #finished = false;

  constructor(link, from, to, shape, limit) {
    this.#link = link;
    this.#to = to;
    this.#shape = shape;
    this.#limit = limit;
    from.on("data", (bytes) => this.#take(bytes));
    from.on("end", () => this.#finish());
    from.on("close", () => this.#finish());
  }

  #take(bytes) {
    if (this.#shape === "whole") return this.#pass(bytes);
    const size = this.#shape === "bytes" ? Math.ceil(bytes.length / MOST) : bytes.length;
    for (let at = 0; at < bytes.length; at += size) this.#pieces.push(bytes.subarray(at, at + size));
    if (this.#shape === "late") this.#link.later(LATE, () => this.#next());
    else if (!this.#moving) this.#move();
  }

  #move() {
    this.#moving = true;
    if (this.#shape === "joined") return this.#link.later(LATE, () => this.#flush());
    const step = () => {
      this.#next();
      if (this.#pieces.length === 0) this.#moving = false;
      else if (!this.#link.over) setImmediate(step);
    };
    step();
  }

  #next() {
    if (this.#pieces.length > 0) this.#pass(this.#pieces.shift());
  }

  #flush() {
    this.#moving = false;
    if (this.#pieces.length > 0) this.#pass(Buffer.concat(this.#pieces.splice(0)));
  }

  #pass(bytes) {
    if (this.state === "swallows" || this.#link.over) return;
    if (this.state === "holds") return void this.#held.push(bytes);
    const room = this.#limit - this.passed;
    const now = bytes.length < room ? bytes : bytes.subarray(0, room);
    this.passed += now.length;
    if (now.length > 0) this.#to.write(now);
    if (bytes.length < room) return;
    this.#limit = Infinity;
    this.#link.break();
    if (bytes.length > now.length) this.#pass(bytes.subarray(now.length));
  }

  /** Who sends has ended: so does the other, unless the line is silent. */
  #finish() {
    if (this.#finished || this.#link.over) return;
    this.#finished = true;
    this.#flush();
    if (this.state === "flows") this.#to.end();
  }

  /** What was held back, and the end. */
  release() {
    this.state = "swallows";
    this.#to.end(Buffer.concat(this.#held));
  }
}

/** A connection: two sockets. */
class Link {
  over = false;
  broken = false;
  /** The first line of the client's HTTP request. */
  request = "";
  #proxy;
  #plan;
  #timers = new Set();

  constructor(proxy, client, port, plan) {
    this.#proxy = proxy;
    this.#plan = plan;
    this.client = client;
    this.server = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const { direction, after = Infinity } = plan;
    client.once("data", (bytes) => (this.request = bytes.toString("latin1").split("\r\n", 1)[0]));
    this.up = new Pipe(this, client, this.server, plan.up, direction === "up" ? after : Infinity);
    this.down = new Pipe(this, this.server, client, plan.down, direction === "down" ? after : Infinity);
    let open = 2;
    for (const socket of [client, this.server]) {
      socket.setNoDelay();
      socket.on("error", () => {});
      socket.on("close", () => --open === 0 && this.end());
    }
  }

  later(ms, task) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    this.#timers.add(timer);
  }

  break() {
    const { direction, kind, time } = this.#plan;
    const [broken, other] = direction === "up" ? [this.up, this.down] : [this.down, this.up];
    this.broken = true;
    this.#proxy.cuts++;
    if (kind === "end") return this.end();
    if (kind === "reset") {
      this.client.resetAndDestroy();
      this.server.resetAndDestroy();
      return this.end();
    }
    broken.state = other.state = kind === "held" || kind === "belated" ? "holds" : "swallows";
    if (kind === "silent") other.state = "flows";
    if (kind === "half") (direction === "up" ? this.server : this.client).end();
    this.later(time, () => {
      const heard = !this.client.readableEnded || this.up.passed >= CONNECTED;
      if (kind === "belated" && heard) for (const pipe of [this.up, this.down]) pipe.release();
      this.end(kind === "belated");
    });
  }

  /** The end for both; `soon`: behind what was given to them. */
  end(soon = false) {
    if (this.over) return;
    this.over = true;
    this.#proxy.ended(this);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of [this.client, this.server]) soon ? socket.destroySoon() : socket.destroy();
  }
}

export class Proxy {
  /** Lines that were broken. */
  cuts = 0;
  #links = new Set();
  #server;
  #onend;

  /** `plan()`: the plan of the next connection, undefined for one that holds; `onend(request)`: one that was broken has ended. */
  static async start(port, plan, onend = () => {}) {
    const proxy = new Proxy();
    proxy.#onend = onend;
    proxy.#server = createServer({ allowHalfOpen: true }, (client) => proxy.#links.add(new Link(proxy, client, port, plan() ?? WHOLE)));
    await new Promise((resolve, reject) => proxy.#server.listen(0, "127.0.0.1", resolve).once("error", reject));
    proxy.port = proxy.#server.address().port;
    return proxy;
  }

  ended(link) {
    this.#links.delete(link);
    if (link.broken) this.#onend(link.request);
  }

  async stop() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const link of this.#links) link.end();
    await closed;
  }
}
