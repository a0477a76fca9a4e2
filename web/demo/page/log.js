// The last messages, newest first. However many arrive, the table is drawn once a frame.

const KEPT = 300;
const SHOWN = 100;
const LONGEST = 300; // characters of a payload

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });

export class Log {
  #place;
  #filter;
  #pause;
  #entries = [];
  #drawing = false;

  constructor(place, filter, pause) {
    this.#place = place;
    this.#filter = filter;
    this.#pause = pause;
    filter.addEventListener("input", () => this.#draw());
    pause.addEventListener("click", () => {
      pause.setAttribute("aria-pressed", !this.#paused);
      pause.textContent = this.#paused ? "Go on" : "Pause";
      this.#draw();
    });
  }

  get #paused() {
    return this.#pause.getAttribute("aria-pressed") === "true";
  }

  add(message) {
    if (this.#paused) return;
    this.#entries.unshift({
      time: clock.format(Date.now()),
      topic: message.topic,
      payload: message.payload.length > 0 ? message.text().slice(0, LONGEST) : "(empty)",
      qos: `${message.qos}${message.retain ? ", retained" : ""}`,
    });
    this.#entries.length = Math.min(this.#entries.length, KEPT);
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const entries = this.#entries.filter(({ topic }) => topic.toLowerCase().includes(wanted)).slice(0, SHOWN);
    const rows = entries.map((entry) => {
      entry.row ??= makeRow(entry);
      return entry.row;
    });
    this.#place.replaceChildren(...rows);
  }
}

function makeRow({ time, topic, payload, qos }) {
  const row = document.createElement("tr");
  for (const text of [time, topic, payload, qos]) row.insertCell().textContent = text;
  return row;
}
