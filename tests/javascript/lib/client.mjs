// A client of the message fabric, written from conat-core §2 to §11 for these checks.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { io } from "socket.io-client";
import { codecs, MSGPACK, randomId } from "./codecs.mjs";
import { checked, ConatError } from "./errors.mjs";
import { Queue } from "./queue.mjs";

const TIMEOUT = 20_000;
const HEADER_RESERVE = 100_000;

// Joins the chunks of messages; they must come in order (§4.4).
function reassembler(handle) {
  const pending = new Map();
  return ({ subject, data: [id, seq, done, encoding, raw, headers] }) => {
    const parts = pending.get(id) ?? [];
    assert.equal(seq, parts.length, "chunks come in order");
    parts.push(raw);
    pending.set(id, parts);
    if (!done) return;
    pending.delete(id);
    const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    const value = codecs[encoding].decode(bytes);
    handle({ subject, encoding, raw: bytes, headers: headers ?? undefined, value });
  };
}

export class Client extends EventEmitter {
  info = null;
  subscriptions = new Map(); // pattern -> {queue, deliver}
  #inbox = null;
  #replies = new Map();

  constructor(address, { cookie, token } = {}) {
    super();
    const url = new URL(address);
    this.socket = io(url.origin, {
      path: `${url.pathname.replace(/\/$/, "")}/conat`,
      transports: ["websocket"],
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      extraHeaders: {
        ...(cookie && { Cookie: cookie }),
        ...(token && { Authorization: `token ${token}` }),
      },
    });
    this.socket.on("info", (info, acknowledge) => this.#signedIn(info, acknowledge));
    this.socket.on("disconnect", (reason) => {
      this.emit("disconnected", reason);
    });
  }

  async #signedIn(info, acknowledge) {
    acknowledge?.();
    const isFirst = this.info === null;
    this.info = info;
    if (!isFirst && info.user?.error === undefined) await this.resync();
    this.emit("ready", info);
  }

  // Brings the server's list of subscriptions in line with ours; true if it was (§11.4).
  async resync() {
    const there = new Set(await this.ask("subscriptions", null));
    const missing = [...this.subscriptions]
      .filter(([subject]) => !there.has(subject))
      .map(([subject, { queue }]) => ({ subject, queue }));
    if (missing.length > 0) (await this.ask("subscribe", missing)).forEach(checked);
    const extra = [...there].filter((subject) => !this.subscriptions.has(subject));
    if (extra.length > 0)
      await this.ask("unsubscribe", extra.map((subject) => ({ subject })));
    return missing.length === 0 && extra.length === 0;
  }

  ask(...event) {
    return this.socket.timeout(TIMEOUT).emitWithAck(...event);
  }

  // Calls a function with each message until `unsubscribe`.
  async listen(subject, handle, queue = randomId()) {
    assert.ok(!this.subscriptions.has(subject), `${subject} is subscribed already`);
    const deliver = reassembler(handle);
    this.subscriptions.set(subject, { queue, deliver });
    this.socket.on(subject, deliver);
    try {
      return checked(await this.ask("subscribe", { subject, queue }));
    } catch (error) {
      this.#forget(subject);
      throw error;
    }
  }

  async subscribe(subject, queue) {
    const messages = new Queue();
    await this.listen(subject, (message) => messages.put(message), queue);
    return messages;
  }

  async unsubscribe(subject) {
    this.#forget(subject);
    return await this.ask("unsubscribe", { subject });
  }

  #forget(subject) {
    const { deliver } = this.subscriptions.get(subject) ?? {};
    this.subscriptions.delete(subject);
    this.socket.off(subject, deliver);
  }

  #chunks(subject, value, { headers, encoding = MSGPACK, raw } = {}) {
    const bytes = raw ?? codecs[encoding].encode(value);
    const size = this.info.max_payload - HEADER_RESERVE;
    const id = randomId();
    const chunks = [];
    for (let seq = 0; seq * size < bytes.length; seq++) {
      const done = (seq + 1) * size >= bytes.length ? 1 : 0;
      const slice = bytes.subarray(seq * size, (seq + 1) * size);
      const chunk = [subject, id, seq, done, encoding, slice];
      if (done && headers !== undefined) chunk.push(headers);
      chunks.push(chunk);
    }
    return chunks;
  }

  publishSync(subject, value, options) {
    for (const chunk of this.#chunks(subject, value, options)) this.socket.emit("publish", chunk);
  }

  async publish(subject, value, options) {
    const acks = this.#chunks(subject, value, options).map((chunk) => this.ask("publish", chunk));
    const answers = (await Promise.all(acks)).map(checked);
    return { count: Math.max(...answers.map(({ count }) => count)) };
  }

  async waitForInterest(subject, timeout) {
    return checked(await this.ask("wait-for-interest", { subject, timeout }));
  }

  // Publishes once more when somebody has subscribed, if nobody had (§9.3).
  async publishWaiting(subject, value, options = {}) {
    const first = await this.publish(subject, value, options);
    if (first.count > 0) return first;
    await this.waitForInterest(subject, options.timeout ?? 10_000);
    return await this.publish(subject, value, options);
  }

  #inboxBase() {
    const user = this.info.user ?? {};
    const [kind, id] = Object.entries(user)[0] ?? [];
    return kind ? `_INBOX.${kind.replace("_id", "")}-${id}` : "_INBOX";
  }

  async #openInbox() {
    const base = `${this.#inboxBase()}.${randomId()}`;
    await this.listen(`${base}.*`, (reply) => this.#replies.get(reply.subject)?.(reply));
    return base;
  }

  // Sends a request; returns the queue of its replies and what ends it (§10.3).
  async requestMany(subject, value, { headers, waitForInterest = false, ...options } = {}) {
    this.#inbox ??= this.#openInbox();
    const replySubject = `${await this.#inbox}.${randomId()}`;
    const replies = new Queue();
    this.#replies.set(replySubject, (reply) => replies.put(reply));
    const close = () => this.#replies.delete(replySubject);
    const send = waitForInterest ? this.publishWaiting : this.publish;
    const all = { ...options, headers: { ...headers, "CN-Reply": replySubject } };
    try {
      const { count } = await send.call(this, subject, value, all);
      if (count === 0) throw new ConatError(`no subscribers matching '${subject}'`, 503);
    } catch (error) {
      close();
      throw error;
    }
    return { replies, close };
  }

  async request(subject, value, { timeout = TIMEOUT, ...options } = {}) {
    const { replies, close } = await this.requestMany(subject, value, options);
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new ConatError("timeout", 408)), timeout);
    });
    try {
      return await Promise.race([replies.next(), late]);
    } finally {
      clearTimeout(timer);
      close();
    }
  }

  async respond(message, value, options) {
    return await this.publishWaiting(message.headers["CN-Reply"], value, options);
  }

  // Responds to a peer that asks again when the reply is lost with the connection.
  async respondIfPossible(message, value, options) {
    try {
      return await this.respond(message, value, options);
    } catch (error) {
      this.emit("lost reply", error);
      return { count: 0 };
    }
  }

  close() {
    this.socket.disconnect();
  }
}

export async function connect(address, options) {
  const client = new Client(address, options);
  await new Promise((resolve, reject) => {
    client.once("ready", resolve);
    client.socket.once("connect_error", reject);
  });
  client.socket.removeAllListeners("connect_error");
  return client;
}

export const disconnected = (client) => once(client, "disconnected");
