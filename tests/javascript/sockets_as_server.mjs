// Reliable sockets, here the end that accepts (conat-core §14). The starter connects to
// "javascript.*" when it is asked to, and does what the checks tell it.
// Usage: node sockets_as_server.mjs <address>

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "./lib/client.mjs";
import { randomId } from "./lib/codecs.mjs";
import { ask, run } from "./lib/report.mjs";
import { SocketServer } from "./lib/socket_server.mjs";

const [address] = process.argv.slice(2);

const client = await connect(address);
const server = new SocketServer(client, "javascript.*", randomId());
await server.start();

// The starter opens a socket; we get our end of it. Data is echoed unless told otherwise.
async function accept({ echo = true } = {}) {
  const [[socket]] = await Promise.all([once(server, "connection"), ask("open")]);
  if (echo) socket.on("data", (value, headers) => socket.write(value, headers));
  return socket;
}

async function leave(socket) {
  const closed = once(socket, "closed");
  await ask("end");
  await closed;
}

const checks = {
  "14.4 the concrete subject says who connected": async () => {
    const socket = await accept();
    assert.equal(socket.subject, "javascript.echo");
    assert.equal(server.sockets.size, 1);
    await leave(socket);
    assert.equal(server.sockets.size, 0);
  },

  "14.5 what the client writes comes back, in order": async () => {
    const socket = await accept();
    const values = Array.from({ length: 50 }, (_, number) => number);
    assert.deepEqual(await ask("exchange", { values }), { values });
    await leave(socket);
  },

  "14.5 headers pass": async () => {
    const socket = await accept();
    const headers = { k: { deep: [1] } };
    assert.deepEqual(await ask("exchange", { values: ["x"], headers }), { values: ["x"], headers });
    await leave(socket);
  },

  "14.5 lost messages are asked for again": async () => {
    const socket = await accept({ echo: false });
    const { transmit } = socket.sender;
    socket.sender.transmit = () => {}; // as if the network had eaten them
    for (const value of ["lost 1", "lost 2"]) socket.write(value);
    socket.sender.transmit = transmit;
    const drained = once(socket.sender, "drain");
    socket.write("arrives");
    assert.deepEqual(await ask("receive", { count: 3 }), { values: ["lost 1", "lost 2", "arrives"] });
    await drained;
    await leave(socket);
  },

  "14.5 duplicates are dropped, and acknowledged again": async () => {
    const socket = await accept({ echo: false });
    const { transmit } = socket.sender;
    socket.sender.transmit = (packet) => {
      transmit(packet);
      transmit(packet);
    };
    for (const value of ["a", "b", "c"]) socket.write(value);
    assert.deepEqual(await ask("receive", { count: 3 }), { values: ["a", "b", "c"] });
    await leave(socket);
  },

  "14.2 requests pass in both directions": async () => {
    const socket = await accept();
    socket.once("request", (request) => client.respond(request, request.value * 2));
    assert.deepEqual(await ask("request", { value: 21 }), { value: 42 });
    assert.equal((await socket.request("hello")).value, "hello!");
    await leave(socket);
  },

  "14.3 a ping of the server is answered": async () => {
    const socket = await accept();
    assert.equal((await socket.ping()).value, null);
    await leave(socket);
  },

  "14.7 a socket survives the restart of the message server": async () => {
    const socket = await accept();
    const back = once(client, "ready");
    await ask("restart");
    await back;
    assert.deepEqual(await ask("exchange", { values: ["after"] }), { values: ["after"] });
    await leave(socket);
  },

  "14.7 a server that closes a socket closes it for good": async () => {
    const socket = await accept();
    socket.close();
    assert.deepEqual(await ask("wait until closed"), {});
  },
};

await run(checks);
