// Made by scripts/generate from core/option.def: a change goes there.

/** Options that are numbers. */
export const enum NumberOption {
  /** 5, 4 (3.1.1), 3 (3.1), or 0: 5.0 first, then 3.1.1 where the server refuses it [core default: 0]. */
  version = 0,
  /** Clean Start (5.0) or Clean Session (3.1.1) of the first connection [core default: 1]. */
  cleanStart = 1,
  /** Keep Alive in seconds, 0 for none; Server Keep Alive wins [core default: 60]. */
  keepalive = 2,
  /** 1: a ping goes out at half the interval already (background timers are late) [core default: 0]. */
  pingEarly = 3,
  /** Seconds; 0xFFFFFFFF: never; 5.0 [core default: 300]. */
  sessionExpiryInterval = 4,
  /** Unacknowledged QoS 1 and 2 messages that the server may have under way to us [core default: 65535]. */
  receiveMaximum = 5,
  /** Bytes of the largest packet that is accepted [core default: 16777216]. */
  maximumPacketSize = 6,
  /** Topic aliases that the server may use [core default: 100]. */
  topicAliasMaximum = 7,
  /** ms from the open transport to CONNACK, 0 for none [core default: 10000]. */
  connectTimeout = 8,
  /** ms until an overdue acknowledgement ends the connection, 0 for never [core default: 0]. */
  ackTimeout = 9,
  /** Messages that may wait or be unacknowledged [core default: 10000]. */
  queueMaxMessages = 10,
  /** Their bytes (topic, properties and payload) [core default: 16777216]. */
  queueMaxBytes = 11,
  /** 0 reject, 1 drop-oldest, 2 drop-qos0 [core default: 0]. */
  queueOverflow = 12,
  /** A session at the server that we know nothing of: 0 refuse, 1 accept, 2 restart [core default: 0]. */
  brokerSession = 13,
  /** 0 resend QoS 1, 1 reject all, 2 resend all [core default: 0]. */
  onSessionLost = 14,
  /** 1: records to keep are given to the host, and packets wait for stored() [core default: 0]. */
  durable = 15,
  /** QoS of the will [core default: 0]. */
  willQos = 16,
  /** RETAIN of the will [core default: 0]. */
  willRetain = 17,
}

/** Options that are bytes or text; absent until set. */
export const enum BytesOption {
  /** Client identifier; empty: the server assigns one (5.0, and 3.1.1 with a clean session). */
  clientId = 0,
  /** User name. */
  username = 1,
  /** Password. */
  password = 2,
  /** Topic of the will; set: there is a will. */
  willTopic = 3,
  /** Payload of the will. */
  willPayload = 4,
  /** Properties of the will, encoded, without their length; 5.0. */
  willProperties = 5,
  /** Further properties of CONNECT, encoded, without their length; 5.0. */
  connectProperties = 6,
  /** Method of enhanced authentication; 5.0. */
  authenticationMethod = 7,
  /** Its first data; 5.0. */
  authenticationData = 8,
}
