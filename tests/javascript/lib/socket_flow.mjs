// Numbering, acknowledging and resending: one direction of a socket each (conat-core §14.5).

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { codecs, MSGPACK } from "./codecs.mjs";

export const COMMAND = "CN-SocketCmd";
export const SEQUENCE = "CN-SocketSeq";

export class Sender extends EventEmitter {
  #last = 0;
  #unsent = new Map();

  constructor(transmit, maxQueueSize = 1000) {
    super();
    this.transmit = transmit;
    this.maxQueueSize = maxQueueSize;
  }

  get unacknowledged() {
    return this.#unsent.size;
  }

  write(value, headers) {
    if (this.#unsent.size >= this.maxQueueSize)
      throw Object.assign(new Error("WRITE FAILED"), { code: "ENOBUFS" });
    this.#last += 1;
    const packet = {
      encoding: MSGPACK,
      raw: codecs[MSGPACK].encode(value),
      headers: { ...headers, [SEQUENCE]: this.#last },
    };
    this.#unsent.set(this.#last, packet);
    this.transmit(packet);
  }

  resendLast() {
    const packet = this.#unsent.get(this.#last);
    if (packet !== undefined) this.transmit(packet);
  }

  emitted(number) {
    for (const seq of this.#unsent.keys()) if (seq <= number) this.#unsent.delete(seq);
    if (this.#unsent.size === 0) this.emit("drain");
    return { emitted: number };
  }

  // The packets asked for, or null when one of them is not held any more.
  missing(numbers) {
    const packets = numbers.map((number) => this.#unsent.get(number));
    return packets.includes(undefined) ? null : packets;
  }
}

export class Receiver {
  #next = 1;
  #early = new Map();
  #asking = false;
  #chain = Promise.resolve();

  // `emit` takes a value and headers; `ask` sends a socket command and returns its reply.
  constructor(emit, ask) {
    this.emit = emit;
    this.ask = ask;
  }

  receive({ encoding, raw, headers }) {
    const { [SEQUENCE]: seq, ...rest } = headers ?? {};
    assert.ok(Number.isInteger(seq) && seq >= 1, "data messages are numbered from 1");
    if (seq >= this.#next) this.#early.set(seq, [codecs[encoding].decode(raw), rest]);
    while (this.#early.has(this.#next)) {
      const item = this.#early.get(this.#next);
      this.#early.delete(this.#next);
      this.#next += 1;
      this.emit(...item);
    }
    this.#report();
    if (this.#early.size > 0) this.#fillGap();
  }

  #report() {
    const emitted = this.#next - 1;
    if (emitted === 0) return;
    // One report after another, and a failed one is covered by the next.
    this.#chain = this.#chain
      .then(() => this.ask({ emitted }))
      .catch(() => {});
  }

  async #fillGap() {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const last = Math.max(...this.#early.keys());
      const missing = [];
      for (let seq = this.#next; seq < last; seq++) if (!this.#early.has(seq)) missing.push(seq);
      const { value, headers } = await this.ask({ missing });
      if (headers?.error !== "nodata") for (const packet of value) this.receive(packet);
    } catch {
      // The next message asks again.
    } finally {
      this.#asking = false;
    }
  }
}
