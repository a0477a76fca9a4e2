// Made by scripts/generate from core/field.def: a change goes there.

/** How the value of a field is given. */
export type FieldForm = "number" | "flag" | "text" | "data" | "properties" | "filter" | "codes";

/** The fields of a packet as inspection shows them, by the core's number: name and form. */
export const FIELDS: readonly (readonly [name: string, form: FieldForm])[] = [
  ["protocolVersion", "number"],
  ["cleanStart", "flag"],
  ["keepalive", "number"],
  ["clientId", "text"],
  ["username", "text"],
  ["password", "data"],
  ["willQos", "number"],
  ["willRetain", "flag"],
  ["willProperties", "properties"],
  ["willTopic", "text"],
  ["willPayload", "data"],
  ["sessionPresent", "flag"],
  ["reasonCode", "number"],
  ["dup", "flag"],
  ["qos", "number"],
  ["retain", "flag"],
  ["topic", "text"],
  ["packetIdentifier", "number"],
  ["properties", "properties"],
  ["payload", "data"],
  ["filter", "filter"],
  ["options", "number"],
  ["reasonCodes", "codes"],
];
