// Requests, replies and what goes wrong with them (conat-core §9.3, §10).
// Usage: node requests.mjs <address>

import assert from "node:assert/strict";
import { connect } from "./lib/client.mjs";
import { take } from "./lib/queue.mjs";
import { run } from "./lib/report.mjs";

const [address] = process.argv.slice(2);

const checks = {
  "10.2 a request to nobody fails with 503": async ({ one }) => {
    await assert.rejects(one.request("requests.nobody", 1), { code: 503 });
  },

  "10.2 a request without a reply in time fails with 408": async ({ one, two }) => {
    await two.subscribe("requests.silent");
    await assert.rejects(one.request("requests.silent", 1, { timeout: 100 }), { code: 408 });
  },

  "10.2 after the responder unsubscribed nobody is reached": async ({ one, two }) => {
    await two.listen("requests.gone", (request) => two.respond(request, "here"));
    assert.equal((await one.request("requests.gone", 1)).value, "here");
    await two.unsubscribe("requests.gone");
    await assert.rejects(one.request("requests.gone", 1), { code: 503 });
  },

  "10.2 the first of several answers wins": async ({ one, two }) => {
    await one.listen("requests.several", (request) => one.respond(request, "any"), "1");
    await two.listen("requests.several", (request) => two.respond(request, "any"), "2");
    assert.equal((await one.request("requests.several", 1)).value, "any");
  },

  "10.3 many replies to one request arrive in order": async ({ one, two }) => {
    await two.listen("requests.many", async (request) => {
      for (let seq = 0; seq < request.value; seq++)
        await two.respond(request, seq, { headers: { seq } });
      await two.respond(request, null, { headers: { done: true } });
    });
    const { replies, close } = await one.requestMany("requests.many", 10);
    const messages = await take(replies, 11);
    close();
    assert.deepEqual(messages.map(({ value }) => value), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, null]);
    assert.deepEqual(messages.at(-1).headers, { done: true });
  },

  "9.3 a request waits for its service": async ({ one, two }) => {
    const reply = one.request("requests.later", 20, { waitForInterest: true });
    await two.listen("requests.later", (request) => two.respond(request, request.value + 1));
    assert.equal((await reply).value, 21);
  },

  "9.3 a wait whose time is up is an error": async ({ one }) => {
    await assert.rejects(one.waitForInterest("requests.never", 100), { message: "Error: timeout" });
  },

  "9.3 only subjects without wildcards can be waited for": async ({ one }) => {
    await assert.rejects(one.waitForInterest("requests.*", 100), { message: "invalid subject" });
  },

  "10.1 a client sees its own messages": async ({ one }) => {
    await one.listen("requests.own", (request) => one.respond(request, "me"));
    assert.equal((await one.request("requests.own", null)).value, "me");
  },
};

await run(checks, { one: await connect(address), two: await connect(address) });
