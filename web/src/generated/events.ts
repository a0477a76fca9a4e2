// Made by scripts/generate from core/event.def: a change goes there.

/** The kinds of records that the core hands out: the low byte of a record's first word. */
export const enum Kind {
  /** A PUBLISH; the flags' low four bits are those of its fixed header (RETAIN 1, QoS 2|4, DUP 8); flag 64: the payload goes on beyond this WebSocket message, the host gathers it; flag 128: of the filters that match, it is only for those whose number plus 1 is among its Subscription Identifiers. Words: topic, offset, length; flag 16: + packet identifier, serial; flag 32: + properties. */
  message = 1,
  /** The topic number stands for this name from now on. Words: topic, offset, length. */
  topic = 2,
  /** The filters that the topic matches, ascending, from now on. Words: topic, filter… */
  match = 3,
  /** A publish is complete, or was refused by the server (reason ≥ 0x80); an unsubscribe of 3.1.1 is complete. Words: operation, reason, properties. */
  done = 4,
  /** An operation failed without an answer of the server. Words: operation, error. */
  failed = 5,
  /** The answer to a SUBSCRIBE, a code for each filter. Words: operation, properties, code… */
  suback = 6,
  /** The answer to an UNSUBSCRIBE (5.0), a code for each filter. Words: operation, properties, code… */
  unsuback = 7,
  /** The connection is open. Words: version, reason, properties; flag 1: session present. */
  connack = 8,
  /** A step of enhanced authentication, to be answered with authenticate(). Words: reason, properties. */
  auth = 9,
  /** The connection is over; send what is to be sent, then close the transport. Words: error, reason, fault, properties; flag 1: final, 2: try again at once, 4: by our own wish. */
  closed = 10,
  /** The server has no session where this client has one, or it has expired; subscriptions are restored. Words: messages in doubt. */
  sessionLost = 11,
  /** Keep these bytes under (kind, key); the offset counts in status.blobs; of a message also the operation, 0 for none. Words: serial, kind, key, offset, length, operation. */
  persist = 12,
  /** What is kept under (kind, key) is not needed any more. Words: serial, kind, key. */
  forget = 13,
  /** Nothing that was kept is needed any more. Words: serial. */
  wipe = 14,
  /** The server, having lost its session, did not take this subscription again. Words: filter, reason. */
  refused = 15,
  /** What PUBREC says beyond success of a QoS 2 message, which is not complete yet. Words: operation, reason, properties. */
  received = 16,
}
