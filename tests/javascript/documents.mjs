// A text and a notebook, edited by a client that knows only the contract (syncdoc-jupyter §1, §2)
// while a page of JupyterLab edits them, too.
// Usage: node documents.mjs <address> <project id> <token>

import assert from "node:assert/strict";
import { connect } from "./lib/client.mjs";
import { ask, run } from "./lib/report.mjs";
import { SyncDB } from "./lib/syncdb.mjs";
import { SyncString } from "./lib/syncstring.mjs";
import { hunksBetween, textHash } from "./lib/texts.mjs";

const [address, projectId, token] = process.argv.slice(2);
const SCHEMA = { primaryKeys: ["type", "id"], stringCols: ["input"] };
const ROUNDS = 20;

const words = (text) => text.split(/\s+/).filter(Boolean).sort();
const named = (name) => Array.from({ length: ROUNDS }, (_, round) => `${name}${round}`);

// Waits for both, also where one fails: the page answers a question only once.
async function together(...works) {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

const checks = {
  "1.14 a file that nobody has open is opened with what is in it": async ({ text }) => {
    assert.equal(text.value(), "# Notes 🐍\n");
    assert.equal(text.field("init").error, "");
    await text.until(() => text.field("read_only") === false, "it may be written");
  },

  "1.9 what is typed here is on the page, and what is typed there is here": async ({ text }) => {
    await text.commit(`${text.value()}typed 🐍🐍 here\n`);
    await ask("reads", { text: "# Notes 🐍\ntyped 🐍🐍 here\n" });
    await ask("types", { text: "typed there é\n" });
    await text.until(() => text.value().endsWith("there é\n"), "what the page typed");
    assert.equal(text.value(), "# Notes 🐍\ntyped 🐍🐍 here\ntyped there é\n");
  },

  "1.10 an undo takes back what was typed here, and nothing else": async ({ text }) => {
    await text.commit(text.value().replace("typed 🐍🐍 here", "typed 🐍🐍 wrongly"));
    await ask("types", { text: "meanwhile\n" });
    await text.until(() => text.value().endsWith("meanwhile\n"), "what the page typed");
    await text.undo();
    const wanted = "# Notes 🐍\ntyped 🐍🐍 here\ntyped there é\nmeanwhile\n";
    assert.equal(text.value(), wanted);
    await ask("reads", { text: wanted });
  },

  "1.17 a save writes the file, whose hash is that of everybody": async ({ text }) => {
    const { error, hash } = await text.save();
    assert.equal(error, "");
    assert.equal(hash, textHash(text.value()));
    await ask("file", { text: text.value() });
  },

  "1.8 of what both type at once, every word is there once, for both": async ({ text }) => {
    const typeHere = async () => {
      for (const word of named("script")) await text.commit(`${word}\n${text.value()}`);
    };
    await together(ask("typesMany", { words: named("page") }), typeHere());
    const all = [...named("page"), ...named("script")].sort();
    const typed = () => words(text.value()).filter((word) => /^(page|script)\d/.test(word));
    await text.until(() => typed().length >= all.length, "all words");
    assert.deepEqual(typed(), all);
    await text.until(() => text.field("save").hash === textHash(text.value()), "the file");
    await ask("reads", { text: text.value() });
  },

  "2.3 of what both type into one cell at once, every word is there once": async ({ notebook }) => {
    const cell = () => notebook.one({ type: "cell" });
    const typeHere = async () => {
      for (const word of named("script")) {
        const { id, input } = cell();
        const hunks = hunksBetween(input, `# ${word}\n${input}`);
        await notebook.set({ type: "cell", id, input: hunks });
      }
    };
    await together(ask("typesInCell", { words: named("page") }), typeHere());
    const all = [...named("page"), ...named("script")].sort();
    const typed = () => words(cell().input).filter((word) => /^(page|script)\d/.test(word));
    await notebook.until(() => typed().length >= all.length, "all words");
    assert.deepEqual(typed(), all);
    await ask("readsCell", { text: cell().input });
  },
};

const client = await connect(address, { token });
const who = client.info.user.account_id;
await run(checks, {
  text: await SyncString.open(client, projectId, "notes.md", who),
  notebook: await SyncDB.open(client, projectId, ".work.ipynb.sage-jupyter2", who, SCHEMA),
});
