// Streams of the persist service, as other clients see them (conat-sync §1, §2, §4, §8.3). The
// starter can "restart" the server, and has structures of its own on the same stores: a map
// ("map set", "map delete", "map until") and a log ("log push", "log until").
// Usage: node streams.mjs <address>

import assert from "node:assert/strict";
import { once } from "node:events";
import { JSON_TEXT, randomId } from "./lib/codecs.mjs";
import { connect } from "./lib/client.mjs";
import { codeOf } from "./lib/errors.mjs";
import { Queue, take } from "./lib/queue.mjs";
import { ask, run } from "./lib/report.mjs";
import { Store } from "./lib/store.mjs";
import { operation, Stream } from "./lib/stream.mjs";

const [address] = process.argv.slice(2);
const PROJECT = "00000000-0000-4000-8000-000000000000";
const SCOPE = `project-${PROJECT}`;
const pathOf = (name) => `projects/${PROJECT}/${name}`;
const streamOf = (client, name, options) =>
  new Stream(client, SCOPE, { path: pathOf(name), ...options });
const open = (client, name, options) => streamOf(client, name, options).open();

const FIELDS = [
  "allow_msg_ttl",
  "desc",
  "discard_policy",
  "max_age",
  "max_bytes",
  "max_bytes_per_second",
  "max_msg_size",
  "max_msgs",
  "max_msgs_per_second",
];

