// What became of messages, by the log of the broker: finds what was lost, came twice or out of order.

const SHOWN = 10;

/** What was found wrong, by kind. */
export class Findings {
  #kinds = new Map();

  add(kind, what) {
    const found = this.#kinds.get(kind);
    if (found) found.push(what);
    else this.#kinds.set(kind, [what]);
  }

  /** @throws Error with the first of each kind */
  check(circumstances) {
    if (this.#kinds.size === 0) return;
    const tell = ([kind, found]) => {
      const more = found.length > SHOWN ? `, and ${found.length - SHOWN} more` : "";
      return `\n  ${kind} (${found.length}): ${found.slice(0, SHOWN).join("; ")}${more}`;
    };
    throw new Error(`${circumstances}:${[...this.#kinds].map(tell).join("")}`);
  }
}

/**
 * Looks at what has arrived in one direction, in its order: `{ qos, topic, text, inHand }`. `sent`, by text, is what may arrive.
 * 5.0 §4.6 orders what arrives for the first time, by QoS. What was in hand, to be acknowledged by hand, when its connection was
 * lost comes again at QoS 2, too. Returns the texts that have arrived, and how many of QoS 1 did so again.
 */
export function judgeArrivals(findings, way, arrived, sent) {
  const taken = new Map(); // text → whether it was acknowledged
  const last = [-1, -1, -1];
  let twice = 0;
  for (const { qos, topic, text, inHand = false } of arrived) {
    const message = sent.get(text);
    if (!message || message.qos !== qos || message.topic !== topic) {
      findings.add(`${way}, was never sent so`, `${nameOf(text)} to ${topic} at QoS ${qos}`);
      continue;
    }
    const before = taken.get(text);
    taken.set(text, before || !inHand);
    if (before !== undefined) {
      twice += qos === 1 ? 1 : 0;
      if (qos === 2 && before) findings.add(`${way}, twice at QoS 2`, nameOf(text));
      continue;
    }
    if (message.number < last[qos]) findings.add(`${way}, out of order at QoS ${qos}`, `${message.number} behind ${last[qos]}`);
    else last[qos] = message.number;
  }
  return { arrivals: taken, twice };
}

/** The number that a text begins with. */
const nameOf = (text) => String(text).split(" ", 1)[0];

/**
 * Messages of the client. `sent`: `{ number, qos, topic, text, state, stored, error, inDoubt }` by text; `inDoubt`: it may have
 * been rejected, as the server has lost the session while it was under way. What resolved, or was stored, must be in the log.
 */
export function judgeOut(findings, sent, log) {
  const { arrivals, twice } = judgeArrivals(findings, "out", log, sent);
  let inDoubt = 0;
  for (const message of sent.values()) {
    const { number, qos, text, state, stored, error } = message;
    const rejected = state === "rejected";
    const mayBeRejected = message.inDoubt && qos === 2 && error?.code === "SESSION_LOST";
    if (rejected && mayBeRejected) inDoubt++;
    else if (rejected) findings.add("out, rejected", `${number} at QoS ${qos}: ${error?.code ?? error}`);
    else if (state !== "resolved") findings.add("out, never settled", `${number} at QoS ${qos}`);
    const gone = rejected && mayBeRejected;
    if ((state === "resolved" || stored) && !gone && !arrivals.has(text)) findings.add("out, lost", `${number} at QoS ${qos}, ${state}`);
  }
  const released = log.filter(({ qos, text, released }) => qos === 2 && !released && sent.get(text)?.state === "resolved");
  for (const { text } of released) findings.add("out, resolved before PUBREL", nameOf(text));
  return { twice, inDoubt };
}

/**
 * Messages to the client. `deliveries` are the broker's; `received`: what handlers were given. What the client has acknowledged
 * must be among it; all must be acknowledged, but what the broker has lost with its session.
 */
export function judgeIn(findings, deliveries, received) {
  const sent = new Map(deliveries.map((delivery, number) => [delivery.text, { ...delivery, number }]));
  const { arrivals, twice } = judgeArrivals(findings, "in", received, sent);
  for (const { text, qos, completed, received: acknowledged, gone } of deliveries) {
    const what = `${nameOf(text)} at QoS ${qos}`;
    if ((completed || acknowledged) && !arrivals.has(text)) findings.add("in, lost", what);
    if (!completed && !gone) findings.add("in, never acknowledged", what);
  }
  return { twice };
}
