// A synced text, opened as a browser does: nobody else need have it open (syncdoc-jupyter §1).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { Store } from "./store.mjs";
import { Stream } from "./stream.mjs";
import { hunksBetween, patchText, textHash } from "./texts.mjs";

const PATIENCE = 40_000;
const DOCTYPE = { type: "string" };

// Writes fields of an object of a store; the list of its fields only grows (§1.3).
async function setFields(store, key, fields) {
  const known = store.get(key) ?? [];
  const names = [...known, ...Object.keys(fields).filter((name) => !known.includes(name))];
  if (names.length > known.length) await store.set(key, names);
  for (const [name, value] of Object.entries(fields))
    await store.set(JSON.stringify([key, name]), value);
}

export class SyncString extends EventEmitter {
  #id;
  #patches = new Map(); // time -> patch
  #snapshot = null;
  #user = 0;
  #users = 1;
  #mine = [];
  #undone = new Set();

  constructor(record, stream, id) {
    super();
    this.record = record;
    this.stream = stream;
    this.#id = id;
    stream.on("update", ({ value }) => value && this.#take([value]));
    record.on("change", () => this.emit("change"));
  }

  // Asks for the file (§1.13), joins its users (§1.4), and waits until it is loaded (§1.14).
  static async open(client, projectId, path, who) {
    const scope = `project-${projectId}`;
    const open = (name) => new Stream(client, scope, { path: `projects/${projectId}/${name}` });
    const files = await Store.open(open("__dko__open-files"));
    await setFields(files, path, { time: Date.now(), doctype: DOCTYPE });
    const id = createHash("sha1").update(`${projectId}${path}`).digest("hex");
    const record = await Store.open(open(`__dko__syncstrings:${id}`));
    const stream = await open(`patches:${id}`).open();
    const text = new SyncString(record, stream, id);
    await text.until(() => text.field("init") && text.field("users"), "the file is loaded");
    await text.#join(who);
    text.#take((await stream.follow()).map(({ value }) => value));
    if (text.field("init").size > 0) await text.until(() => text.#patches.size > 0, "its text");
    return text;
  }

  field(name) {
    return this.record.get(this.#id)?.includes(name)
      ? this.record.get(JSON.stringify([this.#id, name]))
      : undefined;
  }

  // The value now, without the patches of these times (§1.8).
  value(without = new Set()) {
    const start = this.#snapshot?.time ?? 0;
    let text = this.#snapshot?.snapshot ?? "";
    for (const time of [...this.#patches.keys()].sort((a, b) => a - b))
      if (time > start && !without.has(time))
        text = patchText(text, JSON.parse(this.#patches.get(time).patch));
    return text;
  }

  // Makes one commit (§1.9).
  async commit(text) {
    this.#undone.clear();
    this.#mine.push(await this.#commit(text));
  }

  // Takes back the newest commit of this client that is not taken back yet (§1.10).
  async undo() {
    const left = this.#mine.filter((time) => !this.#undone.has(time));
    assert.ok(left.length > 0, "nothing of ours is left to be undone");
    this.#undone.add(left.at(-1));
    this.#undone.add(await this.#commit(this.value(this.#undone)));
  }

  // Returns the answer to a request that the file be written (§1.17).
  async save() {
    const save = this.field("save") ?? {};
    const request = { state: "requested", error: "", expected_hash: textHash(this.value()) };
    await setFields(this.record, this.#id, { save: { ...save, ...request, time: Date.now() } });
    await this.until(() => this.field("save").state === "done", "the save is answered");
    return this.field("save");
  }

  async until(condition, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), PATIENCE);
    });
    try {
      while (!condition())
        await Promise.race([late, new Promise((resolve) => this.once("change", resolve))]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #join(who) {
    const users = this.field("users");
    if (!users.includes(who)) await setFields(this.record, this.#id, { users: [...users, who] });
    await this.until(() => this.field("users").includes(who), "the list of users has us");
    this.#user = this.field("users").indexOf(who);
    this.#users = this.field("users").length;
  }

  async #commit(text) {
    const heads = new Set(this.#patches.keys());
    for (const { parents } of this.#patches.values()) parents?.forEach((time) => heads.delete(time));
    let time = Math.max(Date.now(), ...[...this.#patches.keys()].map((known) => known + 1));
    while (time % this.#users !== this.#user) time++;
    const patch = {
      time,
      wall: Date.now(),
      patch: JSON.stringify(hunksBetween(this.value(), text)),
      user_id: this.#user,
      is_snapshot: false,
      parents: [...heads],
      version: this.#patches.size + 1,
    };
    this.#take([patch]);
    await this.stream.set(patch);
    return time;
  }

  #take(messages) {
    for (const message of messages)
      if (!message.is_snapshot) {
        if (!this.#patches.has(message.time)) this.#patches.set(message.time, message);
      } else if (message.time > (this.#snapshot?.time ?? 0)) this.#snapshot = message;
    this.emit("change");
  }
}
