// A document of records as its patches make it (syncdoc-jupyter §1.5 to §1.9, §2), for clients.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { Store } from "./store.mjs";
import { Stream } from "./stream.mjs";
import { patchText } from "./texts.mjs";

const PATIENCE = 40_000;

const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export class SyncDB extends EventEmitter {
  #patches = new Map(); // time -> patch
  #snapshot = null;
  #records = new Map();
  #userId = 0;
  #userCount = 1;

  constructor(stream, { primaryKeys, stringCols }) {
    super();
    this.stream = stream;
    this.primaryKeys = primaryKeys;
    this.stringCols = new Set(stringCols);
    stream.on("update", ({ value }) => value && this.#take([value]));
  }

  // Opens a document that the project has loaded, as the participant `who`.
  static async open(client, projectId, path, who, schema) {
    const id = createHash("sha1").update(`${projectId}${path}`).digest("hex");
    const open = (name) =>
      new Stream(client, `project-${projectId}`, { path: `projects/${projectId}/${name}` });
    const record = await Store.open(open(`__dko__syncstrings:${id}`));
    const field = (name) => JSON.stringify([id, name]);
    await record.until(() => record.get(field("init")) && record.get(field("users")));
    let users = record.get(field("users"));
    if (!users.includes(who)) {
      users = [...users, who];
      await record.set(field("users"), users);
    }
    const db = new SyncDB(await open(`patches:${id}`).open(), schema);
    db.#userId = users.indexOf(who);
    db.#userCount = users.length;
    db.#take((await db.stream.follow()).map(({ value }) => value));
    return db;
  }

  all(where = {}) {
    return [...this.#records.values()].filter((record) =>
      Object.entries(where).every(([name, value]) => record[name] === value),
    );
  }

  one(where) {
    return this.all(where)[0];
  }

  // Makes one commit of records to set, and waits until the project's stream has it.
  async set(...records) {
    const heads = new Set(this.#patches.keys());
    for (const { parents } of this.#patches.values()) parents?.forEach((time) => heads.delete(time));
    let time = Math.max(Date.now(), ...[...this.#patches.keys()].map((known) => known + 1));
    while (time % this.#userCount !== this.#userId) time++;
    const patch = {
      time,
      wall: Date.now(),
      patch: JSON.stringify([1, records]),
      user_id: this.#userId,
      is_snapshot: false,
      parents: [...heads],
      version: this.#patches.size + 1,
      format: 1,
    };
    this.#take([patch]);
    await this.stream.set(patch);
  }

  async until(condition, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), PATIENCE);
    });
    try {
      while (!condition(this))
        await Promise.race([late, new Promise((resolve) => this.once("change", resolve))]);
    } finally {
      clearTimeout(timer);
    }
  }

  #take(messages) {
    for (const message of messages) {
      if (message.is_snapshot) {
        if (message.time > (this.#snapshot?.time ?? 0)) this.#snapshot = message;
      } else if (!this.#patches.has(message.time)) this.#patches.set(message.time, message);
    }
    this.#replay();
    this.emit("change");
  }

  // The value now is that of all patches in the order of their times (§1.8).
  #replay() {
    this.#records = new Map();
    const start = this.#snapshot?.time ?? 0;
    for (const line of (this.#snapshot?.snapshot ?? "").split("\n"))
      if (line) this.#set(JSON.parse(line));
    for (const time of [...this.#patches.keys()].sort((a, b) => a - b)) {
      if (time <= start) continue;
      const operations = JSON.parse(this.#patches.get(time).patch);
      for (let index = 0; index < operations.length; index += 2)
        for (const record of operations[index + 1])
          if (operations[index] === 1) this.#set(record);
          else if (operations[index] === -1) this.#delete(record);
    }
  }

  #key(record) {
    return JSON.stringify(this.primaryKeys.map((name) => record[name] ?? null));
  }

  #delete(where) {
    for (const record of this.all(where)) this.#records.delete(this.#key(record));
  }

  // Null deletes a field, maps are merged one level deep, text takes hunks (§2.3).
  #set(change) {
    const key = this.#key(change);
    const record = { ...this.#records.get(key) };
    for (const [name, value] of Object.entries(change)) {
      if (value === null) delete record[name];
      else if (this.stringCols.has(name) && Array.isArray(value))
        record[name] = patchText(record[name] ?? "", value);
      else if (isMap(value) && isMap(record[name])) {
        const merged = { ...record[name], ...value };
        for (const inner of Object.keys(merged)) if (merged[inner] === null) delete merged[inner];
        record[name] = merged;
      } else record[name] = value;
    }
    assert.ok(this.primaryKeys.some((name) => name in record), "a record without a key");
    this.#records.set(key, record);
  }
}
