// A player who knows nothing of the rules, on the stock socket.io-client. What it is to do comes as JSON in the first
// argument; what happens goes out as lines of JSON; where it is told to hold, it waits for a line from its input.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const { url, token, game_id, seed, options, holds } = JSON.parse(process.argv[2]);

const tell = (kind, what) => process.stdout.write(JSON.stringify({ kind, ...what }) + "\n");
const input = createInterface({ input: process.stdin });

const socket = io(`${url}/game`, { auth: { token }, ...options });
const manager = socket.io;

let decided = 0; // the event after which this player acted last, or is about to
let shown = 0; // the last event that it was shown
let acts = 0;

// ---- what is only watched

manager.on("open", () => {
  const engine = manager.engine;
  tell("opened", { transport: engine.transport.name });
  engine.on("message", (text) => tell("in", { text }));
  engine.on("packetCreate", ({ type, data }) => type === "message" && tell("out", { text: data }));
  engine.on("upgrade", (transport) => tell("upgraded", { transport: transport.name }));
});
socket.onAny((event, ...args) => tell("event", { event, args }));
socket.on("disconnect", (reason) => tell("disconnected", { reason }));
socket.on("connect_error", (error) => tell("refused", { message: error.message, data: error.data }));

// ---- the game

socket.on("connect", async () => {
  tell("connected", { transport: manager.engine.transport.name });
  const data = shown === 0 ? { game_id } : { game_id, last_event_id: shown };
  const { answer } = await ask("game:join", data);
  if (answer?.success) see(answer);
});

socket.on("game:state", (view) => see(view));

socket.on("game:game_over", (ending) => {
  // The answer to the last action came before this, but a promise tells of it later than an event.
  setImmediate(() => {
    tell("over", { ending, transport: manager.engine.transport.name });
    input.close();
    socket.close();
  });
});

function see(view) {
  shown = Math.max(shown, view.event_id);
  if (view.legal_actions && view.event_id > decided) act(view);
}

async function act(view) {
  decided = view.event_id;
  const action = choose(view);
  if (holds.includes(++acts)) {
    tell("held", { acts });
    await once(input, "line");
  }
  // The same again, until it is answered: with its message id it counts once.
  const request = { game_id, action, message_id: `m${view.event_id}` };
  while (!(await ask("game:action", request)).answer);
}

async function ask(event, request) {
  try {
    const answer = await socket.emitWithAck(event, request);
    tell("answered", { event, request, answer });
    return { answer };
  } catch (error) {
    tell("unanswered", { event, request, why: error.message });
    return {};
  }
}

function choose({ event_id, legal_actions }) {
  const digest = createHash("sha256").update(`${seed}:${event_id}`).digest();
  return legal_actions[digest.readUInt32BE(0) % legal_actions.length];
}
