// The simulated house: what each sensor measures, and the curve that its values follow.
//
// A value depends on the sensor and the count of its readings alone, so every run shows the same curves.

/** A random number of 0 … 1 for each pair of integers, always the same. */
function noise(seed, step) {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(step + 1, 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

const wave = (step, length, phase = 0) => Math.sin(((step + phase) / length) * 2 * Math.PI);
const jitter = (seed, step, size) => (noise(seed, step) - 0.5) * 2 * size;

const temperature = (seed, mean, swing) => (step) =>
  (mean + swing * wave(step, 90, seed * 17) + 0.3 * swing * wave(step, 23) + jitter(seed, step, 0.15)).toFixed(1);

const humidity = (seed, mean, swing) => (step) =>
  Math.round(mean + swing * wave(step, 70, seed * 31) + jitter(seed, step, 1)).toString();

/** A device that now and then is switched on for a while. */
const appliance = (seed, idle, load) => (step) => {
  const on = noise(seed, Math.floor(step / 15)) > 0.55;
  return Math.round((on ? load : idle) * (1 + jitter(seed, step, 0.06))).toString();
};

const sun = (seed, peak) => (step) =>
  Math.round(Math.max(0, peak * (0.3 + 0.7 * wave(step, 120, 10))) * (1 - 0.35 * noise(seed, Math.floor(step / 6)))).toString();

const door = (seed) => (step) => (noise(seed, Math.floor(step / 4)) > 0.7 ? "open" : "closed");

const degrees = { quantity: "temperature", unit: "°C", period: 1000 };
const percent = { quantity: "humidity", unit: "%", period: 1500 };
const watts = { quantity: "power", unit: "W", period: 700 };
const leaf = { quantity: "door", unit: "", period: 2000 };

/** room and quantity name the sensor; `reading(step)` is the text of its payload. */
export const sensors = [
  { room: "living-room", ...degrees, reading: temperature(1, 21.5, 0.8) },
  { room: "kitchen", ...degrees, reading: temperature(2, 22.8, 1.4) },
  { room: "cellar", ...degrees, reading: temperature(3, 12.4, 0.4) },
  { room: "greenhouse", ...degrees, reading: temperature(4, 26, 4) },
  { room: "bathroom", ...percent, reading: humidity(5, 62, 14) },
  { room: "cellar", ...percent, reading: humidity(6, 71, 3) },
  { room: "greenhouse", ...percent, reading: humidity(7, 78, 9) },
  { room: "kitchen", ...watts, reading: appliance(8, 90, 2150) },
  { room: "heat-pump", ...watts, reading: appliance(9, 35, 1300) },
  { room: "roof", ...watts, reading: sun(10, 4200) },
  { room: "front", ...leaf, reading: door(11) },
  { room: "garage", ...leaf, reading: door(12) },
];
