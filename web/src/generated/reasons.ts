// Made by scripts/generate from core/reason.def: a change goes there.

/** The names of the reason codes (5.0 §2.4) from 0x80 on, those of failures, with "|" between them. */
export const REFUSALS =
  "Unspecified error|" +
  "Malformed Packet|" +
  "Protocol Error|" +
  "Implementation specific error|" +
  "Unsupported Protocol Version|" +
  "Client Identifier not valid|" +
  "Bad User Name or Password|" +
  "Not authorized|" +
  "Server unavailable|" +
  "Server busy|" +
  "Banned|" +
  "Server shutting down|" +
  "Bad authentication method|" +
  "Keep Alive timeout|" +
  "Session taken over|" +
  "Topic Filter invalid|" +
  "Topic Name invalid|" +
  "Packet Identifier in use|" +
  "Packet Identifier not found|" +
  "Receive Maximum exceeded|" +
  "Topic Alias invalid|" +
  "Packet too large|" +
  "Message rate too high|" +
  "Quota exceeded|" +
  "Administrative action|" +
  "Payload format invalid|" +
  "Retain not supported|" +
  "QoS not supported|" +
  "Use another server|" +
  "Server moved|" +
  "Shared Subscriptions not supported|" +
  "Connection rate exceeded|" +
  "Maximum connect time|" +
  "Subscription Identifiers not supported|" +
  "Wildcard Subscriptions not supported";

/** Those with which a message may be refused: the codes of PUBACK (5.0 §3.4.2.1). */
export const MESSAGE_REFUSALS: readonly number[] = [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
