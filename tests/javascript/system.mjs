// The system API (conat-core §17), asked by JavaScript. The server is "node-1" of the cluster
// "default", and asks nobody who they are; the cookie makes a system account.
// Usage: node system.mjs <address> <cookie>

import assert from "node:assert/strict";
import { connect, disconnected } from "./lib/client.mjs";
import { run } from "./lib/report.mjs";
import { rpc } from "./lib/rpc.mjs";

const [address, cookie] = process.argv.slice(2);
const ALL = "sys.conat.default";
const NODE = "sys.conat.default.node-1";

const checks = {
  "13.1 the cookie sys makes a system account": async ({ system, other }) => {
    assert.deepEqual(system.info.user, { hub_id: "system" });
    assert.equal(other.info.user, null);
  },

  "2.2 info names the server and its cluster, where the API is": async ({ system }) => {
    assert.equal(system.info.id, "node-1");
    assert.equal(system.info.clusterName, "default");
  },

  "17 stats tell of each connection by the id its client knows": async ({ system, other }) => {
    await other.subscribe("some.subject");
    for (const subject of [ALL, NODE]) {
      const { "node-1": connections } = await rpc(system, subject, "stats");
      const { user, subs, send, recv, address: from } = connections[other.socket.id];
      assert.deepEqual([user, subs, from], [null, 1, "127.0.0.1"]);
      for (const traffic of [send, recv]) assert.equal(typeof traffic.messages, "number");
      assert.deepEqual(connections[system.socket.id].user, { hub_id: "system" });
    }
  },

  "11.7 a client's own statistics show up": async ({ system, other }) => {
    other.socket.emit("stats", { recv0: { messages: 7, bytes: 70 } });
    await other.ask("subscriptions", null); // what was sent before this has been taken
    const { "node-1": connections } = await rpc(system, NODE, "stats");
    assert.deepEqual(connections[other.socket.id].recv, { messages: 7, bytes: 70 });
  },

  "17 usage counts the connections of each user": async ({ system }) => {
    const { "node-1": usage } = await rpc(system, ALL, "usage");
    assert.equal(usage.perUser.null, 1);
    assert.equal(usage.perUser['{"hub_id":"system"}'], 1);
    assert.equal(usage.total, Object.values(usage.perUser).reduce((sum, n) => sum + n));
  },

  "17 a server alone is its own cluster": async ({ system }) => {
    assert.deepEqual(await rpc(system, NODE, "clusterAddresses"), [address]);
    const topology = { default: { "node-1": address } };
    assert.deepEqual(await rpc(system, NODE, "clusterTopology"), topology);
    await assert.rejects(rpc(system, ALL, "clusterTopology"), { message: "Error: wrong service" });
  },

  "10.6 an unknown method is an error in the headers": async ({ system }) => {
    const { value, headers } = await system.request(NODE, ["nothing", []]);
    assert.equal(value, null);
    assert.match(headers.error, /^Error: nothing not defined/);
  },

  "17 a connection that is ended does not come back by itself": async ({ system, other }) => {
    const ended = disconnected(other);
    await rpc(system, NODE, "disconnect", other.socket.id);
    assert.deepEqual(await ended, ["io server disconnect"]);
    assert.equal(other.socket.active, false);
  },
};

await run(checks, { system: await connect(address, { cookie }), other: await connect(address) });
