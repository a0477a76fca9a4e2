// Packs what a page is to get, and hands it over: seldom enough to cost the page little, and never more than it can handle.
import { MessageFlag } from "../engine/abi.js";
import { Kind } from "../generated/events.js";
import type { Message, Parts } from "../message.js";
import { encodeText } from "../text.js";
import { Contents, Parcel } from "./parcel.js";

const PAUSE = 2; // ms between hand-overs
const FULL = 65_536; // bytes that are handed over at once
const UNANSWERED = 1_048_576; // bytes that a page may have without having handled them, and that may wait beyond them
const UNASKED = 131_072; // bytes, of these, that the page is not asked to answer for
const TOPICS = 16_384; // names that are kept for a page

/** A topic that the page has a number for, and the consumers that its last message was for. */
interface KnownTopic {
  number: number;
  consumers: readonly number[];
}

/** A message that is being packed: others of the page's consumers may want it too. */
interface Packing extends Parts {
  topic: string;
  consumers: number[];
  held: Message[];
}

/** A parcel that waits as the page has too much. */
interface Waiting {
  turn: number;
  buffer: ArrayBuffer;
  thinned: boolean;
  /** What is to be done when it has gone. */
  tasks: (() => void)[];
}

export class Packer {
  /** The last turn whose messages the page has handled. */
  handled = 0;
  readonly #send: (buffer: ArrayBuffer) => void;
  readonly #counters: () => number[];
  readonly #parcel = new Parcel();
  #turn = 1; // of that parcel
  #acknowledgedTurn = 0; // of the last message that is to be acknowledged
  #packing: Packing | undefined;
  readonly #topics = new Map<string, KnownTopic>();
  readonly #held = new Map<number, Message[]>();
  #holds = 0;
  #counting = false; // the page is to have new counters
  #scheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = -Infinity; // when something was handed over
  #unanswered: { turn: number; size: number }[] = [];
  #unansweredSize = 0;
  #unasked = 0; // bytes since the page was last asked for an answer
  #asking = false; // an acknowledgement waits for the page to have handled this parcel
  #waiting: Waiting[] = [];
  #waitingSize = 0;
  #dropped = 0;

  /** @param counters of the session, for the head of each parcel */
  constructor(send: (buffer: ArrayBuffer) => void, counters: () => number[]) {
    this.#send = send;
    this.#counters = counters;
  }

  /** Adds a record; bytes that it points at were given to put() just before. */
  record(kind: Kind, words: ArrayLike<number>): void {
    this.#close();
    this.#parcel.add(kind, 0, words);
    this.#schedule();
  }

  put(bytes: Uint8Array): number {
    this.#close(); // whose bytes belong before these
    return this.#parcel.put(bytes);
  }

  // ---- messages ----

  /** A message for a consumer of the page; calls for the same message follow each other. */
  message(message: Message, consumer: number | undefined): void {
    const parts = message.unpack();
    let packing = this.#packing;
    if (packing?.payload.buffer !== parts.payload.buffer || packing.payload.byteOffset !== parts.payload.byteOffset) {
      this.#close();
      packing = this.#packing = { ...parts, topic: message.topic, consumers: [], held: [] };
    }
    if (consumer !== undefined) packing.consumers.push(consumer);
    if (parts.rest.holding) packing.held.push(message);
    this.#schedule();
  }

  /** The message that was being packed is for nobody else. */
  #close(): void {
    const packing = this.#packing;
    if (!packing) return;
    this.#packing = undefined;
    const { topic, consumers, held, payload, rest: { propertiesAt, propertiesLength } } = packing;
    const parcel = this.#parcel;
    const known = this.#known(topic);
    const same = known.consumers.length === consumers.length && consumers.every((one, index) => one === known.consumers[index]);
    if (!same) {
      known.consumers = consumers;
      parcel.add(Kind.match, 0, [known.number, ...consumers]);
    }
    let flags = packing.flags & (MessageFlag.retain | MessageFlag.qos | MessageFlag.dup);
    if (flags & MessageFlag.qos) {
      this.#asking = true;
      this.#acknowledgedTurn = this.#turn;
    }
    const words = [known.number, 0, payload.length];
    if (held.length > 0) {
      flags |= MessageFlag.acknowledged;
      this.#held.set(++this.#holds, held);
      words.push(0, this.#holds);
    }
    if (propertiesLength > 0) {
      flags |= MessageFlag.properties;
      words.push(parcel.put(new Uint8Array(payload.buffer, propertiesAt, propertiesLength)), propertiesLength);
    }
    words[1] = parcel.put(payload);
    parcel.add(Kind.message, flags, words);
    if (parcel.size >= FULL) this.#ship();
  }

