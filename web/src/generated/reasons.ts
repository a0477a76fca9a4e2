// Made by scripts/generate from core/reason.def: a change goes there.

/** The names of the reason codes (5.0 §2.4) from 0x80 on: those that report a failure. */
export const REFUSALS: readonly string[] = [
  "Unspecified error", // 0x80
  "Malformed Packet", // 0x81
  "Protocol Error", // 0x82
  "Implementation specific error", // 0x83
  "Unsupported Protocol Version", // 0x84
  "Client Identifier not valid", // 0x85
  "Bad User Name or Password", // 0x86
  "Not authorized", // 0x87
  "Server unavailable", // 0x88
  "Server busy", // 0x89
  "Banned", // 0x8A
  "Server shutting down", // 0x8B
  "Bad authentication method", // 0x8C
  "Keep Alive timeout", // 0x8D
  "Session taken over", // 0x8E
  "Topic Filter invalid", // 0x8F
  "Topic Name invalid", // 0x90
  "Packet Identifier in use", // 0x91
  "Packet Identifier not found", // 0x92
  "Receive Maximum exceeded", // 0x93
  "Topic Alias invalid", // 0x94
  "Packet too large", // 0x95
  "Message rate too high", // 0x96
  "Quota exceeded", // 0x97
  "Administrative action", // 0x98
  "Payload format invalid", // 0x99
  "Retain not supported", // 0x9A
  "QoS not supported", // 0x9B
  "Use another server", // 0x9C
  "Server moved", // 0x9D
  "Shared Subscriptions not supported", // 0x9E
  "Connection rate exceeded", // 0x9F
  "Maximum connect time", // 0xA0
  "Subscription Identifiers not supported", // 0xA1
  "Wildcard Subscriptions not supported", // 0xA2
];
