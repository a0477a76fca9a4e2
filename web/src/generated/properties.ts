// Made by scripts/generate from core/property.def: a change goes there.

/** The properties of MQTT 5.0 (§2.2.2.2), by their names in the specification. */
export interface Properties {
  /** Payload Format Indicator (0x01): 0 or 1. */
  payloadFormatIndicator?: number;
  /** Message Expiry Interval (0x02): 0 to 4,294,967,295. */
  messageExpiryInterval?: number;
  /** Content Type (0x03): UTF-8, at most 65,535 bytes. */
  contentType?: string;
  /** Response Topic (0x08): UTF-8, at most 65,535 bytes. */
  responseTopic?: string;
  /** Correlation Data (0x09): at most 65,535 bytes. */
  correlationData?: Uint8Array;
  /** Subscription Identifier (0x0B): 1 to 268,435,455. */
  subscriptionIdentifier?: number | readonly number[];
  /** Session Expiry Interval (0x11): 0 to 4,294,967,295. */
  sessionExpiryInterval?: number;
  /** Assigned Client Identifier (0x12): UTF-8, at most 65,535 bytes. */
  assignedClientIdentifier?: string;
  /** Server Keep Alive (0x13): 0 to 65,535. */
  serverKeepAlive?: number;
  /** Authentication Method (0x15): UTF-8, at most 65,535 bytes. */
  authenticationMethod?: string;
  /** Authentication Data (0x16): at most 65,535 bytes. */
  authenticationData?: Uint8Array;
  /** Request Problem Information (0x17): 0 or 1. */
  requestProblemInformation?: number;
  /** Will Delay Interval (0x18): 0 to 4,294,967,295. */
  willDelayInterval?: number;
  /** Request Response Information (0x19): 0 or 1. */
  requestResponseInformation?: number;
  /** Response Information (0x1A): UTF-8, at most 65,535 bytes. */
  responseInformation?: string;
  /** Server Reference (0x1C): UTF-8, at most 65,535 bytes. */
  serverReference?: string;
  /** Reason String (0x1F): UTF-8, at most 65,535 bytes. */
  reasonString?: string;
  /** Receive Maximum (0x21): 1 to 65,535. */
  receiveMaximum?: number;
  /** Topic Alias Maximum (0x22): 0 to 65,535. */
  topicAliasMaximum?: number;
  /** Topic Alias (0x23): 1 to 65,535. */
  topicAlias?: number;
  /** Maximum QoS (0x24): 0 or 1. */
  maximumQoS?: number;
  /** Retain Available (0x25): 0 or 1. */
  retainAvailable?: number;
  /** User Property (0x26): in order, names may stand more than once. */
  userProperties?: readonly [name: string, value: string][];
  /** Maximum Packet Size (0x27): 1 to 4,294,967,295. */
  maximumPacketSize?: number;
  /** Wildcard Subscription Available (0x28): 0 or 1. */
  wildcardSubscriptionAvailable?: number;
  /** Subscription Identifier Available (0x29): 0 or 1. */
  subscriptionIdentifierAvailable?: number;
  /** Shared Subscription Available (0x2A): 0 or 1. */
  sharedSubscriptionAvailable?: number;
}

/** The properties that a Will may bear. */
export type WillProperties = Pick<Properties,
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "willDelayInterval"
  | "userProperties"
>;

/** The properties that CONNECT may bear. */
export type ConnectProperties = Pick<Properties,
  | "sessionExpiryInterval"
  | "authenticationMethod"
  | "authenticationData"
  | "requestProblemInformation"
  | "requestResponseInformation"
  | "receiveMaximum"
  | "topicAliasMaximum"
  | "userProperties"
  | "maximumPacketSize"
>;

