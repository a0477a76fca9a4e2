/** The clients, each a module of this folder with `open(url)`. `cannot(workload)`: it is left out of that. */
export const clients = {
  // No client: it cannot tell handlers apart, nor answer.
  bare: { label: "bare WebSocket", cannot: ({ qos, filters }) => qos > 0 || filters !== "#" },
  reference: { label: "by hand, unchecked" },
  tarta: { label: "tarta" },
  mqttjs: { label: "MQTT.js" },
  paho: { label: "Paho" },
  // Its publish at QoS 0 throws (0.6.7), and it does not know QoS 2.
  u8: { label: "u8-mqtt", cannot: ({ kind, qos }) => qos === 2 || (kind === "publish" && qos === 0) },
};
