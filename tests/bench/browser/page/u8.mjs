import mqtt from "u8-mqtt";

export async function open(url) {
  // Without a log_conn of our own it writes about each connection to the console.
  const client = mqtt({ log_conn() {} }).with_websock(url);
  await client.connect({ client_id: "bench" });
  return {
    // Its routes are regular expressions in which "$" is not escaped: a topic that begins so is never found.
    signal: "bench/end",
    async subscribe(filters, qos, handlers) {
      filters.forEach((filter, index) => client.subscribe_topic(filter, { qos }, ({ topic, payload }) => handlers[index](topic, payload)));
      await client.subs_settled();
    },
    publish: (topic, payload) => client.send(topic, payload),
  };
}
