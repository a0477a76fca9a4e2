import mqtt from "mqtt";

export async function open(url) {
  const client = await mqtt.connectAsync(url);
  // As its users do: one listener for all messages, a Map for exact topics, regular expressions for the others.
  const exact = new Map();
  const patterns = [];
  let all;
  client.on("message", (topic, payload) => {
    const one = exact.get(topic) ?? all;
    one?.(topic, payload);
    for (const [pattern, handler] of patterns) if (pattern.test(topic)) handler(topic, payload);
  });
  return {
    subscribe(filters, qos, handlers) {
      filters.forEach((filter, index) => {
        if (filter === "#") all = handlers[index];
        else if (filter.includes("+")) patterns.push([new RegExp(`^${filter.replaceAll("+", "[^/]*")}$`), handlers[index]]);
        else exact.set(filter, handlers[index]);
      });
      return client.subscribeAsync(filters, { qos });
    },
    publish: (topic, payload, qos) => client.publishAsync(topic, payload, { qos }),
    close: () => client.endAsync(true),
  };
}
