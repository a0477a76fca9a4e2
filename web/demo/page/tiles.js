// A tile for each sensor that tells about itself: its value, the curve of the last readings, and what it can be told.

const READINGS = 50;
const WIDTH = 120; // of the curve's view box
const HEIGHT = 32;
const STEP = WIDTH / (READINGS - 1);
const FLAT = 0.04; // of the value: less than that looks level

const STATUS = { on: "live", off: "switched off", lost: "line lost" };

const inWords = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");

class Tile {
  #numbers = [];

  constructor(template, sensor, { room, quantity }, tell) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.sensor = sensor;
    this.#find("h3").textContent = inWords(room);
    this.#find(".quantity").textContent = quantity;
    this.power = this.#find(".power");
    this.cut = this.#find(".cut");
    this.power.setAttribute("aria-label", `${inWords(room)}, ${quantity}: on`);
    this.power.addEventListener("click", () => tell(sensor, this.element.dataset.status === "on" ? "off" : "on"));
    this.cut.addEventListener("click", () => tell(sensor, "cut"));
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  about({ unit }) {
    this.#find(".unit").textContent = unit;
  }

  status(status) {
    this.element.dataset.status = status;
    this.#find(".status").textContent = STATUS[status] ?? status;
    this.power.setAttribute("aria-checked", status === "on");
  }

  reading(text) {
    this.#find("b").textContent = text;
    const number = text === "open" ? 1 : text === "closed" ? 0 : Number(text);
    if (Number.isNaN(number)) return;
    this.#numbers = [...this.#numbers, number].slice(-READINGS);
    const { line, area } = curve(this.#numbers, text === "open" || text === "closed");
    this.#find(".line").setAttribute("d", line);
    this.#find(".area").setAttribute("d", area);
  }
}

/** The paths of a curve whose newest reading is at the right edge. */
function curve(numbers, stepped) {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const range = Math.max(high - low, FLAT * Math.abs(high)) || 1;
  const bottom = (low + high - range) / 2;
  const from = WIDTH - (numbers.length - 1) * STEP;
  const points = numbers.map((number, index) => {
    const x = (from + index * STEP).toFixed(1);
    const y = (HEIGHT - 3 - ((number - bottom) / range) * (HEIGHT - 6)).toFixed(1);
    if (index === 0) return `M${x} ${y}`;
    return stepped ? `H${x}V${y}` : `L${x} ${y}`;
  });
  const line = points.join("");
  return { line, area: `${line}V${HEIGHT}H${from.toFixed(1)}Z` };
}

export class Tiles {
  #place;
  #template;
  #tell;
  #tiles = new Map();
  #waiting = new Map(); // what came before the sensor told about itself
  #enabled = false;

  /** `tell(sensor, order)` sends an order to a sensor. */
  constructor(place, template, tell) {
    this.#place = place;
    this.#template = template;
    this.#tell = tell;
  }

  /** Whether orders can be given, and what is shown is of now. */
  set enabled(enabled) {
    this.#enabled = enabled;
    this.#place.toggleAttribute("data-stale", !enabled);
    for (const tile of this.#tiles.values()) this.#enable(tile);
  }

  #enable(tile) {
    tile.power.disabled = tile.cut.disabled = !this.#enabled;
  }

  about(names, facts) {
    const sensor = `${names.room}/${names.quantity}`;
    if (!facts) {
      this.#tiles.get(sensor)?.element.remove();
      this.#tiles.delete(sensor);
      return;
    }
    let tile = this.#tiles.get(sensor);
    if (!tile) {
      tile = new Tile(this.#template, sensor, names, this.#tell);
      this.#tiles.set(sensor, tile);
      this.#enable(tile);
      this.#arrange();
      const { status, reading } = this.#waiting.get(sensor) ?? {};
      if (status) tile.status(status);
      if (reading) tile.reading(reading);
    }
    tile.about(facts);
  }

  /** By quantity, then by room; in whatever order they came. */
  #arrange() {
    const key = (sensor) => sensor.split("/").reverse().join("/");
    const sorted = [...this.#tiles].sort(([a], [b]) => (key(a) < key(b) ? 1 : -1));
    this.#place.replaceChildren(...sorted.map(([, tile]) => tile.element));
  }

  status(names, status) {
    this.#pass(names, "status", status);
  }

  reading(names, reading) {
    this.#pass(names, "reading", reading);
  }

  #pass({ room, quantity }, what, text) {
    const sensor = `${room}/${quantity}`;
    const tile = this.#tiles.get(sensor);
    if (!text) return;
    if (tile) tile[what](text);
    else this.#waiting.set(sensor, { ...this.#waiting.get(sensor), [what]: text });
  }
}
