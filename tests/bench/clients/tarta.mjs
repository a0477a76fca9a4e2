import { connect } from "tarta";

export async function open(url) {
  const client = await connect(url, { version: 4, queue: { maxMessages: 100_000 } });
  return {
    subscribe: (filters, qos, handlers) =>
      Promise.all(filters.map((filter, index) => client.subscribe(filter, { qos }, ({ topic, payload }) => handlers[index](topic, payload)))),
    publish: (topic, payload, qos) => client.publish(topic, payload, { qos }),
    close: () => client.close(),
  };
}
