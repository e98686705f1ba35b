// A notebook, run by a client that only sets the states of its cells (syncdoc-jupyter §3, §4).
// Usage: node notebooks.mjs <address> <project id> <token>

import assert from "node:assert/strict";
import { connect } from "./lib/client.mjs";
import { ask, run } from "./lib/report.mjs";
import { call } from "./lib/rpc.mjs";
import { SyncDB } from "./lib/syncdb.mjs";

const [address, projectId, token] = process.argv.slice(2);
const NOTEBOOK = "work.ipynb";
const SYNCED = ".work.ipynb.sage-jupyter2";
const SCHEMA = { primaryKeys: ["type", "id"], stringCols: ["input"] };

const subject = `services.project-${projectId}._.api.${Buffer.from(NOTEBOOK).toString("base64")}`;
const messages = ({ output = {} }) => Object.keys(output).map((number) => output[number]);
const printed = (cell) => messages(cell).map(({ text }) => text ?? "").join("");

async function world() {
  const client = await connect(address, { token });
  const db = await SyncDB.open(client, projectId, SYNCED, client.info.user.account_id, SCHEMA);
  const cell = (id) => db.one({ type: "cell", id }) ?? {};
  return {
    client,
    db,
    cell,
    // Asks for runs as browsers do: one commit, times in the order of the cells (§4.1).
    start: (...ids) =>
      db.set(
        { type: "settings", trust: true },
        ...ids.map((id, index) => ({
          type: "cell",
          id,
          state: "start",
          start: Date.now() + index,
          end: null,
          output: null,
          exec_count: null,
        })),
      ),
    write: (id, input, pos) => db.set({ type: "cell", id, input, pos, cell_type: "code" }),
    state: (id, state) => db.until(() => cell(id).state === state, `${id} is ${state}`),
    api: (name, ...args) => call(client, subject, name, ...args),
  };
}

