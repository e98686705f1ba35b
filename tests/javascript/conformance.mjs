// Talks to a conat endpoint with the libraries CoCalc's own client is made of, and checks
// what conat-core promises. Usage: node conformance.mjs <address> [cookie] [<project id>]
// Prints one JSON object: {passed: [names], failed: [{name, error}]}.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { decode, encode } from "@msgpack/msgpack";
import { io } from "socket.io-client";

const [address, cookie = "", projectId = ""] = process.argv.slice(2);
const MSGPACK = 0;
const JSON_TEXT = 1;
const TIMEOUT = 20_000;

const randomId = () => randomBytes(5).toString("hex");

const codecs = {
  [MSGPACK]: { encode: (value) => Buffer.from(encode(value)), decode: (raw) => decode(raw) },
  [JSON_TEXT]: {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (raw) => JSON.parse(Buffer.from(raw).toString()),
  },
};

async function connect() {
  const url = new URL(address);
  const path = `${url.pathname.replace(/\/$/, "")}/conat`;
  const extraHeaders = cookie ? { Cookie: cookie } : undefined;
  const socket = io(url.origin, { path, transports: ["websocket"], forceNew: true, extraHeaders });
  const info = await new Promise((resolve, reject) => {
    socket.on("connect_error", reject);
    socket.on("info", (value, ack) => {
      ack?.();
      resolve(value);
    });
  });
  return { socket, info, ask: (...args) => socket.timeout(TIMEOUT).emitWithAck(...args) };
}

function collect(client, pattern) {
  const messages = [];
  const waiting = [];
  const chunks = new Map();
  client.socket.on(pattern, ({ subject, data: [id, seq, done, encoding, raw, headers] }) => {
    const parts = chunks.get(id) ?? [];
    assert.equal(seq, parts.length, "chunks come in order");
    parts.push(raw);
    chunks.set(id, parts);
    if (!done) return;
    chunks.delete(id);
    const value = codecs[encoding].decode(Buffer.concat(parts));
    const message = { subject, value, headers, encoding };
    if (waiting.length > 0) waiting.shift()(message);
    else messages.push(message);
  });
  return () =>
    messages.length > 0 ? messages.shift() : new Promise((resolve) => waiting.push(resolve));
}

async function subscribe(client, subject, queue = randomId()) {
  const next = collect(client, subject);
  assert.deepEqual(await client.ask("subscribe", { subject, queue }), { status: "added" });
  return next;
}

async function publish(client, subject, value, { headers, encoding = MSGPACK } = {}) {
  const raw = codecs[encoding].encode(value);
  const size = client.info.max_payload - 100_000;
  const id = randomId();
  const acks = [];
  for (let seq = 0; seq * size < raw.length; seq++) {
    const done = (seq + 1) * size >= raw.length ? 1 : 0;
    const data = [subject, id, seq, done, encoding, raw.subarray(seq * size, (seq + 1) * size)];
    if (done && headers !== undefined) data.push(headers);
    acks.push(client.ask("publish", data));
  }
  const answers = await Promise.all(acks);
  const failed = answers.find((answer) => answer.error !== undefined);
  return failed ?? { count: Math.max(...answers.map((answer) => answer.count)) };
}

function inboxOf({ info }) {
  const user = info.user ?? {};
  if (user.account_id) return `_INBOX.account-${user.account_id}.${randomId()}`;
  return `_INBOX.${randomId()}`;
}

async function openInbox(client) {
  const base = inboxOf(client);
  const next = await subscribe(client, `${base}.*`);
  return async (subject, value) => {
    const headers = { "CN-Reply": `${base}.${randomId()}` };
    assert.ok((await publish(client, subject, value, { headers })).count > 0, "it reached somebody");
    return await next();
  };
}

// Subjects that everybody who may use this server may use in both directions.
const prefix = projectId ? `project.${projectId}.conformance` : "conformance";

const values = [
  ["text", "hello žluťoučký 🐢"],
  ["integer", 7],
  ["negative", -129],
  ["large integer", 2 ** 40],
  ["fraction", 3.25],
  ["null", null],
  ["boolean", true],
  ["object", { a: 1, b: { c: [1, "x", null] } }],
  ["empty text", ""],
];

