// A cold start: `node load.mjs CLIENT PORT` prints the ms from the import to CONNACK.
const [name, port] = process.argv.slice(2);
const begin = performance.now();
const { open } = await import(`../clients/${name}.mjs`);
await open(`ws://127.0.0.1:${port}/hold/0`);
console.log(JSON.stringify(performance.now() - begin));
process.exit();
