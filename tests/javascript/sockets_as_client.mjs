// Reliable sockets, here the end that connects (conat-core §14). The starter serves sockets on
// "python.*", which write back what they receive, answer requests with the doubled value, and
// on "ask me" ask back; it can "restart" the message server and "close" the socket server.
// Usage: node sockets_as_client.mjs <address>

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "./lib/client.mjs";
import { Queue, take } from "./lib/queue.mjs";
import { ask, run } from "./lib/report.mjs";
import { ClientSocket } from "./lib/socket_client.mjs";

const [address] = process.argv.slice(2);

async function open(client, subject) {
  const socket = new ClientSocket(client, subject);
  const received = new Queue();
  socket.on("data", (value, headers) => received.put({ value, headers }));
  await socket.connect();
  return { socket, received };
}

const valuesOf = (messages) => messages.map(({ value }) => value);

const checks = {
  "14.5 writes are echoed, in order": async (client) => {
    const { socket, received } = await open(client, "python.echo");
    const drained = once(socket.sender, "drain");
    for (let number = 0; number < 50; number++) socket.write(number);
    const expected = Array.from({ length: 50 }, (_, number) => number);
    assert.deepEqual(valuesOf(await take(received, 50)), expected);
    if (socket.sender.unacknowledged > 0) await drained;
    assert.equal(await socket.end(), "closed");
  },

  "14.5 headers come back without the sequence number": async (client) => {
    const { socket, received } = await open(client, "python.echo");
    socket.write("with", { k: { deep: [1] } });
    socket.write("without");
    assert.deepEqual(await take(received, 2), [
      { value: "with", headers: { k: { deep: [1] } } },
      { value: "without", headers: {} },
    ]);
    await socket.end();
  },

  "14.5 writes before the connection are delivered after it": async (client) => {
    const socket = new ClientSocket(client, "python.echo");
    const received = new Queue();
    socket.on("data", (value) => received.put(value));
    for (const value of ["one", "two"]) socket.write(value);
    await socket.connect();
    socket.write("three");
    assert.deepEqual(await take(received, 3), ["one", "two", "three"]);
    await socket.end();
  },

  "14.5 more than the queue holds is refused": async (client) => {
    const socket = new ClientSocket(client, "python.echo", { maxQueueSize: 3 });
    for (const value of [1, 2, 3]) socket.write(value);
    assert.throws(() => socket.write(4), { code: "ENOBUFS" });
    const drained = once(socket.sender, "drain");
    await socket.connect();
    await drained;
    socket.write(4);
    await socket.end();
  },

  "14.5 lost messages are asked for again": async (client) => {
    const { socket, received } = await open(client, "python.echo");
    const { transmit } = socket.sender;
    socket.sender.transmit = () => {}; // as if the network had eaten them
    for (const value of ["lost 1", "lost 2"]) socket.write(value);
    socket.sender.transmit = transmit;
    socket.write("arrives");
    assert.deepEqual(valuesOf(await take(received, 3)), ["lost 1", "lost 2", "arrives"]);
    await socket.end();
  },

  "14.5 duplicates are dropped, and acknowledged again": async (client) => {
    const { socket, received } = await open(client, "python.echo");
    const { transmit } = socket.sender;
    socket.sender.transmit = (packet) => {
      transmit(packet);
      transmit(packet);
    };
    for (const value of ["a", "b", "c"]) socket.write(value);
    assert.deepEqual(valuesOf(await take(received, 3)), ["a", "b", "c"]);
    await socket.request("are you there?");
    assert.equal(received.length, 0);
    await socket.end();
  },

  "14.2 requests pass in both directions": async (client) => {
    const { socket } = await open(client, "python.echo");
    const { value, headers } = await socket.request(21, { headers: { k: "v" } });
    assert.deepEqual([value, headers], [42, { k: "v" }]);
    socket.once("request", (request) => client.respond(request, `${request.value}!`));
    socket.write("ask me");
    const [answer] = await once(socket, "data");
    assert.equal(answer, "hello!");
    await socket.end();
  },

  "14.1 two sockets of one client are apart": async (client) => {
    const one = await open(client, "python.echo");
    const two = await open(client, "python.other");
    one.socket.write("one");
    two.socket.write("two");
    assert.deepEqual(valuesOf(await take(one.received, 1)), ["one"]);
    assert.deepEqual(valuesOf(await take(two.received, 1)), ["two"]);
    assert.deepEqual(await ask("sockets"), { subjects: ["python.echo", "python.other"] });
    await one.socket.end();
    await two.socket.end();
    assert.deepEqual(await ask("sockets"), { subjects: [] });
  },

  "14.5 5 MB pass as one message": async (client) => {
    const { socket, received } = await open(client, "python.echo");
    const big = Buffer.alloc(5_000_000, 7);
    socket.write(big);
    const [{ value }] = await take(received, 1);
    assert.equal(Buffer.compare(Buffer.from(value), big), 0);
    await socket.end();
  },

  "14.4 a socket that the server does not know is told to close": async (client) => {
    const { socket } = await open(client, "python.echo");
    await ask("forget");
    const closed = once(socket, "closed");
    socket.write("anybody?");
    await closed;
  },

  "14.7 a socket survives the restart of the message server": async (client) => {
    const { socket, received } = await open(client, "python.echo");
    socket.write("before");
    assert.deepEqual(valuesOf(await take(received, 1)), ["before"]);
    const ready = once(socket, "ready");
    await ask("restart");
    socket.write("meanwhile");
    await ready;
    socket.write("after");
    assert.deepEqual(valuesOf(await take(received, 2)), ["meanwhile", "after"]);
    await socket.end();
  },

  "14.7 a server that closes tells its sockets": async (client) => {
    const { socket } = await open(client, "python.echo");
    const closed = once(socket, "closed");
    await ask("close");
    await closed;
  },
};

await run(checks, await connect(address));
