// A process that publishes until it is killed: `node publisher.mjs URL FOLDER FIRST COUNT`. It says `stored N` when a message is
// in its store, and `done` when all are acknowledged.
import { writeSync } from "node:fs";
import { Client } from "tarta";
import { fileStore } from "tarta/node";

const [url, folder, first, count] = process.argv.slice(2);
const TOGETHER = 8; // messages that are on their way into the store at once
const say = (line) => writeSync(1, `${line}\n`);

const client = new Client(url, { version: 5, store: fileStore(folder), reconnect: { min: 1, max: 20, initial: true } });
const connected = client.connect();
for (let number = Number(first); number < Number(first) + Number(count); ) {
  const batch = [];
  for (let left = TOGETHER; left > 0; left--, number++) {
    const text = String(number);
    const { stored } = client.enqueue("kept", text, { qos: number % 3 === 0 ? 1 : 2 });
    batch.push(stored.then(() => say(`stored ${text}`)));
  }
  await Promise.all(batch);
}
await connected;
await client.drain();
say("done");
await client.close();
