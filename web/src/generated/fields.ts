// Made by scripts/generate from core/field.def: a change goes there.

import type { Properties } from "./properties.js";

/** How the value of a field is given. */
export type FieldForm = "number" | "flag" | "text" | "data" | "properties" | "filter" | "codes";

/** The fields of a packet as inspection shows them, by the core's number: name and form. */
export const FIELDS: readonly (readonly [name: keyof PacketFields | "filter" | "options", form: FieldForm])[] = [
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

/** What packets bear, each some of it. */
export interface PacketFields {
  protocolVersion?: number;
  cleanStart?: boolean;
  keepalive?: number;
  clientId?: string;
  username?: string;
  password?: Uint8Array;
  willQos?: number;
  willRetain?: boolean;
  willProperties?: Properties;
  willTopic?: string;
  willPayload?: Uint8Array;
  sessionPresent?: boolean;
  reasonCode?: number;
  dup?: boolean;
  qos?: number;
  retain?: boolean;
  topic?: string;
  packetIdentifier?: number;
  properties?: Properties;
  payload?: Uint8Array;
  reasonCodes?: number[];
  /** Of SUBSCRIBE, with their options bytes. */
  subscriptions?: { filter: string; options: number }[];
  /** Of UNSUBSCRIBE. */
  filters?: string[];
}