const checks = {
  "1.3 a bare string names the server": async (client) => {
    const { value } = await client.request(`persist.${SCOPE}.id`, null);
    assert.equal(typeof value, "string");
  },

  "1.5 what was set is got by number and by key, a miss has no headers": async (client) => {
    const stream = await open(client, "get");
    const { seq, time } = await stream.set({ a: [1] }, { key: "k", headers: { user: { deep: 1 } } });
    assert.equal(seq, 1);
    assert.ok(Math.abs(time - Date.now()) < 60_000);
    const expected = { value: { a: [1] }, headers: { user: { deep: 1 }, seq, time, key: "k" } };
    assert.deepEqual(await stream.get({ seq }), expected);
    assert.deepEqual(await stream.get({ key: "k" }), expected);
    for (const miss of [{ seq: 99 }, { key: "none" }]) assert.equal(await stream.get(miss), undefined);
    await stream.set(null, { key: "" });
    assert.equal((await stream.get({ key: "" })).value, null);
    assert.deepEqual(await stream.ask("keys"), ["k", ""]);
    await stream.close();
  },

  "1.5 payloads keep their bytes and their encoding": async (client) => {
    const stream = await open(client, "encodings");
    await stream.set({ text: true }, { encoding: JSON_TEXT });
    await stream.set(new Date(1750218209211));
    await stream.set(Buffer.alloc(12_000_000, 7));
    const [text, date, big] = (await stream.getAll()).map(({ value }) => value);
    assert.deepEqual(text, { text: true });
    assert.equal(date.getTime(), 1750218209211);
    assert.equal(Buffer.compare(Buffer.from(big), Buffer.alloc(12_000_000, 7)), 0);
    await stream.close();
  },

  "1.5 getAll honours both ends, and an empty answer is only an end": async (client) => {
    const stream = await open(client, "ranges");
    assert.deepEqual(await stream.getAll(), []);
    await stream.setMany([1, 2, 3, 4].map((value) => operation(value)));
    const found = await stream.getAll({ start_seq: 2, end_seq: 3 });
    assert.deepEqual(found.map(({ seq, value }) => [seq, value]), [[2, 2], [3, 3]]);
    await stream.close();
  },

  "1.5 deleting tells the numbers": async (client) => {
    const stream = await open(client, "delete");
    await stream.setMany([1, 2, 3, 4, 5].map((value) => operation(value)));
    assert.deepEqual(await stream.delete({ seq: 2 }), [2]);
    assert.deepEqual(await stream.delete({ last_seq: 3 }), [1, 3]);
    assert.deepEqual(await stream.delete({ seqs: [4, 77] }), [4, 77]);
    assert.deepEqual(await stream.delete({ all: true }), [5]);
    assert.equal((await stream.set("next")).seq, 6);
    await stream.close();
  },

  "1.5 items of setMany fail one by one": async (client) => {
    const stream = await open(client, "many");
    await stream.ask("config", { config: { max_msg_size: 50 } });
    const results = await stream.setMany([
      operation("a", { key: "k" }),
      operation("x".repeat(60)),
      operation("b", { key: "k", previousSeq: 9 }),
      operation("c", { key: "k", previousSeq: 1, headers: { by: "me" } }),
    ]);
    assert.deepEqual(results.map(({ seq, code }) => seq ?? code), [1, "reject", "wrong-last-sequence", 2]);
    assert.match(results[1].error, /max_msg_size/);
    assert.match(results[2].error, /wrong last sequence/);
    assert.deepEqual((await stream.get({ key: "k" })).headers.by, "me");
    await stream.close();
  },

  "1.8 refused messages have their codes": async (client) => {
    const stream = await open(client, "codes");
    await stream.ask("config", { config: { max_msgs: 1, discard_policy: "new" } });
    await stream.set("a", { key: "k" });
    assert.equal(await codeOf(stream.set("b")), "reject");
    assert.equal(await codeOf(stream.set("b", { key: "k", previousSeq: 5 })), "wrong-last-sequence");
    assert.equal(await codeOf(stream.ask("nonsense")), 404);
    await assert.rejects(stream.ask("sqlite", { statement: "select 1" }), /not currently supported/);
    await stream.close();
  },

  "1.5 a repeated msgID is stored once, whoever repeats it": async (client) => {
    const stream = await open(client, "ids");
    const other = await connect(address);
    const theirs = await open(other, "ids");
    const first = await stream.set("a", { msgID: "id" });
    assert.deepEqual(await stream.set("a", { msgID: "id" }), first);
    assert.deepEqual(await theirs.set("a", { msgID: "id" }), first);
    assert.equal((await stream.getAll()).length, 1);
    await theirs.close();
    other.close();
    await stream.close();
  },

  "1.6 a changefeed tells everything once, in order, with ids": async (client) => {
    const stream = await open(client, "feed");
    const other = await connect(address);
    const theirs = await open(other, "feed");
    const events = new Queue();
    stream.on("update", (event) => events.put(event));
    assert.deepEqual(await stream.follow(), []);
    await stream.set("mine", { key: "k", msgID: "one", headers: { h: 1 } });
    await theirs.set("theirs", { key: "k", msgID: "two" });
    await stream.set("ignored", { msgID: "two" });
    await theirs.delete({ seq: 2 });
    const [one, two, gone] = await take(events, 3);
    assert.deepEqual([one.seq, one.value, one.key, one.msgID, one.headers], [1, "mine", "k", "one", { h: 1 }]);
    assert.deepEqual([two.seq, two.value, two.key, two.msgID], [2, "theirs", "k", "two"]);
    assert.deepEqual(gone, { op: "delete", seqs: [2] });
    await theirs.close();
    other.close();
    await stream.close();
  },

  "1.4 a foreign path is refused in a message without value, and for all commands": async (client) => {
    const stream = new Stream(client, SCOPE, { path: "accounts/x/foreign" });
    const refusal = stream.refusal();
    await stream.open();
    const { message, code } = await refusal;
    assert.match(message, /permission denied/);
    assert.equal(code, 403);
    assert.equal(await codeOf(stream.ask("keys")), 403);
  },

  "2.6 config tells all nine fields, keeps and enforces them": async (client) => {
    const stream = await open(client, "config");
    await stream.setMany([1, 2, 3].map((value) => operation(value)));
    const config = await stream.ask("config", { config: { max_msgs: 2, desc: { a: 1 } } });
    assert.deepEqual(Object.keys(config).sort(), FIELDS);
    assert.deepEqual([config.max_msgs, config.desc, config.discard_policy], [2, { a: 1 }, "old"]);
    assert.deepEqual((await stream.getAll()).map(({ seq }) => seq), [2, 3]);
    await stream.close();
    const again = await open(client, "config");
    assert.deepEqual(await again.ask("config"), config);
    await again.close();
  },

  "2.9 the inventory counts as the contract counts": async (client) => {
    const stream = await open(client, "inventory");
    await stream.ask("config", { config: { allow_msg_ttl: true } });
    const limits = { allow_msg_ttl: true };
    assert.deepEqual(await stream.ask("inventory"), { bytes: 0, count: 0, seq: 0, limits });
    await stream.set(5, { key: "a" });
    assert.deepEqual(await stream.ask("inventory"), { bytes: 2, count: 1, seq: 1, limits });
    await new Store(stream).delete("a");
    assert.deepEqual(await stream.ask("inventory"), { bytes: 23, count: 1, seq: 2, limits });
    await stream.close();
  },

  "2.11 an ephemeral stream ends with its last user": async (client) => {
    const stream = await open(client, "memory", { ephemeral: true });
    await stream.set("a");
    assert.equal((await stream.ask("config")).max_bytes, 64_000_000);
    await stream.close();
    const again = await open(client, "memory", { ephemeral: true });
    assert.deepEqual(await again.getAll(), []);
    await again.close();
  },

  "4.2 two maps see each other's writes and deletions, null is a value": async (client) => {
    const other = await connect(address);
    const [mine, theirs] = [
      await Store.open(streamOf(client, "map")),
      await Store.open(streamOf(other, "map")),
    ];
    await mine.set("null", null);
    await mine.set("gone", 1);
    await theirs.delete("gone");
    await theirs.set("", { b: Buffer.from("bytes") });
    for (const store of [mine, theirs])
      await store.until(({ values }) => values.has("") && !values.has("gone"));
    assert.deepEqual(Object.keys(mine.all()).sort(), ["", "null"]);
    assert.equal(theirs.get("null"), null);
    await mine.stream.close();
    const again = await Store.open(streamOf(client, "map"));
    assert.deepEqual(again.all(), theirs.all());
    await again.stream.close();
    await theirs.stream.close();
    other.close();
  },

  "4.2 a map here and one of Python on one store are one": async (client) => {
    const store = await Store.open(streamOf(client, "shared-map"));
    await ask("map set", { values: { python: { list: [1, null] }, both: "python" } });
    await store.until(({ values }) => values.size === 2);
    assert.deepEqual(store.all(), { python: { list: [1, null] }, both: "python" });
    await store.set("javascript", "✓");
    await store.set("both", "javascript");
    await store.delete("python");
    const expected = { javascript: "✓", both: "javascript" };
    assert.deepEqual(await ask("map until", { expected }), expected);
    await ask("map delete", { key: "both" });
    await store.until(({ values }) => values.size === 1);
    assert.deepEqual(store.all(), { javascript: "✓" });
    await store.stream.close();
  },

  "4.1 a log here and one of Python have one order": async (client) => {
    const stream = await open(client, "shared-log");
    const heard = new Queue();
    stream.on("update", ({ value }) => heard.put(value));
    await stream.follow();
    const pushing = ask("log push", { values: [1, 2, 3] });
    const setting = ["a", "b", "c"].map((value) => stream.set(value, { msgID: randomId() }));
    await Promise.all([pushing, ...setting]);
    const order = await take(heard, 6);
    assert.deepEqual([...order].sort(), [1, 2, 3, "a", "b", "c"]);
    assert.deepEqual((await ask("log until", { count: 6 })).values, order);
    await stream.close();
  },

  "1.10 what was missed comes after a restart, once and in order": async (client) => {
    const store = await Store.open(streamOf(client, "recovery"));
    const log = await open(client, "recovery-log");
    const heard = new Queue();
    log.on("update", ({ value }) => heard.put(value));
    await store.set("before", 1);
    await log.follow();
    await log.set("before");
    const ready = once(client, "ready");
    await ask("restart");
    await ready;
    await log.ready();
    await store.stream.ready();
    const other = await connect(address);
    const theirs = await open(other, "recovery-log");
    await theirs.set("theirs");
    await log.set("after");
    assert.deepEqual(await take(heard, 3), ["before", "theirs", "after"]);
    await store.set("after", 2);
    await store.until(({ values }) => values.has("after"));
    assert.deepEqual(store.all(), { before: 1, after: 2 });
    await theirs.close();
    other.close();
    await log.close();
    await store.stream.close();
  },

  "1.10 what others wrote while a connection was lost is fetched": async (client) => {
    const away = await connect(address);
    const store = await Store.open(streamOf(away, "missed"));
    await store.set("a", 1);
    await store.until(({ values }) => values.has("a"));
    const lost = once(away, "disconnected");
    away.socket.io.reconnectionDelay(500);
    away.socket.io.engine.close();
    await lost;
    const near = await Store.open(streamOf(client, "missed"));
    await near.set("b", 2);
    await near.delete("a");
    await store.until(({ values }) => values.has("b") && !values.has("a"));
    assert.deepEqual(store.all(), { b: 2 });
    await near.stream.close();
    await store.stream.close();
    away.close();
  },
};

await run(checks, await connect(address));
