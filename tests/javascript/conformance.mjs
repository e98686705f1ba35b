// Messages: what conat-core promises to the libraries CoCalc's own client is made of.
// Usage: node conformance.mjs <address> [cookie] [<project id>]; see lib/report.mjs.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "./lib/client.mjs";
import { JSON_TEXT, MSGPACK } from "./lib/codecs.mjs";
import { run } from "./lib/report.mjs";

const [address, cookie = "", projectId = ""] = process.argv.slice(2);

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

// Keeps what is sent in the carrier's socket until the returned function is called.
function cork(client) {
  const carrier = client.socket.io.engine.transport.ws._socket;
  carrier.cork();
  return () => carrier.uncork();
}

const checks = {
  "2.2 info names the payload limit and the user": async ({ one }) => {
    assert.equal(one.info.max_payload, 8_000_000);
    assert.equal(typeof one.info.id, "string");
    assert.ok("user" in one.info && one.info.user?.error === undefined);
  },

  "4.2 a message arrives under its pattern, in both encodings": async ({ one, two }) => {
    const messages = await one.subscribe(`${prefix}.greet.*`);
    const subject = `${prefix}.greet.world`;
    for (const encoding of [MSGPACK, JSON_TEXT]) {
      for (const [name, value] of values) {
        const headers = { name };
        assert.deepEqual(await two.publish(subject, value, { headers, encoding }), { count: 1 });
        const { raw, ...message } = await messages.next();
        assert.deepEqual(message, { subject, value, headers, encoding });
      }
    }
  },

  "5.1 binary and dates keep their types": async ({ one, two }) => {
    const messages = await one.subscribe(`${prefix}.types`);
    const date = new Date(1_700_000_000_123);
    await two.publish(`${prefix}.types`, { date, binary: new Uint8Array([0, 1, 254, 255]) });
    const { value } = await messages.next();
    assert.deepEqual(value.date, date);
    assert.deepEqual([...value.binary], [0, 1, 254, 255]);
  },

  "6 headers may be a string, and hold binary": async ({ one, two }) => {
    const messages = await one.subscribe(`${prefix}.headers`);
    const binary = Buffer.from([1, 2]);
    for (const headers of ["plain", {}, { binary }, { deep: { a: [null, 1] } }]) {
      await two.publish(`${prefix}.headers`, null, { headers });
      assert.deepEqual((await messages.next()).headers, headers);
    }
    await two.publish(`${prefix}.headers`, null);
    assert.equal((await messages.next()).headers, undefined);
  },

  "9.1 counts say how many queue groups were reached": async ({ one, two }) => {
    const subject = `${prefix}.count.it`;
    assert.deepEqual(await one.publish(subject, 1), { count: 0 });
    await one.subscribe(subject, "q");
    assert.deepEqual(await one.publish(subject, 1), { count: 1 });
    await two.subscribe(subject, "q");
    assert.deepEqual(await one.publish(subject, 1), { count: 1 });
    await two.subscribe(`${prefix}.count.*`, "q");
    assert.deepEqual(await one.publish(subject, 1), { count: 2 });
  },

  "8.2 one member of each queue group receives": async ({ one, two }) => {
    const subject = `${prefix}.shared`;
    const queues = [await one.subscribe(subject, "q"), await two.subscribe(subject, "q")];
    for (let number = 0; number < 100; number++) await one.publish(subject, number);
    await one.ask("subscriptions", null); // what was delivered came before this answer
    await two.ask("subscriptions", null);
    const [first, second] = queues.map(({ length }) => length);
    assert.equal(first + second, 100);
    assert.ok(first > 0 && second > 0, "both members are chosen now and then");
  },

  "8.1 subscriptions are listed, and end": async ({ two }) => {
    const subject = `${prefix}.listed`;
    await two.subscribe(subject);
    assert.ok((await two.ask("subscriptions", null)).includes(subject));
    const again = { subject, queue: "another" };
    assert.deepEqual(await two.ask("subscribe", again), { status: "already-added" });
    assert.equal(await two.unsubscribe(subject), null);
    assert.ok(!(await two.ask("subscriptions", null)).includes(subject));
  },

  "3.4 publishes of one connection keep their order": async ({ one, two }) => {
    const messages = await one.subscribe(`${prefix}.ordered`);
    for (let number = 0; number < 500; number++) two.publishSync(`${prefix}.ordered`, number);
    for (let number = 0; number < 500; number++)
      assert.equal((await messages.next()).value, number);
  },

  "3.4 a publish right behind an unconfirmed subscribe is not seen by it": async ({ one }) => {
    const subject = `${prefix}.early`;
    const uncork = cork(one); // both reach the server in one piece
    const subscribed = one.subscribe(subject);
    const published = one.publish(subject, 1);
    setImmediate(uncork);
    assert.deepEqual(await published, { count: 0 });
    await subscribed;
    assert.deepEqual(await one.publish(subject, 2), { count: 1 });
  },

  "9.3 a wait for interest ends when somebody subscribes": async ({ one, two }) => {
    const subject = `${prefix}.late`;
    assert.equal(await one.waitForInterest(subject, 0), false);
    const waiting = one.waitForInterest(subject, 10_000);
    await two.subscribe(subject);
    assert.equal(await waiting, true);
  },

  "10.2 a request gets its reply": async ({ one, two }) => {
    const requests = await two.subscribe(`${prefix}.double`);
    const reply = one.request(`${prefix}.double`, 21);
    const asked = await requests.next();
    await two.respond(asked, asked.value * 2);
    assert.equal((await reply).value, 42);
  },

  "3.3 an invalid subject is an error, and the connection stays": async ({ one }) => {
    const invalid = { message: "Error: invalid subject", code: undefined };
    await assert.rejects(one.publish("a..b", 1), invalid);
    assert.deepEqual(await one.publish(`${prefix}.nobody`, 1), { count: 0 });
  },

  "4.3 a message of 20 MB arrives in chunks": async ({ one, two }) => {
    const messages = await one.subscribe(`${prefix}.big`);
    const big = randomBytes(20_000_000);
    assert.deepEqual(await two.publish(`${prefix}.big`, big), { count: 1 });
    assert.equal(Buffer.compare(Buffer.from((await messages.next()).value), big), 0);
  },

  "4.4 chunks for a queue group all go to one member": async ({ one, two }) => {
    const subject = `${prefix}.big.shared`;
    const queues = [await one.subscribe(subject, "q"), await two.subscribe(subject, "q")];
    const big = randomBytes(16_000_000);
    assert.deepEqual(await two.publish(subject, big), { count: 1 });
    const { value } = await Promise.race(queues.map((queue) => queue.next()));
    assert.equal(value.length, big.length);
  },

  "18 the server names its address": async ({ one }) => {
    const addresses = await one.ask("cluster");
    assert.ok(Array.isArray(addresses));
  },
};

const projectChecks = {
  "project API 3.2: system.ping answers the time": async ({ one }) => {
    const request = { name: "system.ping", args: [] };
    const { value } = await one.request(`project.${projectId}.0.api.-`, request);
    assert.ok(Math.abs(value.now - Date.now()) < 60_000);
  },

  "12.2 what is not allowed is refused with 403 and a notice": async ({ one }) => {
    const notice = new Promise((resolve) => one.socket.once("permission", resolve));
    const foreign = "project.00000000-0000-4000-8000-00000000dead.0.api.-";
    const refusal = { code: 403, message: /^Error: permission denied publishing to 'project\./ };
    await assert.rejects(one.publish(foreign, 1), refusal);
    assert.equal((await notice).type, "pub");
  },
};

const clients = { one: await connect(address, { cookie }), two: await connect(address, { cookie }) };
await run(projectId ? { ...checks, ...projectChecks } : checks, clients);
