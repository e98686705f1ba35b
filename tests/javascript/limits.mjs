// A limit of 3 subscriptions (conat-core §8.1, §21 Limits).
// Usage: node limits.mjs <address>

import assert from "node:assert/strict";
import { connect } from "./lib/client.mjs";
import { run } from "./lib/report.mjs";

const [address] = process.argv.slice(2);

const checks = {
  "8.1 the fourth subscription is refused with 429": async (client) => {
    for (const subject of ["a", "b", "c"]) await client.subscribe(subject);
    await assert.rejects(client.subscribe("d"), {
      code: 429,
      message: /limit of at most 3 subscriptions.*currently have 3.*'d'/,
    });
  },

  "8.1 a subscription that is there already is no new one": async (client) => {
    const again = await client.ask("subscribe", { subject: "a", queue: "other" });
    assert.deepEqual(again, { status: "already-added" });
  },

  "8.1 the place of one that ended is free": async (client) => {
    await client.unsubscribe("c");
    await client.subscribe("d");
  },
};

await run(checks, await connect(address));
