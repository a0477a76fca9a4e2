// A client for the test of the benchmark: it leaves out every hundredth message.
import { open as openReference } from "./clients/reference.mjs";

export async function open(url) {
  const session = await openReference(url);
  let number = 0;
  return {
    ...session,
    subscribe: (filters, qos, handlers) =>
      session.subscribe(filters, qos, handlers.map((handler) => (topic, payload) => {
        if (topic === "$bench" || ++number % 100 !== 0) handler(topic, payload);
      })),
  };
}
