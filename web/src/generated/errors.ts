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
  /** The store cannot be read. */
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
  /** No answer in time. */
  | "TIMEOUT";

/** `code=meaning` by the core's number, with "|" between them; those that the core does not know come last. */
export const ERRORS =
  "NONE=no error|" +
  "MALFORMED_PACKET=the server sent bytes that are no MQTT packet|" +
  "PROTOCOL_ERROR=the server broke the protocol|" +
  "PACKET_TOO_LARGE=the packet is larger than the receiving side accepts|" +
  "CONNACK_REFUSED=the server refused the connection|" +
  "CONNECT_TIMEOUT=the server did not answer in time|" +
  "KEEPALIVE_TIMEOUT=the server did not answer a ping in time|" +
  "ACK_TIMEOUT=an acknowledgement is overdue|" +
  "CONNECTION_LOST=the connection was lost|" +
  "SERVER_DISCONNECTED=the server ended the connection|" +
  "CLIENT_CLOSED=the client was closed|" +
  "SESSION_LOST=the server has lost the session; whether the message arrived is not known|" +
  "SESSION_UNEXPECTED=the server holds a session that this client knows nothing of; use clean: true, another clientId, a store, or the option brokerSession|" +
  "PUBLISH_REFUSED=the server refused the message|" +
  "SUBSCRIBE_REFUSED=the server refused the subscription|" +
  "UNSUBSCRIBE_REFUSED=the server refused to end the subscription|" +
  "QUEUE_FULL=the queue of messages is full|" +
  "PACKET_IDENTIFIERS_EXHAUSTED=65,535 packet identifiers are in use|" +
  "MESSAGE_EXPIRED=the message expired before it could be sent|" +
  "DROPPED=the message was dropped from the queue to make room|" +
  "QOS_NOT_SUPPORTED=the server does not accept this QoS|" +
  "RETAIN_NOT_SUPPORTED=the server does not accept retained messages|" +
  "WILDCARD_NOT_SUPPORTED=the server does not accept wildcard subscriptions|" +
  "SHARED_NOT_SUPPORTED=the server does not accept shared subscriptions|" +
  "INVALID_TOPIC=not a valid topic name|" +
  "INVALID_FILTER=not a valid topic filter|" +
  "INVALID_ARGUMENT=not a valid argument|" +
  "STORE_FAILED=the store could not keep the message|" +
  "STORE_CORRUPT=the store cannot be read|" +
  "OUT_OF_MEMORY=there is no memory left|" +
  "CANCELLED=cancelled by its caller|" +
  "NETWORK_ERROR=the WebSocket could not be opened|" +
  "NOT_MQTT=the server does not speak MQTT over WebSocket|" +
  "SUBSCRIPTION_CONFLICT=the filter is subscribed to with other options|" +
  "UNSUPPORTED=this platform cannot do that|" +
  "TIMEOUT=no answer in time";
