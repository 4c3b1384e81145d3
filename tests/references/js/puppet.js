// Stock clients of socket.io-client on strings: each line of the input is a command as JSON, for the client of the name
// `who`; what happens to any of them goes out as a line of JSON.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const { url } = JSON.parse(process.argv[2]);
const sockets = new Map();
const tell = (kind, what) => process.stdout.write(JSON.stringify({ kind, ...what }) + "\n");

function connect({ who, auth, options }) {
  const socket = io(`${url}/game`, { auth, forceNew: true, ...options });
  sockets.set(who, socket);
  socket.onAny((event, ...args) => tell("event", { who, event, args }));
  socket.on("connect", () => tell("connected", { who, sid: socket.id, recovered: socket.recovered }));
  socket.on("disconnect", (reason) => tell("disconnected", { who, reason, comes_back: socket.active }));
  socket.on("connect_error", (error) => tell("refused", { who, message: error.message, data: error.data }));
}

async function ask({ who, id, event, data }) {
  try {
    tell("answered", { who, id, answer: await sockets.get(who).emitWithAck(event, data) });
  } catch (error) {
    tell("unanswered", { who, id, why: error.message });
  }
}

const commands = {
  connect,
  ask,
  tell: ({ who, event, data }) => sockets.get(who).emit(event, data),
  cut: ({ who }) => sockets.get(who).io.engine.close(), // the library comes back by itself
  leave: ({ who }) => sockets.get(who).disconnect(),
  end: () => {
    for (const socket of sockets.values()) socket.close();
    input.close();
  },
};

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const { what, ...command } = JSON.parse(line);
  commands[what](command);
});
