// Runs checks one after another and reports to whoever started the process.
//
// Standard output holds lines of JSON: {ask: name, ...} is a question to the starter, who
// answers with a line on standard input; the last line is {passed: [names], failed: [...]}.

import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// Asks the starter to do something, and waits until it is done.
export async function ask(name, details = {}) {
  write({ ask: name, ...details });
  const { value, done } = await lines.next();
  if (done) throw new Error(`nobody answered '${name}'`);
  return JSON.parse(value);
}

export async function run(checks, argument) {
  const passed = [];
  const failed = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(argument);
      passed.push(name);
    } catch (error) {
      failed.push({ name, error: String(error?.stack ?? error) });
    }
  }
  write({ passed, failed });
  process.exit(failed.length === 0 ? 0 : 1);
}
