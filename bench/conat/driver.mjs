// Drives a conat server and measures it, with the libraries that CoCalc's own client is made of.
// Usage: node driver.mjs <port> <measure> <amount>. Prints one number: milliseconds for a time,
// or messages per second for a rate. "idle" prints "ready" and keeps its connections open.
//
// Subscribers live in threads of their own, so that the server is what is waited for.

import { Worker, isMainThread, parentPort, threadId, workerData } from "node:worker_threads";
import { performance } from "node:perf_hooks";
import { decode, encode } from "@msgpack/msgpack";
import { io } from "socket.io-client";

const THREADS = 2;
const SMALL = { name: "read", args: ["x".repeat(150)] };

let made = 0;
const newId = () => `${threadId}-${(made++).toString(36)}`.padStart(10, "0");

async function connect(port) {
  const options = { path: "/conat", transports: ["websocket"], forceNew: true };
  const socket = io(`http://127.0.0.1:${port}`, options);
  const info = await new Promise((resolve, reject) => {
    socket.on("connect_error", reject);
    socket.on("info", (value, acknowledge) => {
      acknowledge?.();
      resolve(value);
    });
  });
  return { socket, chunkSize: info.max_payload - 100_000 };
}

/** Send a value in chunks; return the promises of their acknowledgements. */
function publish({ socket, chunkSize }, subject, value, headers) {
  const raw = encode(value);
  const id = newId();
  const acknowledgements = [];
  for (let seq = 0, start = 0; start < raw.length; seq++, start += chunkSize) {
    const done = start + chunkSize >= raw.length;
    const data = [subject, id, seq, done ? 1 : 0, 0, raw.subarray(start, start + chunkSize)];
    if (done && headers !== undefined) data.push(headers);
    acknowledgements.push(socket.emitWithAck("publish", data));
  }
  return acknowledgements;
}

/** Call ``receive(value, headers)`` for each message. */
async function subscribe({ socket }, subject, receive) {
  const parts = [];
  socket.on(subject, ({ data: [, , done, , raw, headers] }) => {
    parts.push(raw);
    if (!done) return;
    const whole = parts.length === 1 ? raw : Buffer.concat(parts);
    parts.length = 0;
    receive(decode(whole), headers);
  });
  await socket.emitWithAck("subscribe", { subject, queue: newId() });
}

/** Answer requests on a subject with what they bring. */
async function serveEcho(port) {
  const client = await connect(port);
  await subscribe(client, "echo", (value, { "CN-Reply": reply }) => publish(client, reply, value));
}

/** Count messages on a subject for several subscribers; tell when each has had its share. */
async function countMessages(port, count, subscribers) {
  let left = count * subscribers;
  const receive = () => {
    if (--left === 0) parentPort.postMessage("done");
  };
  for (let number = 0; number < subscribers; number++) {
    await subscribe(await connect(port), "news", receive);
  }
}

const roles = { serveEcho, countMessages };

/** Run a role in a thread; return the thread when it is ready. */
async function startThread(role, ...args) {
  const thread = new Worker(new URL(import.meta.url), { workerData: { role, args } });
  thread.on("error", fail);
  await new Promise((resolve) => thread.once("message", resolve));
  return thread;
}

async function makeRequester(port) {
  await startThread("serveEcho", port);
  const client = await connect(port);
  const waiting = [];
  await subscribe(client, "_INBOX.bench", (value) => waiting.shift()(value));
  return (value) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      publish(client, "echo", value, { "CN-Reply": "_INBOX.bench" });
    });
}

/** Call ``work`` many times, always so many at a time; return the calls in a second. */
async function rate(count, atATime, work) {
  let left = count;
  const begun = performance.now();
  const run = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: atATime }, run));
  return (1000 * count) / (performance.now() - begun);
}

async function latency(port, count) {
  const request = await makeRequester(port);
  const times = [];
  for (let number = 0; number < count; number++) {
    const begun = performance.now();
    await request(SMALL);
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[count >> 1];
}

async function inFlight(port, count) {
  const request = await makeRequester(port);
  await rate(count >> 2, 100, () => request(SMALL));
  return rate(count, 100, () => request(SMALL));
}

async function echo(port, count) {
  const request = await makeRequester(port);
  const megabyte = new Uint8Array(1_000_000);
  await request(megabyte);
  return rate(count, 1, () => request(megabyte));
}

/** Return the deliveries in a second, from the first publish to the last arrival. */
async function fanOut(port, count, subscribers) {
  const shares = Array.from({ length: Math.min(THREADS, subscribers) }, (_, index) =>
    Math.floor((subscribers + index) / Math.min(THREADS, subscribers)),
  );
  const threads = await Promise.all(shares.map((n) => startThread("countMessages", port, count, n)));
  const arrived = threads.map((thread) => new Promise((resolve) => thread.once("message", resolve)));
  const client = await connect(port);
  const begun = performance.now();
  await rate(count, 100, () => Promise.all(publish(client, "news", SMALL)));
  await Promise.all(arrived);
  return (1000 * count * subscribers) / (performance.now() - begun);
}

async function chunked(port, megabytes) {
  const thread = await startThread("countMessages", port, 1, 1);
  const arrived = new Promise((resolve) => thread.once("message", resolve));
  const client = await connect(port);
  const value = new Uint8Array(megabytes * 1_000_000);
  const begun = performance.now();
  await Promise.all(publish(client, "news", value));
  await arrived;
  return performance.now() - begun;
}

async function idle(port, count) {
  for (let number = 0; number < count; number += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - number) }, () => connect(port)));
  }
  console.log("ready");
  await new Promise(() => {});
}

const measures = {
  latency,
  inFlight,
  echo,
  chunked,
  idle,
  fanOut1: (port, count) => fanOut(port, count, 1),
  fanOut10: (port, count) => fanOut(port, count, 10),
  fanOut100: (port, count) => fanOut(port, count, 100),
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

async function main() {
  if (!isMainThread) {
    await roles[workerData.role](...workerData.args);
    parentPort.postMessage("ready");
    return;
  }
  const [port, measure, amount] = process.argv.slice(2);
  console.log(await measures[measure](Number(port), Number(amount)));
  process.exit(0);
}

main().catch(fail);
