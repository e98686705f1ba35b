// A server that is replaced at the same address (conat-core §11.3, §11.4).
// Usage: node resync.mjs <address>; asks its starter to "restart" the server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "./lib/client.mjs";
import { ask, run } from "./lib/report.mjs";

const [address] = process.argv.slice(2);

async function restart(...clients) {
  const back = clients.map((client) => once(client, "ready"));
  await ask("restart");
  await Promise.all(back);
}

const checks = {
  "11.4 a pass with nothing to do asks one question": async ({ one }) => {
    await one.subscribe("resync.stable");
    const sent = [];
    const log = (...event) => sent.push(event);
    one.socket.onAnyOutgoing(log);
    assert.equal(await one.resync(), true);
    one.socket.offAnyOutgoing(log);
    assert.deepEqual(sent.map(([name, argument]) => [name, argument]), [["subscriptions", null]]);
  },

  "11.4 what the server has too much is taken away": async ({ one }) => {
    await one.ask("subscribe", { subject: "resync.extra", queue: "q" });
    assert.equal(await one.resync(), false);
    assert.equal(await one.resync(), true);
    assert.ok(!(await one.ask("subscriptions", null)).includes("resync.extra"));
  },

  "11.3 who waits for an answer when the server goes is told so": async ({ one }) => {
    const waiting = one.waitForInterest("resync.nobody", 60_000).catch((error) => error);
    await one.ask("subscriptions", null);
    await restart(one);
    assert.ok([false, "socket has been disconnected"].includes((await waiting).message ?? false));
  },

  "11.4 subscriptions and queue groups work again after a restart": async ({ one, two }) => {
    const messages = await one.subscribe("resync.news", "q");
    await two.subscribe("resync.news", "q");
    await restart(one, two);
    assert.deepEqual(await two.publish("resync.news", "back"), { count: 1 });
    await two.unsubscribe("resync.news");
    await two.publish("resync.news", "again");
    const last = [await messages.next()];
    while (last.at(-1).value !== "again") last.push(await messages.next());
    assert.ok(last.length <= 2);
  },

  "10 requests work again after a restart": async ({ one, two }) => {
    await two.listen("resync.service", (request) => two.respond(request, request.value + 1));
    assert.equal((await one.request("resync.service", 1)).value, 2);
    await restart(one, two);
    assert.equal((await one.request("resync.service", 2, { waitForInterest: true })).value, 3);
  },
};

await run(checks, { one: await connect(address), two: await connect(address) });
