export { Client, connect } from "./client.js";
export type { SessionStats, WorkerForm } from "./backend.js";
export type { ClientEvents, EnqueueOptions, Filters, PublishOptions, Stats } from "./client.js";
export type { CloseOptions, ServerInfo, State, StateChange } from "./connection.js";
export type { WasmSource } from "./engine/loader.js";
export { MqttError } from "./errors.js";
export type { ErrorCode, Phase } from "./errors.js";
export type {
  AuthProperties, ConnackProperties, ConnectProperties, DisconnectProperties, Properties, PubackProperties, PublishProperties,
  SubackProperties, SubscribeProperties, WillProperties,
} from "./generated/properties.js";
export { Message } from "./message.js";
export type { QoS } from "./message.js";
export type { Enqueued, Fate, PublishResult } from "./operations.js";
export type {
  Authentication, Codec, ConnectOptions, Credentials, LogRecord, Payload, QueueLimits, Reconnect, ServerUrl, Will, WorkerOption,
} from "./options.js";
export type { Packet } from "./packets.js";
export type { Overflow } from "./queue.js";
export type { RequestOptions } from "./requests.js";
export { indexedDBStore } from "./stores/indexeddb.js";
export { memoryStore } from "./stores/memory.js";
export { repairStore } from "./stores/repair.js";
export type { DamagedRecord, RepairReport } from "./stores/repair.js";
export type { OpenStore, Store, StoreChange, StoreErrorCode } from "./stores/store.js";
export { Subscription } from "./subscription.js";
export type { BufferOptions, FilterOptions, FilterRequest, Handler, SubscribeOptions } from "./subscription.js";
export type { WebSocketConstructor, WebSocketLike } from "./transport.js";
