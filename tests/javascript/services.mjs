// Services that answer calls (conat-core §15), in both directions. The starter serves
// "python.calc" and, in the other style, "python.rpc" with the functions add, echo and fail, and
// answers "call" and "rpc" with their results.
// Usage: node services.mjs <address>

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "./lib/client.mjs";
import { ask, run } from "./lib/report.mjs";
import { call, rpc, serve, serveRpc } from "./lib/rpc.mjs";

const [address] = process.argv.slice(2);

const checks = {
  "15.5 a call returns what the function returns": async (client) => {
    assert.equal(await call(client, "python.calc", "add", 2, 3), 5);
    const value = { a: [1, null, "x"], date: new Date(1_700_000_000_123) };
    assert.deepEqual(await call(client, "python.calc", "echo", value), value);
  },

  "15.5 binary stays binary, and 10 MB pass in both directions": async (client) => {
    const big = randomBytes(10_000_000);
    const echo = await call(client, "python.calc", "echo", big);
    assert.equal(Buffer.compare(Buffer.from(echo), big), 0);
  },

  "15.5 an error is in the data, and begins with Error": async (client) => {
    await assert.rejects(call(client, "python.calc", "fail"), { message: "Error: no luck" });
  },

  "15.5 calls run at the same time": async (client) => {
    const calls = Array.from({ length: 50 }, (_, n) => call(client, "python.calc", "add", n, 1));
    assert.deepEqual(await Promise.all(calls), Array.from({ length: 50 }, (_, n) => n + 1));
  },

  "15.5 a service here answers calls from there": async (client) => {
    await serve(client, "javascript.calc", {
      add: (a, b) => a + b,
      fail: () => {
        throw new Error("no luck");
      },
    });
    const add = await ask("call", { subject: "javascript.calc", name: "add", args: [2, 3] });
    assert.deepEqual(add, { result: 5 });
    const fail = await ask("call", { subject: "javascript.calc", name: "fail", args: [] });
    assert.deepEqual(fail, { error: "no luck" });
  },

  "10.6 the calls of clients, in both directions": async (client) => {
    assert.equal(await rpc(client, "python.rpc", "add", 2, 3), 5);
    await assert.rejects(rpc(client, "python.rpc", "fail"), { message: "Error: no luck" });
    await serveRpc(client, "javascript.rpc", {
      add: (a, b) => a + b,
      fail: () => {
        throw new Error("no luck");
      },
    });
    const to = { subject: "javascript.rpc" };
    assert.deepEqual(await ask("rpc", { ...to, name: "add", args: [2, 3] }), { result: 5 });
    const failed = { error: "Error: no luck" };
    assert.deepEqual(await ask("rpc", { ...to, name: "fail", args: [] }), failed);
    const unknown = await ask("rpc", { ...to, name: "nothing", args: [] });
    assert.deepEqual(unknown, { error: "Error: nothing not defined" });
  },

  "9.3 a call waits for a service that is not there yet": async (client) => {
    const calling = ask("call", { subject: "javascript.later", name: "add", args: [1, 1] });
    await client.ask("subscriptions", null); // gives the call time to come first
    await serve(client, "javascript.later", { add: (a, b) => a + b });
    assert.deepEqual(await calling, { result: 2 });
  },
};

await run(checks, await connect(address));