  #known(topic: string): KnownTopic {
    let known = this.#topics.get(topic);
    if (!known) {
      if (this.#topics.size >= TOPICS) this.#topics.clear();
      known = { number: this.#topics.size, consumers: [] };
      this.#topics.set(topic, known);
      const name = encodeText(topic);
      this.#parcel.add(Kind.topic, 0, [known.number, this.#parcel.put(name), name.length]);
    }
    return known;
  }

  /** The turn by which all messages until now that are to be acknowledged have been packed. */
  get acknowledgedTurn(): number {
    this.#close();
    return this.#acknowledgedTurn;
  }

  /** The page has acknowledged a message by hand. Returns what tells the session so. */
  acknowledge(serial: number, reason: number): () => void {
    const messages = this.#held.get(serial) ?? [];
    this.#held.delete(serial);
    return () => {
      for (const message of messages) {
        if (reason === 0) message.ack();
        else message.reject(reason);
      }
    };
  }

  /** The connection is over: what comes of it is not acknowledged any more, but comes again. */
  forget(): void {
    this.#close();
    this.#held.clear();
  }

  // ---- hand-overs ----

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      const wait = this.#last + PAUSE - performance.now();
      if (wait <= 0) this.flush();
      else this.#timer = setTimeout(() => this.flush(), wait);
    });
  }

  /** Hands over what is packed, unless the page has too much: then it goes when the page has handled some. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#scheduled = false;
    this.#close();
    if ((!this.#parcel.empty || this.#counting) && !this.#blocked) this.#ship();
  }

  /** Has the page get the counters of the session, with the next hand-over. */
  count(): void {
    this.#counting = true;
    this.#schedule();
  }

  /** Does something when all that is packed has been handed over. */
  after(task: () => void): void {
    this.flush();
    if (!this.#parcel.empty) this.#ship();
    const last = this.#waiting.at(-1);
    if (last) last.tasks.push(task);
    else task();
  }

  get #blocked(): boolean {
    return this.#unansweredSize >= UNANSWERED;
  }

  #ship(): void {
    const turn = this.#turn++;
    this.#unasked += this.#parcel.size;
    const asks = this.#asking || this.#unasked >= UNASKED;
    if (asks) this.#unasked = 0;
    this.#asking = this.#counting = false;
    const buffer = this.#parcel.take(asks ? turn : 0, [...this.#counters(), this.#dropped]);
    if (!this.#blocked) return this.#post(turn, buffer);
    this.#waiting.push({ turn, buffer, thinned: false, tasks: [] });
    this.#waitingSize += buffer.byteLength;
    if (this.#waitingSize > UNANSWERED) this.#thin();
  }

  #post(turn: number, buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    this.#unanswered.push({ turn, size });
    this.#unansweredSize += size;
    this.#last = performance.now();
    this.#send(buffer);
  }

  /** Drops the oldest of the messages of QoS 0 that wait; the server holds back the others (5.0 §4.9). */
  #thin(): void {
    for (const waiting of this.#waiting) {
      if (this.#waitingSize <= UNANSWERED) return;
      if (waiting.thinned) continue;
      this.#waitingSize -= waiting.buffer.byteLength;
      const contents = new Contents(waiting.buffer);
      const { parcel, dropped } = contents.thin();
      this.#dropped += dropped;
      waiting.buffer = parcel.take(contents.turn, [...this.#counters(), this.#dropped]);
      waiting.thinned = true;
      this.#waitingSize += waiting.buffer.byteLength;
    }
  }

  /** The page has handled what it got up to this turn. */
  answered(turn: number): void {
    this.handled = turn;
    while (this.#unanswered.length > 0 && this.#unanswered[0]!.turn <= turn) this.#unansweredSize -= this.#unanswered.shift()!.size;
    while (this.#waiting.length > 0 && !this.#blocked) {
      const { turn: next, buffer, tasks } = this.#waiting.shift()!;
      this.#waitingSize -= buffer.byteLength;
      this.#post(next, buffer);
      for (const task of tasks) task();
    }
    if (!this.#scheduled) this.flush();
  }

  /** The page is gone: nobody will acknowledge anything, and nothing must wait for that. */
  stop(): void {
    this.#close(); // which may be held
    this.handled = Infinity;
    for (const serial of [...this.#held.keys()]) this.acknowledge(serial, 0)();
  }
}