const checks = {
  "4.3 a cell is asked for, runs and is done, and a page of JupyterLab sees the same": async (on) => {
    await on.write("runs", "import time; time.sleep(0.3); print('from JavaScript')", 10);
    const states = [];
    on.db.on("change", () => {
      const { state } = on.cell("runs");
      if (state !== states.at(-1)) states.push(state);
    });
    await on.start("runs");
    await on.state("runs", "done");
    assert.deepEqual(states.slice(-2), ["busy", "done"]);
    const cell = on.cell("runs");
    assert.equal(printed(cell), "from JavaScript\n");
    assert.ok(cell.start <= cell.end);
    assert.equal(cell.kernel, "python3");
    assert.equal(cell.exec_count, 1);
    await ask("shown", { cell: "runs", text: "from JavaScript\n" });
  },

  "4.1 cells asked for in one commit run in the order of their times": async (on) => {
    for (const [index, id] of ["first", "second", "third"].entries())
      await on.write(id, `order = globals().get('order', '') + '${id} '; print(order)`, 20 + index);
    await on.start("second", "third", "first");
    await on.state("first", "done");
    assert.equal(printed(on.cell("first")), "second third first \n");
  },

  "4.2 an error empties the queue, except of those who want to go on": async (on) => {
    await on.write("fails", "1/0", 30);
    await on.write("after", "print('after')", 31);
    await on.start("fails", "after");
    await on.state("after", "done");
    assert.equal(messages(on.cell("fails"))[0].ename, "ZeroDivisionError");
    assert.equal(printed(on.cell("after")), "");
    const wanted = (id, start) => ({ type: "cell", id, state: "start", start, no_halt: true });
    await on.db.set(wanted("fails", 1), wanted("after", 2));
    await on.db.until(() => printed(on.cell("after")) === "after\n", "no_halt goes on");
  },

  "3.5 a question is answered by writing its value": async (on) => {
    await on.write("asks", "name = input('Name? '); print('hello', name)", 40);
    await on.start("asks");
    await on.db.until(() => messages(on.cell("asks")).at(-1)?.name === "input", "the question");
    const question = messages(on.cell("asks")).at(-1);
    assert.deepEqual(question, { name: "input", opts: { prompt: "Name? ", password: false } });
    await ask("asked", { cell: "asks", prompt: "Name? " });
    const number = String(messages(on.cell("asks")).length - 1);
    await on.db.set({ type: "cell", id: "asks", output: { [number]: { ...question, value: "Ada" } } });
    await on.state("asks", "done");
    assert.equal(printed(on.cell("asks")), "hello Ada\n");
    assert.equal(messages(on.cell("asks"))[0].value, "Ada");
    await ask("shown", { cell: "asks", text: "hello Ada\n" });
  },

  "3.5 a page of JupyterLab may answer as well": async (on) => {
    await on.start("asks");
    await on.db.until(() => messages(on.cell("asks")).at(-1)?.name === "input", "the question");
    await ask("answer", { cell: "asks", value: "Bob" });
    await on.state("asks", "done");
    assert.equal(messages(on.cell("asks"))[0].value, "Bob");
    assert.equal(printed(on.cell("asks")), "hello Bob\n");
  },

  "3.5, 4.9 a password goes by the store and is nowhere": async (on) => {
    const code = "from getpass import getpass; print(len(getpass('Key? ')))";
    await on.write("secret", code, 50);
    await on.start("secret");
    await on.db.until(() => messages(on.cell("secret")).at(-1)?.opts?.password, "the question");
    await on.api("store", { key: "secret", value: "hunter2" });
    const question = messages(on.cell("secret")).at(-1);
    await on.db.set({ type: "cell", id: "secret", output: { 0: { ...question, value: "" } } });
    await on.state("secret", "done");
    assert.equal(printed(on.cell("secret")), "7\n");
    assert.ok(!JSON.stringify(on.db.all()).includes("hunter2"));
    assert.equal(await on.api("store", { key: "secret" }), null);
  },

  "4.6, 4.9 what is beyond the limit is had on demand": async (on) => {
    await on.write("long", "for i in range(60_000): print(i)", 60);
    await on.start("long");
    await on.state("long", "done");
    const shown = messages(on.cell("long"));
    assert.deepEqual(shown.at(-1), { more_output: true });
    assert.ok(JSON.stringify(shown).length <= 250_100);
    const more = await on.api("more_output", "long");
    const text = [...shown.slice(0, -1), ...more].map((message) => message.text).join("");
    assert.equal(text, Array.from({ length: 60_000 }, (_, i) => `${i}\n`).join(""));
    await ask("more", { cell: "long" });
  },

  "4.5 a signal interrupts and empties the queue": async (on) => {
    await on.write("sleeps", "import time; print('began', flush=True); time.sleep(60)", 70);
    await on.start("sleeps", "after");
    await on.db.until(() => printed(on.cell("sleeps")) === "began\n", "the cell runs");
    await on.api("signal", "SIGINT");
    await on.state("sleeps", "done");
    await on.state("after", "done");
    assert.equal(messages(on.cell("sleeps")).at(-1).ename, "KeyboardInterrupt");
    assert.equal(printed(on.cell("after")), "");
  },

  "4.5 a cell is cancelled by calling it done": async (on) => {
    await on.start("sleeps", "after");
    await on.db.until(() => printed(on.cell("sleeps")) === "began\n", "the cell runs");
    await on.db.set({ type: "cell", id: "sleeps", state: "done" });
    const ended = () => messages(on.cell("sleeps")).at(-1)?.ename === "KeyboardInterrupt";
    await on.db.until(ended, "the kernel is interrupted");
    await on.state("after", "done");
  },

  "3.5 the kernel replaces the text of the cell": async (on) => {
    await on.write("next", "get_ipython().set_next_input('1 + 1')", 80);
    await on.start("next");
    await on.db.until(() => on.cell("next").input === "1 + 1", "the text is replaced");
  },

  "4.5 how a kernel died is told in the cell and to everybody": async (on) => {
    await on.write("dies", "import os; os.kill(os.getpid(), 9)", 90);
    await on.start("dies", "after");
    await on.state("dies", "done");
    await on.state("after", "done");
    const error = () => on.db.one({ type: "settings" }).kernel_error ?? "";
    await on.db.until(() => error().includes("SIGKILL"), "the reason");
    assert.match(messages(on.cell("dies")).at(-1).traceback.join("\n"), /SIGKILL/);
  },

  "4.4 another kernel is used once it is chosen": async (on) => {
    const programs = { bash: "echo $((6 * 7))", deno: "console.log(6 * 7)" };
    for (const [kernel, code] of Object.entries(programs)) {
      await on.db.set({ type: "settings", kernel });
      await on.write(kernel, code, 100);
      await on.start(kernel);
      await on.state(kernel, "done");
      assert.equal(printed(on.cell(kernel)), "42\n");
      assert.equal(on.cell(kernel).kernel, kernel);
      await ask("shown", { cell: kernel, text: "42\n" });
    }
  },
};

await run(checks, await world());
