// The widgets of a notebook, by a client that knows only the table (syncdoc-jupyter §8, §4.9).
// Usage: node widgets.mjs <address> <project id> <token>

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "./lib/client.mjs";
import { ask, run } from "./lib/report.mjs";
import { call } from "./lib/rpc.mjs";
import { Store } from "./lib/store.mjs";
import { Stream } from "./lib/stream.mjs";
import { SyncDB } from "./lib/syncdb.mjs";

const [address, projectId, token] = process.argv.slice(2);
const NOTEBOOK = "widgets.ipynb";
const SYNCED = `.${NOTEBOOK}.sage-jupyter2`;
const SCHEMA = { primaryKeys: ["type", "id"], stringCols: ["input"] };
const PATIENCE = 20_000;

const sha1 = (data) => createHash("sha1").update(data).digest("hex");
const id = sha1(`${projectId}${SYNCED}`);
const subject = `services.project-${projectId}._.api.${Buffer.from(NOTEBOOK).toString("base64")}`;
const MAX_AGE = 86_400_000;

async function openTable(client) {
  const path = `projects/${projectId}/ipywidgets:${id}`;
  const stream = new Stream(client, `project-${projectId}`, { path, ephemeral: true });
  const store = await Store.open(stream);
  await stream.ask("config", { config: { max_age: MAX_AGE } });
  return store;
}

async function world() {
  const client = await connect(address, { token });
  const db = await SyncDB.open(client, projectId, SYNCED, client.info.user.account_id, SCHEMA);
  const table = await openTable(client);
  const key = (model, type) => JSON.stringify([id, model, type]);
  const data = (model, type) => table.get(key(model, type))?.data ?? null;
  const until = async (condition, what) => {
    const late = new Promise((_, reject) =>
      setTimeout(() => reject(new Error(`in vain: ${what}`)), PATIENCE).unref(),
    );
    await Promise.race([table.until(condition), late]);
  };
  return {
    db,
    table,
    data,
    until,
    // The only model of a class, once it is there.
    model: async (name) => {
      const models = () =>
        Object.values(table.all()).filter(
          ({ type, data }) => type === "state" && data?._model_name === name,
        );
      await until(() => models().length === 1, name);
      return models()[0].model_id;
    },
    // As a browser changes a model (§8.3).
    change: async (model, fields) => {
      const known = data(model, "value") ?? {};
      const value = { ...known, ...fields, last_changed: (known.last_changed ?? 0) + 1 };
      await table.set(key(model, "value"), {
        string_id: id,
        model_id: model,
        type: "value",
        data: value,
      });
    },
    run: async (cell) => {
      db.set({ type: "cell", id: cell, state: "start", start: Date.now(), end: null, output: null });
      await db.until(() => db.one({ type: "cell", id: cell })?.state === "done", `${cell} is done`);
    },
    printed: (cell) =>
      Object.values(db.one({ type: "cell", id: cell })?.output ?? {})
        .map(({ text }) => text ?? "")
        .join(""),
    api: (name, ...args) => call(client, subject, name, ...args),
  };
}

const checks = {
  "8.1 a model that a cell makes is there, with its state and the models it refers to": async (on) => {
    await on.run("c0");
    const slider = await on.model("IntSliderModel");
    const state = on.data(slider, "state");
    assert.equal(state.value, 7);
    assert.ok(!Object.values(state).includes(null));
    const layout = state.layout.replace("IPY_MODEL_", "");
    assert.equal(on.data(layout, "state")._model_name, "LayoutModel");
  },

  "8.3 a slider that JavaScript moves makes Python react, once, and moves in the page": async (on) => {
    const slider = await on.model("IntSliderModel");
    await on.change(slider, { value: 55 });
    await ask("sees", { model: slider, value: 55 });
    await on.run("c1");
    await on.db.until(() => on.printed("c1") === "[55]\n", "Python has seen it");
    assert.deepEqual(on.data(slider, "value"), { value: 55, last_changed: 1 });
  },

  "8.2 a slider that a page moves, moves here, too": async (on) => {
    const slider = await on.model("IntSliderModel");
    await ask("moves", { model: slider, value: 66 });
    await on.until(() => on.data(slider, "value")?.value === 66, "the page's value");
    assert.equal(on.data(slider, "value").last_changed, 2);
  },

  "8.2 binary data is named by its hash and fetched by its place": async (on) => {
    const picture = await on.model("ImageModel");
    await on.until(() => on.data(picture, "buffers"), "the hashes");
    const { buffer64 } = await on.api("ipywidgetsGetBuffer", {
      model_id: picture,
      buffer_path: '["value"]',
    });
    const bytes = Buffer.from(buffer64, "base64");
    assert.equal(bytes.toString(), "a picture");
    assert.deepEqual(on.data(picture, "buffers"), { '["value"]': sha1(bytes) });
  },

  "8.4 a click reaches Python, and what it prints is in the output widget alone": async (on) => {
    const button = await on.model("ButtonModel");
    const out = await on.model("OutputModel");
    const data = { method: "custom", content: { event: "click" } };
    await on.api("comm", { msg_id: "click", comm_id: button, target_name: "jupyter.widget", data });
    await on.until(() => on.data(out, "value")?.outputs?.length === 1, "the print");
    assert.deepEqual(on.data(out, "value").outputs, [{ name: "stdout", text: "clicked\n" }]);
    await on.until(() => on.data(button, "message"), "the answer");
    const { message, time } = on.data(button, "message");
    assert.deepEqual(message, { heard: true });
    assert.ok(Math.abs(Date.now() - time) < 60_000);
  },

  "8.5 after a restart all data is null": async (on) => {
    await ask("restarts");
    const records = () => Object.values(on.table.all());
    await on.until(() => records().every(({ data }) => data === null), "nothing is left");
    assert.ok(records().length > 5);
  },
};

await run(checks, await world());
