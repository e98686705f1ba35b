// A server that lets nobody in, for the reason "closed today" (conat-core §2.3).
// Usage: node refusal.mjs <address>

import assert from "node:assert/strict";
import { once } from "node:events";
import { Client } from "./lib/client.mjs";
import { run } from "./lib/report.mjs";

const [address] = process.argv.slice(2);

const checks = {
  "2.3 info says why, without asking for an acknowledgement, and the server hangs up": async () => {
    const client = new Client(address);
    const events = [];
    const arrived = new Promise((resolve) =>
      client.socket.onAny((name, ...args) => {
        events.push([name, args.length]);
        resolve(args[0]);
      }),
    );
    client.socket.on("connect", () => events.push(["connect", 0]));
    const [reason] = await once(client, "disconnected");
    const info = await arrived;
    assert.deepEqual(info.user, { error: "Error: closed today" });
    assert.deepEqual(events, [["connect", 0], ["info", 1]]);
    assert.equal(reason, "io server disconnect");
    assert.equal(client.socket.active, false, "it does not come back by itself");
  },
};

await run(checks);
