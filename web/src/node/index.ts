export { fileStore } from "../stores/file.js";
export type { OpenStore, Store, StoreChange, StoreErrorCode } from "../stores/store.js";
