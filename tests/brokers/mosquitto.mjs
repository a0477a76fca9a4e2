// Mosquitto for tests: a broker of one's own on free loopback ports, with everything it writes in a temporary folder.
//
//   const broker = await startMosquitto();
//   broker.url          ws://127.0.0.1:…   anyone may come in
//   broker.guarded      { url, username, password }: only this user, who may write below `open/` and nowhere else
//   broker.front        { url }: a WebSocket server before its TCP listener, as a proxy has it
//   await broker.stop()
//
// Version 2.0 serves a WebSocket ten times a second and reads 4 KB each time: 1 MB takes half a minute there, and none
// of it behind the front.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWebSocketStream, WebSocketServer } from "ws";
import { guard } from "./guard.mjs";

const START_WITHIN = 10_000;
const STOP_WITHIN = 3_000;
const ATTEMPTS = 5;

const user = { username: "tarta", password: "a secret of sixty-four" };

/** Where Mosquitto is; Debian's /usr/sbin is not on everyone's PATH. */
export function mosquittoProgram() {
  return [process.env.MOSQUITTO, "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"].find(
    (path) => path && existsSync(path),
  );
}

/** A port that nothing listens on, as of now. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function configuration(folder, ports) {
  // Left to itself its WebSocket library takes an IPv6 socket, and with it the address of every network.
  const websockets = ["socket_domain ipv4", "protocol websockets"];
  return [
    "per_listener_settings true",
    "persistence false",
    "log_dest stderr",
    "log_type error",
    "log_type warning",
    "log_type notice",
    "log_type information",
    // The tests send thousands of messages faster than a subscriber takes them.
    "max_queued_messages 20000",
    // 2.0.11 forgets what it queued at QoS 2 beyond the messages in flight, 20 of them by default.
    "max_inflight_messages 2000",
    // As root it would become another user, who cannot read the temporary folder.
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    `listener ${ports.open} 127.0.0.1`,
    ...websockets,
    "allow_anonymous true",
    `listener ${ports.guarded} 127.0.0.1`,
    ...websockets,
    "allow_anonymous false",
    `password_file ${join(folder, "passwords")}`,
    `acl_file ${join(folder, "rights")}`,
    `listener ${ports.tcp} 127.0.0.1`,
    "allow_anonymous true",
    "",
  ].join("\n");
}

/** Starts it once; resolves to null when another program took one of the ports in the meantime. */
async function launch(program, folder) {
  const ports = { open: await freePort(), guarded: await freePort(), tcp: await freePort() };
  writeFileSync(join(folder, "mosquitto.conf"), configuration(folder, ports));
  const child = spawn(program, ["-c", join(folder, "mosquitto.conf")], { stdio: ["ignore", "ignore", "pipe"] });
  const gone = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));

  let log = "";
  child.stderr.setEncoding("utf8");
  const running = new Promise((resolve) => {
    child.stderr.on("data", (text) => {
      log = (log + text).slice(-100_000);
      // It says so after the last listener was opened.
      if (/mosquitto version \S+ running/.test(log)) resolve(true);
    });
  });
  const late = new Promise((resolve) => setTimeout(resolve, START_WITHIN).unref());
  if (await Promise.race([running, gone.then(() => false), late])) return { child, gone, ports, log: () => log };

  child.kill("SIGKILL");
  if (/address already in use|unable to create websockets listener/i.test(log)) return null;
  throw new Error(`Mosquitto did not start.\n${log}`);
}

async function startFront(tcpPort) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: (offered) => offered.has("mqtt") && "mqtt" });
  server.on("connection", (socket) => {
    const outside = createWebSocketStream(socket);
    const inside = connect(tcpPort, "127.0.0.1");
    const end = () => {
      outside.destroy();
      inside.destroy();
    };
    for (const stream of [outside, inside]) stream.on("error", end).on("close", end);
    outside.pipe(inside).pipe(outside);
  });
  await new Promise((resolve, reject) => server.once("error", reject).once("listening", resolve));
  return {
    url: `ws://127.0.0.1:${server.address().port}`,
    async stop() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function startMosquitto() {
  const program = mosquittoProgram();
  if (!program) throw new Error("Mosquitto is not installed: run scripts/setup, or set MOSQUITTO to the program.");

  const folder = mkdtempSync(join(tmpdir(), "tarta-mosquitto-"));
  try {
    writeFileSync(join(folder, "passwords"), "", { mode: 0o600 });
    execFileSync("mosquitto_passwd", ["-b", join(folder, "passwords"), user.username, user.password], { stdio: "pipe" });
    writeFileSync(join(folder, "rights"), `user ${user.username}\ntopic readwrite open/#\n`, { mode: 0o600 });

    let broker = null;
    for (let attempt = 0; !broker && attempt < ATTEMPTS; attempt++) broker = await launch(program, folder);
    if (!broker) throw new Error(`Mosquitto found its ports taken, ${ATTEMPTS} times in a row.`);
    const { child, gone, ports, log } = broker;

    const release = guard(child.pid, folder);
    const front = await startFront(ports.tcp);

    return {
      url: `ws://127.0.0.1:${ports.open}`,
      guarded: { url: `ws://127.0.0.1:${ports.guarded}`, ...user },
      front: { url: front.url },
      pid: child.pid,
      log,
      async stop() {
        await front.stop();
        child.kill("SIGTERM");
        const forced = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN);
        await gone;
        clearTimeout(forced);
        await release();
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
