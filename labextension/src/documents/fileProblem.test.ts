import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fileProblemOf, newsOf } from './fileProblem';

const stateOf = (state: Record<string, unknown>) => ({ getState: (key: string) => state[key] });

test('a document without a problem says nothing', () => {
  assert.equal(fileProblemOf(stateOf({ dirty: true })), null);
  assert.equal(fileProblemOf(stateOf({ file_problem: '' })), null);
});

test("the server's words are shown as they are", () => {
  const words = 'a.ipynb was deleted; the next edit writes it anew.';
  assert.equal(fileProblemOf(stateOf({ file_problem: words })), words);
});

test('what is no text is not shown', () => {
  assert.equal(fileProblemOf(stateOf({ file_problem: { html: '<b>' } })), null);
});

const SESSION = 'https://schema.jupyter.org/jupyter_collaboration/session/v1';

test('errors about documents are news', () => {
  const event = { schema_id: SESSION, level: 'ERROR', path: 'a.md', msg: 'Kept as a copy.' };
  assert.deepEqual(newsOf(event), { path: 'a.md', message: 'Kept as a copy.' });
});

test('everything else that the server tells is none', () => {
  const event = { schema_id: SESSION, level: 'ERROR', path: 'a.md', msg: 'words' };
  assert.equal(newsOf({ ...event, level: 'INFO' }), null);
  assert.equal(newsOf({ ...event, schema_id: 'https://example.org/other' }), null);
  assert.equal(newsOf({ ...event, msg: undefined }), null);
});
