// Files of a project, read and written as CoCalc's clients do (conat-sync §5, §7.14).
// Usage: node files.mjs <address> <project id>

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "./lib/client.mjs";
import { randomId } from "./lib/codecs.mjs";
import { run } from "./lib/report.mjs";

const [address, projectId] = process.argv.slice(2);
const PIECE = 4_194_304;

const subject = (service) => `project.${projectId}.0.files:${service}.-`;
const hash = (data) => createHash("sha256").update(data).digest("hex");
const large = Buffer.alloc(10_000_000, "these are not all the same bytes: 0123456789");

async function read(client, path) {
  const request = { waitForInterest: true };
  const { replies, close } = await client.requestMany(subject("read"), { path }, request);
  const pieces = [];
  for (;;) {
    const { value, headers } = await replies.next();
    if (headers == null) continue;
    if (headers.error) throw Error(headers.error);
    if (headers.done) break;
    assert.equal(headers.seq, pieces.length + 1);
    pieces.push(Buffer.from(value));
  }
  close();
  return pieces;
}

async function write(client, path, data) {
  const name = randomId();
  await client.listen(subject(`read${name}`), async (request) => {
    for (let start = 0, seq = 1; start < data.length; start += PIECE, seq++)
      await client.respond(request, data.subarray(start, start + PIECE), { headers: { seq } });
    await client.respond(request, null, { headers: { done: true } });
  });
  const wanted = { name, path, maxWait: 60_000 };
  const { value } = await client.request(subject("write"), wanted, { timeout: 60_000 });
  await client.unsubscribe(subject(`read${name}`));
  if (value.error) throw Error(value.error);
  return value;
}

const checks = {
  "7.14 a small file is written and read in one piece": async ({ one }) => {
    const written = await write(one, "new/small.txt", Buffer.from("hello"));
    assert.deepEqual(written, { status: "success", bytes: 5, chunks: 1 });
    assert.deepEqual(await read(one, "new/small.txt"), [Buffer.from("hello")]);
  },

  "7.14 a large file is written and read in several pieces with the same hash": async ({ one }) => {
    const { bytes, chunks } = await write(one, "large.bin", large);
    assert.deepEqual([bytes, chunks], [large.length, 3]);
    const pieces = await read(one, "large.bin");
    assert.equal(pieces.length, 3);
    assert.equal(hash(Buffer.concat(pieces)), hash(large));
  },

  "5.1 what cannot be read is told": async ({ one }) => {
    await assert.rejects(read(one, "missing"), /^Error: Error: 'missing': No such file/);
    await assert.rejects(read(one, "../secret"), /outside of the project's files/);
  },

  "5.2 what cannot be written is told": async ({ one }) => {
    await assert.rejects(write(one, "../secret", large), /outside of the project's files/);
  },
};

const one = await connect(address);
await run(checks, { one });