const checks = {
  "2.2 info names the payload limit and the user": async ({ one }) => {
    assert.equal(one.info.max_payload, 8_000_000);
    assert.equal(typeof one.info.id, "string");
    assert.ok("user" in one.info && one.info.user?.error === undefined);
  },

  "4.2 a message arrives under its pattern, in both encodings": async ({ one, two }) => {
    const next = await subscribe(one, `${prefix}.greet.*`);
    for (const encoding of [MSGPACK, JSON_TEXT]) {
      for (const [name, value] of values) {
        const headers = { name };
        const { count } = await publish(two, `${prefix}.greet.world`, value, { headers, encoding });
        assert.equal(count, 1);
        const message = await next();
        assert.equal(message.subject, `${prefix}.greet.world`);
        assert.deepEqual([message.value, message.headers, message.encoding], [value, headers, encoding]);
      }
    }
  },

  "5.1 binary and dates keep their types": async ({ one, two }) => {
    const next = await subscribe(one, `${prefix}.types`);
    const date = new Date(1_700_000_000_123);
    await publish(two, `${prefix}.types`, { date, binary: new Uint8Array([0, 1, 254, 255]) });
    const { value } = await next();
    assert.deepEqual(value.date, date);
    assert.deepEqual([...value.binary], [0, 1, 254, 255]);
  },

  "9.1 counts say how many queue groups were reached": async ({ one, two }) => {
    const subject = `${prefix}.count.it`;
    assert.deepEqual(await publish(one, subject, 1), { count: 0 });
    await subscribe(one, subject, "q");
    assert.deepEqual(await publish(one, subject, 1), { count: 1 });
    await subscribe(two, subject, "q");
    assert.deepEqual(await publish(one, subject, 1), { count: 1 });
    await subscribe(two, `${prefix}.count.*`, "q");
    assert.deepEqual(await publish(one, subject, 1), { count: 2 });
  },

  "8.1 subscriptions are listed, and end": async ({ two }) => {
    const subject = `${prefix}.listed`;
    await subscribe(two, subject);
    assert.ok((await two.ask("subscriptions", null)).includes(subject));
    const again = { subject, queue: "another" };
    assert.deepEqual(await two.ask("subscribe", again), { status: "already-added" });
    assert.equal(await two.ask("unsubscribe", { subject }), null);
    assert.ok(!(await two.ask("subscriptions", null)).includes(subject));
  },

  "9.3 a wait for interest ends when somebody subscribes": async ({ one, two }) => {
    const subject = `${prefix}.late`;
    assert.equal(await one.ask("wait-for-interest", { subject, timeout: 0 }), false);
    const waiting = one.ask("wait-for-interest", { subject, timeout: 10_000 });
    await subscribe(two, subject);
    assert.equal(await waiting, true);
  },

  "10.2 a request gets its reply": async ({ one, two }) => {
    const next = await subscribe(two, `${prefix}.double`);
    const request = await openInbox(one);
    const reply = request(`${prefix}.double`, 21);
    const asked = await next();
    await publish(two, asked.headers["CN-Reply"], asked.value * 2);
    assert.equal((await reply).value, 42);
  },

  "3.3 an invalid subject is an error, and the connection stays": async ({ one }) => {
    assert.deepEqual(await publish(one, "a..b", 1), { error: "Error: invalid subject" });
    assert.deepEqual(await publish(one, `${prefix}.nobody`, 1), { count: 0 });
  },

  "4.3 a message of 20 MB arrives in chunks": async ({ one, two }) => {
    const next = await subscribe(one, `${prefix}.big`);
    const big = randomBytes(20_000_000);
    assert.deepEqual(await publish(two, `${prefix}.big`, big), { count: 1 });
    assert.equal(Buffer.compare(Buffer.from((await next()).value), big), 0);
  },
};

const projectChecks = {
  "project API 3.2: system.ping answers the time": async ({ one }) => {
    const request = await openInbox(one);
    const call = { name: "system.ping", args: [] };
    const { value } = await request(`project.${projectId}.0.api.-`, call);
    assert.ok(Math.abs(value.now - Date.now()) < 60_000);
  },

  "12.2 what is not allowed is refused with 403 and a notice": async ({ one }) => {
    const notice = new Promise((resolve) => one.socket.once("permission", resolve));
    const answer = await publish(one, "project.00000000-0000-4000-8000-00000000dead.0.api.-", 1);
    assert.equal(answer.code, 403);
    assert.match(answer.error, /^Error: permission denied publishing to 'project\./);
    assert.equal((await notice).type, "pub");
  },
};

async function run(all) {
  const clients = { one: await connect(), two: await connect() };
  const passed = [];
  const failed = [];
  for (const [name, check] of Object.entries(all)) {
    try {
      await check(clients);
      passed.push(name);
    } catch (error) {
      failed.push({ name, error: String(error?.stack ?? error) });
    }
  }
  for (const { socket } of Object.values(clients)) socket.disconnect();
  return { passed, failed };
}

const report = await run(projectId ? { ...checks, ...projectChecks } : checks);
console.log(JSON.stringify(report));
process.exitCode = report.failed.length === 0 ? 0 : 1;