/** The properties that CONNACK may bear. */
export type ConnackProperties = Pick<Properties,
  | "sessionExpiryInterval"
  | "assignedClientIdentifier"
  | "serverKeepAlive"
  | "authenticationMethod"
  | "authenticationData"
  | "responseInformation"
  | "serverReference"
  | "reasonString"
  | "receiveMaximum"
  | "topicAliasMaximum"
  | "maximumQoS"
  | "retainAvailable"
  | "userProperties"
  | "maximumPacketSize"
  | "wildcardSubscriptionAvailable"
  | "subscriptionIdentifierAvailable"
  | "sharedSubscriptionAvailable"
>;

/** The properties that PUBLISH may bear. */
export type PublishProperties = Pick<Properties,
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "subscriptionIdentifier"
  | "topicAlias"
  | "userProperties"
>;

/** The properties that PUBACK may bear. */
export type PubackProperties = Pick<Properties,
  | "reasonString"
  | "userProperties"
>;

/** The properties that PUBREC may bear. */
export type PubrecProperties = Pick<Properties,
  | "reasonString"
  | "userProperties"
>;

/** The properties that PUBREL may bear. */
export type PubrelProperties = Pick<Properties,
  | "reasonString"
  | "userProperties"
>;

/** The properties that PUBCOMP may bear. */
export type PubcompProperties = Pick<Properties,
  | "reasonString"
  | "userProperties"
>;

/** The properties that SUBSCRIBE may bear. */
export type SubscribeProperties = Pick<Properties,
  | "subscriptionIdentifier"
  | "userProperties"
>;

/** The properties that SUBACK may bear. */
export type SubackProperties = Pick<Properties,
  | "reasonString"
  | "userProperties"
>;

/** The properties that UNSUBSCRIBE may bear. */
export type UnsubscribeProperties = Pick<Properties,
  | "userProperties"
>;

/** The properties that UNSUBACK may bear. */
export type UnsubackProperties = Pick<Properties,
  | "reasonString"
  | "userProperties"
>;

/** The properties that DISCONNECT may bear. */
export type DisconnectProperties = Pick<Properties,
  | "sessionExpiryInterval"
  | "serverReference"
  | "reasonString"
  | "userProperties"
>;

/** The properties that AUTH may bear. */
export type AuthProperties = Pick<Properties,
  | "authenticationMethod"
  | "authenticationData"
  | "reasonString"
  | "userProperties"
>;

/** How a property's value is written. */
export const enum Form {
  byte = 0,
  twoByte = 1,
  fourByte = 2,
  variable = 3,
  text = 4,
  data = 5,
  pair = 6,
}

/** identifier, name, form; which packets may bear a property, and some values, are the core's to check */
export const PROPERTIES: readonly (readonly [number, keyof Properties, Form])[] = [
  [0x01, "payloadFormatIndicator", 0],
  [0x02, "messageExpiryInterval", 2],
  [0x03, "contentType", 4],
  [0x08, "responseTopic", 4],
  [0x09, "correlationData", 5],
  [0x0B, "subscriptionIdentifier", 3],
  [0x11, "sessionExpiryInterval", 2],
  [0x12, "assignedClientIdentifier", 4],
  [0x13, "serverKeepAlive", 1],
  [0x15, "authenticationMethod", 4],
  [0x16, "authenticationData", 5],
  [0x17, "requestProblemInformation", 0],
  [0x18, "willDelayInterval", 2],
  [0x19, "requestResponseInformation", 0],
  [0x1A, "responseInformation", 4],
  [0x1C, "serverReference", 4],
  [0x1F, "reasonString", 4],
  [0x21, "receiveMaximum", 1],
  [0x22, "topicAliasMaximum", 1],
  [0x23, "topicAlias", 1],
  [0x24, "maximumQoS", 0],
  [0x25, "retainAvailable", 0],
  [0x26, "userProperties", 6],
  [0x27, "maximumPacketSize", 2],
  [0x28, "wildcardSubscriptionAvailable", 0],
  [0x29, "subscriptionIdentifierAvailable", 0],
  [0x2A, "sharedSubscriptionAvailable", 0],
];
