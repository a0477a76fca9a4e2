import { connect } from "tarta";

export async function open(url, { worker }) {
  const client = await connect(url, { version: 4, queue: { maxMessages: 100_000 }, worker });
  // Where no Worker can be started, the client lives on the page.
  if (worker && client.stats.worker !== "sibling") throw new Error(`it lives in another place (${client.stats.worker}) than in the package's Worker`);
  return {
    subscribe: (filters, qos, handlers) =>
      Promise.all(filters.map((filter, index) => client.subscribe(filter, { qos }, ({ topic, payload }) => handlers[index](topic, payload)))),
    publish: (topic, payload, qos) => client.publish(topic, payload, { qos }),
  };
}
