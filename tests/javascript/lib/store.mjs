// A map over a stream, as conat-sync §4.2 describes dkv: the last message of a key counts.

import { EventEmitter } from "node:events";
import { randomId } from "./codecs.mjs";

const TOMBSTONE = "CN-Tombstone";
const DAY = 86_400_000;

// Emits "change" with the key.
export class Store extends EventEmitter {
  values = new Map();

  constructor(stream) {
    super();
    this.stream = stream;
    stream.on("update", (event) => this.#apply(event));
  }

  static async open(stream) {
    const store = new Store(await stream.open());
    await stream.ask("config", { config: { allow_msg_ttl: true } });
    for (const message of await stream.follow()) store.#apply(message);
    return store;
  }

  #apply({ op, seqs, seq, key, value, headers }) {
    if (op === "delete") {
      const gone = new Set(seqs);
      for (const [each, entry] of this.values) if (gone.has(entry.seq)) this.#forget(each);
    } else if (headers?.[TOMBSTONE]) this.#forget(key);
    else {
      this.values.set(key, { seq, value });
      this.emit("change", key);
    }
  }

  #forget(key) {
    this.values.delete(key);
    this.emit("change", key);
  }

  get(key) {
    return this.values.get(key)?.value;
  }

  all() {
    return Object.fromEntries([...this.values].map(([key, { value }]) => [key, value]));
  }

  async set(key, value) {
    return await this.stream.set(value, { key, msgID: randomId() });
  }

  // Deletions that were missed are seen as tombstones, which stay for a day (§3.7).
  async delete(key) {
    const headers = { [TOMBSTONE]: true };
    return await this.stream.set(null, { key, headers, ttl: DAY, msgID: randomId() });
  }

  async until(condition) {
    while (!condition(this))
      await new Promise((resolve) => this.once("change", resolve));
  }
}
