import { closedError, storeError, type OpenStore, type Store } from "./store.js";

/**
 * A store that lasts as long as this object. It outlives a client: when that has closed, another may be given the same object.
 */
export function memoryStore(): Store {
  const values = new Map<number, Uint8Array>();
  let owner: OpenStore | undefined;
  return {
    async open() {
      if (owner) throw storeError("STORE_IN_USE", "another client has this memoryStore");
      const check = () => {
        if (owner !== opened) throw closedError();
      };
      const opened: OpenStore = {
        async *read() {
          check();
          yield* [...values].sort(([one], [other]) => one - other);
        },
        async write(changes) {
          check();
          for (const [key, value] of changes) {
            if (value) values.set(key, value);
            else values.delete(key);
          }
        },
        async close() {
          if (owner === opened) owner = undefined;
        },
      };
      return (owner = opened);
    },
  };
}
