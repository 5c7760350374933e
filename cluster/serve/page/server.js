// The studio's server: questions that are refused with a sentence, and events that come back after a lost connection.

export class Refusal extends Error {
  constructor({ code, message, cure = "" }) {
    super(cure ? `${sentence(message)} ${sentence(cure)}` : message);
    this.code = code;
  }
}
const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
const UNREACHABLE = { code: "unreachable", message: "The studio does not answer.", cure: "Nothing is lost: the page goes on when it does" };

async function answered(method, path, body) {
  const isRaw = body instanceof Blob;
  const headers = body === undefined || isRaw ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined || isRaw ? body : JSON.stringify(body) });
  } catch {
    throw new Refusal(UNREACHABLE);
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Refusal(told.error ?? { code: String(answer.status), message: `The studio refused this (status ${answer.status}).` });
}

export async function ask(method, path, body) {
  const answer = await answered(method, path, body);
  return answer.status === 204 ? null : answer.json();
}

export async function bytes(path) {
  return (await answered("GET", path)).arrayBuffer();
}

export const songPath = (song, ...rest) => ["/api/songs", song, ...rest].map((part, index) => (index ? encodeURIComponent(part) : part)).join("/");

export const socketTo = (path) => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);

// Tells every event to `heard`, and whether there is a connection to `connected`; tries again as long as the page is open.
export function listen(heard, connected) {
  let wait_ms = 500;
  const connect = () => {
    const socket = socketTo("/api/events");
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "hello") { wait_ms = 500; connected(true); }
      heard(event);
    };
    socket.onclose = ({ code }) => {
      connected(false, code === 4401);
      if (code === 4401) return;
      setTimeout(connect, wait_ms);
      wait_ms = Math.min(2 * wait_ms, 8000);
    };
  };
  connect();
}
