import Paho from "paho-mqtt";

export async function open(url) {
  const client = new Paho.Client(url, "bench");
  // As its users do: one listener for all messages, a Map for exact topics, regular expressions for the others.
  const exact = new Map();
  const patterns = [];
  let all;
  client.onMessageArrived = ({ destinationName: topic, payloadBytes: payload }) => {
    const one = exact.get(topic) ?? all;
    one?.(topic, payload);
    for (const [pattern, handler] of patterns) if (pattern.test(topic)) handler(topic, payload);
  };
  const waiting = new Map();
  client.onMessageDelivered = (message) => {
    waiting.get(message)?.();
    waiting.delete(message);
  };
  await new Promise((onSuccess, onFailure) => client.connect({ onSuccess, onFailure }));
  return {
    subscribe: (filters, qos, handlers) =>
      Promise.all(filters.map((filter, index) => {
        if (filter === "#") all = handlers[index];
        else if (filter.includes("+")) patterns.push([new RegExp(`^${filter.replaceAll("+", "[^/]*")}$`), handlers[index]]);
        else exact.set(filter, handlers[index]);
        return new Promise((onSuccess, onFailure) => client.subscribe(filter, { qos, onSuccess, onFailure }));
      })),
    publish(topic, payload, qos) {
      const message = new Paho.Message(payload);
      message.destinationName = topic;
      message.qos = qos;
      return new Promise((resolve) => {
        waiting.set(message, resolve);
        client.send(message);
      });
    },
  };
}
