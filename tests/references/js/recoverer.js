// A player who asks for recovery, on the stock socket.io-client: it joins its game when it has to, and tells what comes.
// Its task comes as JSON in the first argument; each line of its input has it lose its transport.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const { url, token, game_id, options } = JSON.parse(process.argv[2]);

const tell = (kind, what) => process.stdout.write(JSON.stringify({ kind, ...what }) + "\n");
const socket = io(`${url}/game`, { auth: { token, recovery: true }, ...options });

socket.onAny((event, ...args) => tell("event", { event, args }));
socket.on("disconnect", (reason) => tell("disconnected", { reason, comes_back: socket.active }));
socket.on("connect_error", (error) => tell("refused", { message: error.message }));
socket.on("connect", async () => {
  tell("connected", { sid: socket.id, recovered: socket.recovered });
  if (!socket.recovered) {
    const answer = await socket.emitWithAck("game:join", { game_id });
    tell("joined", { event_id: answer.event_id });
  }
});

createInterface({ input: process.stdin }).on("line", () => socket.io.engine.close());
