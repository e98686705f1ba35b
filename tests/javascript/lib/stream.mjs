// A stream of a persist service (conat-sync §1), over a raw socket.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { codecs, MSGPACK } from "./codecs.mjs";
import { ConatError } from "./errors.mjs";
import { ClientSocket } from "./socket_client.mjs";

const present = (entries) =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));

// The value and what else a stored message or a set event holds (§2.3, §1.6).
const decoded = ({ encoding, raw, ...rest }) => ({ ...rest, value: codecs[encoding].decode(raw) });

// One operation of setMany (§1.5).
export const operation = (value, { key, ttl, previousSeq, msgID, headers, encoding = MSGPACK } = {}) =>
  present({
    key,
    ttl,
    previousSeq,
    msgID,
    messageData: present({ encoding, raw: codecs[encoding].encode(value), headers }),
  });

// Emits "update" with each event of the changefeed once, also over lost sockets, and "refused".
export class Stream extends EventEmitter {
  lastSeq = 0;
  #socket = null;
  #watching = false;
  #recovering = null;
  #queued = null;
  #ended = false;

  constructor(client, scope, storage, { service = "persist" } = {}) {
    super();
    this.client = client;
    this.subject = `${service}.${scope}`;
    this.storage = storage;
    this.onLost = () => this.#socket?.abandon();
    this.onReady = () => (this.#recovering = this.#recover());
  }

  async open() {
    await this.#connect();
    this.client.on("disconnected", this.onLost);
    this.client.on("ready", this.onReady);
    return this;
  }

  // A new socket with a new id, the selection first (§1.4); reconnecting is our task (§1.10).
  async #connect() {
    const chooseServer = async () => (await this.client.request(`${this.subject}.id`, null)).value;
    const socket = new ClientSocket(this.client, this.subject, { chooseServer, reconnection: false });
    this.#socket = socket;
    socket.write({ storage: this.storage, changefeed: this.#watching });
    socket.on("data", (events, headers) => {
      if (events === null) return this.emit("refused", new ConatError(headers.error, headers.code));
      return this.#take(events);
    });
    await socket.connect();
  }

  // After a gap: what came since the last known number, then what came meanwhile (§1.10).
  async #recover() {
    while (!this.#ended) {
      try {
        await this.#connect();
        if (!this.#watching) return;
        this.#queued ??= [];
        await this.#command("changefeed");
        const missed = await this.getAll({ start_seq: this.lastSeq });
        const queued = this.#queued;
        this.#queued = null;
        missed.forEach((message) => this.#tell(message));
        queued.forEach((event) => this.#tell(event));
        return;
      } catch {
        this.#socket?.abandon();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #take(events) {
    const all = events.map((event) => (event.op === "delete" ? event : decoded(event)));
    if (this.#queued !== null) this.#queued.push(...all);
    else all.forEach((event) => this.#tell(event));
  }

  #tell(event) {
    if (event.op !== "delete") {
      if (event.seq <= this.lastSeq) return;
      this.lastSeq = event.seq;
    }
    this.emit("update", event);
  }

  async ready() {
    await this.#recovering;
  }

  async #command(cmd, headers = {}, { value = null, ...payload } = {}) {
    const options = { headers: { cmd, ...headers }, ...payload };
    const reply = await this.#socket.request(value, options);
    if (reply.headers?.error) throw new ConatError(reply.headers.error, reply.headers.code);
    return reply;
  }

  async set(value, { encoding = MSGPACK, ...options } = {}) {
    const reply = await this.#command("set", present(options), { value, encoding });
    return reply.value;
  }

  async setMany(operations) {
    return (await this.#command("setMany", {}, { value: operations })).value;
  }

  // Without a header block there is nothing (§1.5).
  async get(selector) {
    const { value, headers } = await this.#command("get", selector);
    return headers === undefined ? undefined : { value, headers };
  }

  async getAll(range = {}) {
    const { replies, close } = await this.#socket.requestMany(null, {
      headers: { cmd: "getAll", ...range },
    });
    const found = [];
    try {
      for (let seq = 0; ; seq++) {
        const { value, headers } = await replies.next();
        if (headers?.error) throw new ConatError(headers.error, headers.code);
        assert.equal(headers.seq, seq, "answers are numbered from 0");
        if (value === null) return found;
        found.push(...value.map(decoded));
      }
    } finally {
      close();
    }
  }

  // Begins to follow, then loads, so that nothing falls between (§3.3).
  async follow() {
    this.#watching = true;
    this.#queued = [];
    const created = await this.#command("changefeed");
    assert.equal(created.value, "created");
    const there = await this.getAll();
    this.lastSeq = there.at(-1)?.seq ?? 0;
    const queued = this.#queued;
    this.#queued = null;
    queued.forEach((event) => this.#tell(event));
    return there;
  }

  // One of `all`, `last_seq`, `seq`, `seqs`.
  async delete(selector) {
    return (await this.#command("delete", selector)).value.seqs;
  }

  async ask(cmd, headers) {
    return (await this.#command(cmd, headers)).value;
  }

  async refusal() {
    return (await once(this, "refused"))[0];
  }

  async close() {
    this.#ended = true;
    this.client.off("disconnected", this.onLost);
    this.client.off("ready", this.onReady);
    await this.#recovering;
    return await this.#socket.end();
  }
}
