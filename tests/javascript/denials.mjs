// What is not allowed (conat-core §3.3): everything that begins with "secret.".
// Usage: node denials.mjs <address>

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "./lib/client.mjs";
import { run } from "./lib/report.mjs";

const [address] = process.argv.slice(2);

const denied = (what) => `permission denied ${what} 'secret.x' from null`;

const checks = {
  "3.3 publishing is refused with 403, after a notice": async (client) => {
    const notice = once(client.socket, "permission");
    const refusal = { code: 403, message: `Error: ${denied("publishing to")}` };
    await assert.rejects(client.publish("secret.x", 1), refusal);
    const expected = { message: denied("publishing to"), subject: "secret.x", type: "pub" };
    assert.deepEqual((await notice)[0], expected);
  },

  "3.3 a refused publish that nobody confirms is told by the notice": async (client) => {
    const notice = once(client.socket, "permission");
    client.publishSync("secret.x", 1);
    assert.equal((await notice)[0].type, "pub");
  },

  "3.3 subscribing is refused with 403, after a notice": async (client) => {
    const notice = once(client.socket, "permission");
    const refusal = { code: 403, message: `Error: ${denied("subscribing to")}` };
    await assert.rejects(client.subscribe("secret.x"), refusal);
    assert.equal((await notice)[0].type, "sub");
    assert.ok(!(await client.ask("subscriptions", null)).includes("secret.x"));
  },

  "8.1 one refused entry does not stop the others of a batch": async (client) => {
    const wanted = ["open.a", "secret.x", "open.b"].map((subject) => ({ subject, queue: "q" }));
    const answers = await client.ask("subscribe", wanted);
    assert.deepEqual(answers[0], { status: "added" });
    assert.equal(answers[1].code, 403);
    assert.deepEqual(answers[2], { status: "added" });
  },

  "3.3 waiting for interest is refused with 403 and no prefix": async (client) => {
    const refusal = { code: 403, message: denied("waiting for interest in") };
    await assert.rejects(client.waitForInterest("secret.x", 1000), refusal);
  },

  "3.2 names of control events cannot be subscribed to": async (client) => {
    for (const subject of ["info", "permission", "connect", "disconnect"])
      assert.ok((await client.ask("subscribe", { subject, queue: "q" })).error);
  },

  "3.3 a subscription needs a queue": async (client) => {
    const answer = await client.ask("subscribe", { subject: "open.c" });
    assert.deepEqual(answer, { error: "Error: queue must be defined" });
  },
};

await run(checks, await connect(address));
