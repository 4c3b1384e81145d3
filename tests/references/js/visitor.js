// Opens namespaces of a server over one connection, asks in each that it gets into for the time, and tells how it went.
// Its task comes as JSON in the first argument.

import { Fetch, Manager, NodeWebSocket } from "socket.io-client";

const classes = { Fetch, NodeWebSocket }; // for transports that are given as such, not by their names

const { url, auth, namespaces, options, until_upgraded, until_pings } = JSON.parse(process.argv[2]);
const tell = (kind, what) => process.stdout.write(JSON.stringify({ kind, ...what }) + "\n");
const transports = options.transports?.map((name) => classes[name] ?? name);

const manager = new Manager(url, transports ? { ...options, transports } : options);
const opened = new Promise((resolve) => manager.once("open", resolve));
const began = opened.then(() => manager.engine.transport.name);
const upgraded = opened.then(() => new Promise((resolve) => manager.engine.once("upgrade", resolve)));

await Promise.all([...namespaces.map(visit), until_upgraded && upgraded, until_pings && pinged(until_pings)]);
tell("left", { began: await began, ended: manager.engine.transport.name });
manager._close();

async function visit(namespace) {
  const socket = manager.socket(namespace, { auth });
  socket.on("disconnect", (reason) => tell("disconnected", { namespace, reason }));
  const refusal = await new Promise((resolve) => {
    socket.once("connect", resolve);
    socket.once("connect_error", resolve);
  });
  if (refusal) {
    tell("refused", { namespace, message: refusal.message, data: refusal.data });
    return;
  }
  const { server_time } = await socket.emitWithAck("heartbeat", {});
  tell("joined", { namespace, server_time });
}

function pinged(times) {
  return new Promise((resolve) => manager.on("ping", () => --times === 0 && resolve()));
}
