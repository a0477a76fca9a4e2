// Made by scripts/generate from core/error.def: a change goes there.

/** Every way in which something can fail. */
export type ErrorCode =
  /** The server sent bytes that are no MQTT packet. */
  | "MALFORMED_PACKET"
  /** The server broke the protocol. */
  | "PROTOCOL_ERROR"
  /** The packet is larger than the receiving side accepts. */
  | "PACKET_TOO_LARGE"
  /** The server refused the connection. */
  | "CONNACK_REFUSED"
  /** The server did not answer in time. */
  | "CONNECT_TIMEOUT"
  /** The server did not answer a ping in time. */
  | "KEEPALIVE_TIMEOUT"
  /** An acknowledgement is overdue. */
  | "ACK_TIMEOUT"
  /** The connection was lost. */
  | "CONNECTION_LOST"
  /** The server ended the connection. */
  | "SERVER_DISCONNECTED"
  /** The client was closed. */
  | "CLIENT_CLOSED"
  /** The server has lost the session; whether the message arrived is not known. */
  | "SESSION_LOST"
  /** The server holds a session that this client knows nothing of; use clean: true, another clientId, a store, or the option brokerSession. */
  | "SESSION_UNEXPECTED"
  /** The server refused the message. */
  | "PUBLISH_REFUSED"
  /** The server refused the subscription. */
  | "SUBSCRIBE_REFUSED"
  /** The server refused to end the subscription. */
  | "UNSUBSCRIBE_REFUSED"
  /** The queue of messages is full. */
  | "QUEUE_FULL"
  /** 65,535 packet identifiers are in use. */
  | "PACKET_IDENTIFIERS_EXHAUSTED"
  /** The message expired before it could be sent. */
  | "MESSAGE_EXPIRED"
  /** The message was dropped from the queue to make room. */
  | "DROPPED"
  /** The server does not accept this QoS. */
  | "QOS_NOT_SUPPORTED"
  /** The server does not accept retained messages. */
  | "RETAIN_NOT_SUPPORTED"
  /** The server does not accept wildcard subscriptions. */
  | "WILDCARD_NOT_SUPPORTED"
  /** The server does not accept shared subscriptions. */
  | "SHARED_NOT_SUPPORTED"
  /** Not a valid topic name. */
  | "INVALID_TOPIC"
  /** Not a valid topic filter. */
  | "INVALID_FILTER"
  /** Not a valid argument. */
  | "INVALID_ARGUMENT"
  /** The store could not keep the message. */
  | "STORE_FAILED"
  /** The store cannot be read; repairStore() keeps what is sound in it. */
  | "STORE_CORRUPT"
  /** There is no memory left. */
  | "OUT_OF_MEMORY"
  /** Cancelled by its caller. */
  | "CANCELLED"
  /** The WebSocket could not be opened. */
  | "NETWORK_ERROR"
  /** The server does not speak MQTT over WebSocket. */
  | "NOT_MQTT"
  /** The filter is subscribed to with other options. */
  | "SUBSCRIPTION_CONFLICT"
  /** This platform cannot do that. */
  | "UNSUPPORTED"
  /** The option authentication had no answer for the server. */
  | "AUTHENTICATION_FAILED"
  /** No answer in time. */
  | "TIMEOUT"
  /** The Worker that the client lives in has ended. */
  | "WORKER_LOST"
  /** What it would share was begun with other options. */
  | "OPTIONS_CONFLICT"
  /** Another client, tab or process has the store. */
  | "STORE_IN_USE"
  /** The store was written by a newer version of tarta. */
  | "STORE_VERSION"
  /** Messages came for what only a client before this one has subscribed to. */
  | "UNCLAIMED";

/** `code=meaning` from the core's number 1 on, with "|" between them; those that the core does not know come last. */
export const ERRORS =
  "MALFORMED_PACKET|" +
  "PROTOCOL_ERROR|" +
  "PACKET_TOO_LARGE|" +
  "CONNACK_REFUSED|" +
  "CONNECT_TIMEOUT|" +
  "KEEPALIVE_TIMEOUT|" +
  "ACK_TIMEOUT|" +
  "CONNECTION_LOST|" +
  "SERVER_DISCONNECTED|" +
  "CLIENT_CLOSED|" +
  "SESSION_LOST=whether the message arrived is not known|" +
  "SESSION_UNEXPECTED=use clean: true, another clientId, a store, or the option brokerSession|" +
  "PUBLISH_REFUSED|" +
  "SUBSCRIBE_REFUSED|" +
  "UNSUBSCRIBE_REFUSED|" +
  "QUEUE_FULL|" +
  "PACKET_IDENTIFIERS_EXHAUSTED|" +
  "MESSAGE_EXPIRED|" +
  "DROPPED|" +
  "QOS_NOT_SUPPORTED|" +
  "RETAIN_NOT_SUPPORTED|" +
  "WILDCARD_NOT_SUPPORTED|" +
  "SHARED_NOT_SUPPORTED|" +
  "INVALID_TOPIC|" +
  "INVALID_FILTER|" +
  "INVALID_ARGUMENT|" +
  "STORE_FAILED|" +
  "STORE_CORRUPT=repairStore() keeps what is sound in it|" +
  "OUT_OF_MEMORY|" +
  "CANCELLED|" +
  "NETWORK_ERROR|" +
  "NOT_MQTT|" +
  "SUBSCRIPTION_CONFLICT|" +
  "UNSUPPORTED|" +
  "AUTHENTICATION_FAILED|" +
  "TIMEOUT|" +
  "WORKER_LOST|" +
  "OPTIONS_CONFLICT|" +
  "STORE_IN_USE|" +
  "STORE_VERSION|" +
  "UNCLAIMED";
